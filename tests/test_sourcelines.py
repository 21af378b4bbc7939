"""Many sources: a row for each."""

import pytest
from pictures import ALIVE, changed, drawn, frame, playing_piano, state

from instrd.clients.headline import alarm_colour
from instrd.clients.picture import Picture
from instrd.clients.sourcelines import hidden_line
from instrd.clients.sourceview import SourceView


@pytest.mark.parametrize(
    ("width", "row"),
    [
        (20, "stage-l… piano +4"),
        (40, "stage-left piano drum +3      -23.4 dBFS"),
        (80, "stage-left piano drum violin voice organ           ■■■■■·┃·  -23.4 dBFS  ● open"),
    ],
)
def test_a_narrow_source_has_whole_words_before_numbers_before_a_meter(
    width: int, row: str
) -> None:
    playing = playing_piano()
    playing.take(state("piano", "drum", "violin", "voice", "organ"))
    assert drawn(playing, width=width, height=4)[1].rstrip() == row


def test_a_row_says_how_sure_and_since_when_before_there_is_a_meter() -> None:
    playing = playing_piano()
    playing.take(frame({"piano": 0.9, "voice": 0.8}))
    playing.take(state("piano", "voice"))
    [_, row] = drawn(playing, width=80, height=2)
    assert row.startswith("stage-left piano 0.90 · 0:02  voice 0.80 · 0:02 ")


def many() -> Picture:
    playing = playing_piano()
    for number in range(1, 5):
        playing.take(state("drum", source=f"a-source-with-a-long-id-{number}"))
        playing.take(changed("level", source=f"a-source-with-a-long-id-{number}"))
    return playing


def test_ids_are_whole_where_there_is_room_and_the_columns_are_the_same_for_all() -> None:
    rows = drawn(many(), width=120, height=8)[1:]
    assert [row.split()[0] for row in rows] == [
        "stage-left",
        *(f"a-source-with-a-long-id-{number}" for number in range(1, 5)),
    ]
    assert len({row.index("-23.4 dBFS") for row in rows}) == 1


def test_a_row_tells_of_gaps_and_the_columns_stay_the_same_for_all() -> None:
    playing = many()
    playing.take(changed("gap"))
    playing.take(changed("gap"))
    rows = drawn(playing, width=120, height=8)[1:]
    assert rows[0].endswith(" 2 gaps")
    assert not any("gap" in row for row in rows[1:])
    assert len({row.index("-23.4 dBFS") for row in rows}) == 1
    assert drawn(playing, width=40, height=8)[1].endswith(" !")


@pytest.mark.parametrize(("height", "shown"), [(7, 6), (5, 3), (2, 0)])
def test_sources_that_have_no_row_are_counted(height: int, shown: int) -> None:
    playing = playing_piano()
    for number in range(1, 6):
        playing.take(state("drum", source=f"mic{number}"))
    rows = drawn(playing, height=height)
    assert len(rows) <= height
    assert sum(row.startswith(("stage-left", "mic")) for row in rows) == shown
    assert (rows[-1] == f"and {6 - shown} more sources") == (shown < 6)


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (80, "and 3 more sources, 1 failed, 1 paused"),
        (30, "and 3 more, 1 failed, 1 paused"),
        (25, "+3, 1 failed, 1 paused"),
    ],
)
def test_of_hidden_sources_those_that_are_not_heard_are_told(width: int, told: str) -> None:
    playing = many()
    status = {"source": "a-source-with-a-long-id-3", "status": "failed"}
    playing.take(changed("status", **status))
    playing.take(changed("status", source="a-source-with-a-long-id-4", detail="paused"))
    assert drawn(playing, width=width, height=4)[-1].rstrip() == told


@pytest.mark.parametrize(("status", "red"), [("ended", False), ("failed", True)])
def test_a_source_that_ended_in_order_is_no_alarm(status: str, *, red: bool) -> None:
    playing = playing_piano()
    playing.take(changed("status", status=status))
    view = SourceView(playing, playing.sources["stage-left"], ALIVE)
    assert ("red" in alarm_colour(view)) == red
    assert ("red" in str(hidden_line([view], 80).style)) == red

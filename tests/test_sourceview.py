"""Which words stand for a source, and which labels have a row."""

import pytest
from pictures import ALIVE, LABELS, NOW_US, changed, drawn, frame, labels_in, playing_piano, state
from rich.cells import cell_len

from instrd.clients.link import Link
from instrd.clients.picture import Picture
from instrd.clients.protocol import Active
from instrd.clients.sourceview import SourceView, Word, duration


def view_of(picture: Picture, link: Link = ALIVE) -> SourceView:
    return SourceView(picture, picture.sources["stage-left"], link)


def names_of(picture: Picture) -> list[str]:
    return [word.text for word in view_of(picture).words]


def test_a_word_says_how_sure_and_since_when() -> None:
    playing = playing_piano()
    playing.take(state("piano", p=(0.97,), t_pub_us=NOW_US + 70_000_000))
    assert view_of(playing).words == (Word("piano", "0.97 · 1:12"),)


def test_a_word_is_as_sure_as_its_row() -> None:
    playing = playing_piano()
    playing.take(state("piano", p=(0.6,)))
    playing.take(frame({"piano": 0.99}))
    assert view_of(playing).words == (Word("piano", "0.99 · 0:02"),)


def test_at_the_fast_pace_times_are_those_of_the_sound_not_of_the_clock() -> None:
    playing = playing_piano()
    playing.take(frame(t1_us=NOW_US + 60_000_000))
    playing.take(changed("event", event="on", id="id-piano", t_on_us=NOW_US + 50_000_000))
    active = Active(label="piano", id="id-piano", t_on_us=NOW_US + 50_000_000, p_smooth=0.9)
    playing.take(changed("state", active=(active,), decision="piano"))
    assert view_of(playing).words == (Word("piano", "0.90 · 0:10"),)
    [row] = [row for row in drawn(playing) if "│ piano" in row]
    assert "····■■■■" in row


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (3599, "59:59"), (360_000, "100:00:00")]
)
def test_a_duration_is_written_as_a_clock_does(seconds: float, text: str) -> None:
    assert duration(round(seconds * 1e6)) == text


def test_words_are_in_the_order_of_their_onsets_however_sure_each_is() -> None:
    playing = playing_piano()
    onsets_s = {"drum": 2, "organ": 0, "violin": 1}
    sounds = tuple(
        Active(label=label, id=f"id-{label}", t_on_us=NOW_US + s * 1_000_000, p_smooth=0.9)
        for label, s in onsets_s.items()
    )
    playing.take(changed("state", active=sounds, decision="drum"))
    for likely in ({"drum": 0.9, "violin": 0.6, "organ": 0.5}, {"drum": 0.5, "organ": 0.99}):
        playing.take(frame(likely))
        assert names_of(playing) == ["organ", "violin", "drum"]


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("masked", "(masked)"),
        ("warming_up", "(warming up)"),
        ("low_margin", "(no clear best)"),
        ("low_confidence", ""),
    ],
)
def test_unknown_says_why_where_that_explains_it(reason: str, why: str) -> None:
    playing = playing_piano()
    playing.take(frame(decision="unknown", reason=reason, active=()))
    playing.take(state(decision="unknown"))
    assert view_of(playing).words == (Word("unknown", why),)
    assert any(f"unknown {why}".strip() in row for row in drawn(playing, height=12))
    assert any(why in row for row in drawn(playing))


def test_an_old_frame_explains_nothing() -> None:
    playing = playing_piano()
    playing.take(frame(decision="unknown", reason="masked"))
    playing.take(state(decision="unknown", t_pub_us=NOW_US + 2_000_000))
    assert view_of(playing).words == (Word("unknown"),)


def test_where_rows_are_few_what_sounds_has_one_then_what_did_lately_in_the_models_order() -> None:
    playing = playing_piano()
    playing.take(state("piano", "voice"))
    playing.take(changed("event", label="violin", event="off", id="e1", t_off_us=NOW_US))
    rows = drawn(playing, height=12)
    assert labels_in(rows) == ["bass", "cello", "clarinet", "drum", "piano", "violin", "voice"]
    assert any("and 6 more labels" in row for row in rows)
    assert labels_in(drawn(playing, height=8)) == ["piano", "violin", "voice"]


def test_what_is_likely_but_masked_has_a_row() -> None:
    playing = playing_piano()
    playing.take(frame({"violin": 0.95}, decision="unknown", reason="masked"))
    playing.take(state(decision="unknown"))
    assert "violin" in labels_in(drawn(playing, height=8))


def test_the_rows_of_a_source_stay_while_no_label_is_clearly_likelier() -> None:
    playing = playing_piano()
    shown = labels_in(drawn(playing, height=8))
    assert shown == ["bass", "cello", "piano"]
    playing.take(frame({"piano": 0.9, "organ": 0.14, "violin": 0.14}))
    assert labels_in(drawn(playing, height=8)) == shown
    playing.take(frame({"piano": 0.9, "violin": 0.3}))
    assert labels_in(drawn(playing, height=8)) == ["bass", "piano", "violin"]
    playing.take(frame({"piano": 0.9, "cello": 0.25, "violin": 0.2}))
    assert labels_in(drawn(playing, height=8)) == ["cello", "piano", "violin"]


def with_labels(*labels: str) -> Picture:
    """Return a picture in which the first of these labels sounds."""
    ones = (0.5,) * len(labels)
    playing = playing_piano()
    playing.take(changed("model", labels=labels, thresholds_on=ones, thresholds_off=ones))
    playing.take(changed("frame", t1_us=NOW_US, labels=labels, p=ones, p_smooth=ones))
    playing.take(state(labels[0]))
    return playing


def test_long_labels_that_begin_alike_are_told_apart_where_there_is_room() -> None:
    playing = with_labels("electric guitar clean", "electric guitar muted")
    for width, beginnings in ((80, 2), (40, 1)):
        rows = [row for row in drawn(playing, width=width) if "0.50 " in row and "━" in row]
        assert len(rows) == 2
        assert len({row.split("━")[0] for row in rows}) == beginnings


@pytest.mark.parametrize("height", [2, 8, 24])
@pytest.mark.parametrize("width", [40, 80])
def test_wide_letters_move_no_column(width: int, height: int) -> None:
    rows = drawn(with_labels("ピアノ", "バイオリンとチェロ", "drum"), width=width, height=height)
    assert {cell_len(row) for row in rows} <= {width, 0}
    bars = {cell_len(row[: row.index("┃")]) for row in rows if "━" in row}
    assert len(bars) <= 1


@pytest.mark.parametrize("height", [2, 8, 24])
def test_a_label_does_not_turn_the_terminal_around(height: int) -> None:
    rows = drawn(with_labels("pia\u202eno", "drum"), height=height)
    assert not any("\u202e" in row for row in rows)
    assert any("pia?no" in row for row in rows)


def test_one_label_without_a_row_is_one_label() -> None:
    rows = drawn(playing_piano(), height=len(LABELS) + 4)
    assert any("and 1 more label " in row for row in rows)


def test_more_sounds_than_a_terminal_shows_are_counted() -> None:
    playing = playing_piano()
    many = tuple(
        Active(label=f"label{number}", id=f"id{number}", t_on_us=NOW_US, p_smooth=0.5)
        for number in range(500)
    )
    playing.take(changed("state", active=many, decision="label0"))
    for height in (3, 8, 24):
        rows = drawn(playing, height=height)
        assert any("+49" in row for row in rows)
        assert max(map(len, rows)) <= 80

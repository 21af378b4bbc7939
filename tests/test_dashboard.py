"""The dashboard: the picture that messages add up to, and how it is drawn."""

import io
import threading
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from pictures import (
    ALIVE,
    LABELS,
    NOW_US,
    changed,
    drawn,
    golden,
    labels_in,
    playing_piano,
    state,
)
from rich.console import Console

from instrd.clients.bigletters import big
from instrd.clients.dashboard import can_draw_on, watch
from instrd.clients.drawing import render
from instrd.clients.link import Link
from instrd.clients.picture import (
    Picture,
)
from instrd.clients.protocol import Bye, Heartbeat
from instrd.clients.subscriber import Subscriber
from instrd.daemon.publisher import Publisher

DEAD = Link(endpoint="tcp://127.0.0.1:5570", heartbeat_age_s=4.2, lost=7)


@pytest.fixture
def playing() -> Picture:
    return playing_piano()


@pytest.mark.parametrize(
    ("width", "height"), [(80, 24), (140, 40), (60, 12), (40, 6), (20, 3), (20, 40)]
)
def test_the_drawing_fits_the_terminal(playing: Picture, width: int, height: int) -> None:
    rows = drawn(playing, width=width, height=height)
    assert len(rows) <= height
    assert max(len(row) for row in rows) <= width


def test_a_terminal_of_80x24_shows_all_13_labels_in_the_models_order_and_a_big_word(
    playing: Picture,
) -> None:
    rows = drawn(playing)
    assert tuple(labels_in(rows)) == LABELS
    word = big("piano")
    assert word is not None
    assert any(word[1].rstrip() in row for row in rows)


def test_several_sources_share_the_terminal(playing: Picture) -> None:
    for source in ("mic1", "mic2", "mic3"):
        playing.take(state("drum", source=source))
    rows = drawn(playing)
    assert len(rows) <= 24
    for source in ("stage-left", "mic1", "mic2", "mic3"):
        assert any(source in row for row in rows)


def test_a_dead_daemon_is_said_to_be_dead_and_its_last_label_is_not_repeated(
    playing: Picture,
) -> None:
    rows = drawn(playing, DEAD)
    assert "7 messages lost · ✖ dead for 4 s" in rows[0]
    word = big("piano")
    assert word is not None
    assert not any(word[1].rstrip() in row for row in rows)
    assert not any("0.90" in row or "-23.4 dBFS" in row for row in rows)


def test_of_a_dead_daemon_nothing_looks_alive(playing: Picture) -> None:
    text = "\n".join(drawn(playing, DEAD)[1:])
    assert "      - dBFS" in text
    assert "last heard╵" in text
    assert not any(word in text for word in ("running", "ms late", "now", "-120.0", "gated"))


def test_a_narrow_header_says_that_the_daemon_is_dead_before_what_was_lost() -> None:
    assert "✖ dead for 4 s" in drawn(Picture(), DEAD, width=20)[0]


def test_a_stalled_source_shows_its_status_instead_of_a_label(playing: Picture) -> None:
    playing.take(changed("status", status="stalled", detail="no audio for 1.0 s"))
    rows = drawn(playing, width=120)
    word = big("stalled")
    assert word is not None
    assert any(word[0].rstrip() in row for row in rows)
    assert any("no audio for 1.0 s" in row for row in rows)


@pytest.mark.parametrize("height", [7, 12, 24])
def test_why_a_source_is_not_heard_is_told_whole_before_labels_have_a_row(
    playing: Picture, height: int
) -> None:
    why = "no microphone: this machine has no audio input; name what to listen to, mic:NAME"
    playing.take(changed("status", status="waiting", detail=why))
    rows = drawn(playing, height=height)
    told = " ".join(row.strip("│ ") for row in rows if "│" in row)
    assert why in told
    assert len(rows) <= height


def test_a_paused_source_is_said_to_be_paused_and_its_last_level_is_not_shown(
    playing: Picture,
) -> None:
    playing.take(changed("status", status="running", detail="paused"))
    rows = drawn(playing)
    word = big("paused")
    assert word is not None
    assert any(word[0].rstrip() in row for row in rows)
    assert "stage-left paused" in rows[1]
    assert not any("running" in row or "-23.4 dBFS" in row or "gated" in row for row in rows)
    assert not any("ms late" in row for row in rows)
    assert "paused" in drawn(playing, height=3)[1]


def test_old_probabilities_are_not_shown_while_the_gate_is_closed(playing: Picture) -> None:
    playing.take(state(t_pub_us=NOW_US + 2_000_000, gate="closed"))
    rows = drawn(playing)
    assert any("gated" in row for row in rows)
    assert not any("0.90" in row for row in rows)


def test_before_the_first_heartbeat_it_waits_and_names_the_endpoint() -> None:
    [row] = drawn(Picture(), Link(endpoint="tcp://127.0.0.1:5570"))
    assert "waiting for tcp://127.0.0.1:5570" in row


def test_before_the_first_heartbeat_nothing_is_wrong(playing: Picture) -> None:
    text = "\n".join(drawn(playing, Link(endpoint="tcp://127.0.0.1:5570", silent_s=0.5), 80, 24))
    assert "now╵" in text
    assert "no signal" not in text
    assert "last heard" not in text


def test_a_terminal_without_room_for_bars_has_a_row_a_source(playing: Picture) -> None:
    assert len([row for row in drawn(playing, ALIVE, 32, 24) if row.strip()]) == 2
    assert len([row for row in drawn(playing, ALIVE, 33, 24) if row.strip()]) > 2


def test_what_was_dropped_is_told_in_seconds(playing: Picture) -> None:
    beat = changed("heartbeat")
    assert isinstance(beat, Heartbeat)
    account = replace(beat.sources["stage-left"], dropped=66_150)
    playing.take(replace(beat, sources={"stage-left": account}))
    assert any("dropped 1.5 s" in row for row in drawn(playing, ALIVE, 100, 24))


@pytest.mark.parametrize("width", [80, 20])
def test_where_nothing_has_been_heard_for_3_s_it_asks_what_may_be_wrong(width: int) -> None:
    rows = drawn(Picture(), Link(endpoint="tcp://127.0.0.1:5570", silent_s=3.1), width, 5)
    hint = "nothing heard yet: is instrd running, is the address right?"
    assert " ".join(row.strip() for row in rows[1:]) == hint
    assert len(rows) <= 5


@pytest.mark.parametrize("width", [80, 30])
def test_a_follower_sees_why_nothing_comes(width: int) -> None:
    why = "tcp://127.0.0.1:5570 hangs up during the handshake; is the server key its own?"
    rows = drawn(Picture(), Link(endpoint="tcp://127.0.0.1:5570", trouble=why), width)
    assert " ".join(row.strip() for row in rows[1:]) == why


def test_a_note_has_one_line_however_long_it_is(playing: Picture) -> None:
    rows = drawn(
        playing, width=40, note="reload changed nothing:\n  daemon.bogus: is \x1b no setting"
    )
    assert rows[1] == "reload changed nothing: daemon.bogus: i…"
    assert len(rows) <= 24


def test_markup_in_names_from_outside_is_not_obeyed(playing: Picture) -> None:
    playing.take(changed("status", description="[red]mic[/red]"))
    assert any("[red]mic[/red]" in row for row in drawn(playing))


def test_what_a_terminal_would_obey_in_texts_from_outside_is_not_shown(playing: Picture) -> None:
    evil = "\x1b[2J"
    playing.take(changed("status", description=evil, detail=evil))
    playing.take(changed("bye", node=evil, reason=evil))
    playing.node = evil
    for link in (ALIVE, Link(endpoint="", ended=True)):
        assert not any("\x1b" in row for row in drawn(playing, link))


def test_a_word_with_a_letter_that_is_not_drawn_is_shown_as_plain_text(playing: Picture) -> None:
    assert big("violão") is None
    playing.take(state(decision="violão"))
    assert any("violão" in row for row in drawn(playing))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher(["tcp://127.0.0.1:*"], node="foh", run="run1") as opened:
        yield opened


def test_the_age_of_a_heartbeat_is_shown_once_it_is_late(playing: Picture) -> None:
    def header(age_s: float) -> str:
        return drawn(playing, Link(endpoint="", heartbeat_age_s=age_s, alive=True))[0]

    assert header(1.2).rstrip().endswith("♥")
    assert header(2.2).rstrip().endswith("♥ 2.2 s")


@pytest.mark.parametrize(("encoding", "draws"), [("utf-8", True), ("ascii", False)])
def test_nothing_is_drawn_where_bars_would_be_question_marks(encoding: str, draws: bool) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    assert can_draw_on(Console(file=file, force_terminal=True)) is draws


@pytest.mark.parametrize(("width", "shown"), [(80, True), (50, False)])
def test_how_to_leave_is_told_where_there_is_room(
    playing: Picture, width: int, shown: bool
) -> None:
    console = Console(width=width, height=24, file=io.StringIO())
    console.print(render(playing, ALIVE, width, 24, hint="q quits"))
    header = told(console).splitlines()[0]
    assert ("q quits" in header) is shown
    assert "run1" in header
    assert len(header) <= width


@pytest.mark.parametrize("terminal", ["xterm", "dumb", ""])
@pytest.mark.timeout(20)
def test_watching_ends_with_the_bye(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, terminal: str
) -> None:
    monkeypatch.setenv("TERM", terminal)
    console = Console(file=io.StringIO(), force_terminal=bool(terminal), width=80, height=24)
    publisher.publish(golden("hello"))
    publisher.publish(golden("status"))
    with Subscriber(publisher.endpoints) as subscriber:
        watching = threading.Thread(target=watch, args=(subscriber, console, lambda: False))
        watching.start()
        while watching.is_alive():
            publisher.tend()
            if "stage-left" in told(console):
                publisher.publish(Bye(reason="SIGTERM", exit_code=0))
            watching.join(0.02)
    assert "SIGTERM" in told(console).splitlines()[-1]


@pytest.mark.timeout(20)
def test_a_picture_that_stays_says_that_the_daemon_ended_and_draws_the_next_one() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    done = threading.Event()

    def tend_until(publisher: Publisher, text: str) -> None:
        while text not in told(console):
            assert watching.is_alive()
            publisher.tend()
            done.wait(0.02)

    with Publisher(["tcp://127.0.0.1:*"], node="foh", run="run1") as first:
        endpoints = first.endpoints
        subscriber = Subscriber(endpoints)
        arguments = {"stays": True}
        watching = threading.Thread(
            target=watch, args=(subscriber, console, done.is_set), kwargs=arguments
        )
        watching.start()
        first.publish(golden("hello"))
        tend_until(first, "run run1")
        first.publish(Bye(reason="SIGTERM", exit_code=0))
        tend_until(first, "ended: SIGTERM")
    with Publisher(endpoints, node="foh", run="run2") as second:
        second.publish(golden("hello"))
        tend_until(second, "run run2")
    done.set()
    watching.join()
    subscriber.close()


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()

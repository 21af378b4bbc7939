import threading
from collections.abc import Callable
from functools import partial
from typing import cast

import msgspec
import pytest
from service_rig import RATE_HZ, Played, Rig, dated_s
from sounds import TWO_TONES, silence, tone, two_tones

from instrd.clients.protocol import (
    AnyMessage,
    Bye,
    Event,
    Frame,
    Gap,
    Heartbeat,
    Level,
    State,
    Status,
)
from instrd.daemon.config import Analysis, Config
from instrd.daemon.errors import SourceError
from instrd.daemon.sources.pace import AT_ONCE_S

DEADLINE_S = 10.0


def test_a_source_is_followed_from_its_first_sample_to_its_end(rig: Rig) -> None:
    samples = two_tones(RATE_HZ)
    with rig:
        assert rig.run(Played(samples)) == 0
    rig.check_events()
    rig.check_accounts()
    ons = [m for m in rig.messages if isinstance(m, Event) and m.event == "on"]
    assert [on.label for on in ons] == ["low", "high"]
    for on, (_, on_s, _) in zip(ons, TWO_TONES, strict=True):
        assert dated_s(on.t_on_us) == pytest.approx(on_s, abs=0.35)
    last = rig.of(Heartbeat)[-1]
    assert isinstance(last, Heartbeat)
    account = last.sources["s0"]
    assert (account.captured, account.pending, account.dropped) == (len(samples), 0, 0)
    assert account.gated > RATE_HZ
    assert isinstance(rig.messages[-1], Bye)
    statuses = [m.status for m in rig.messages if isinstance(m, Status)]
    assert statuses == ["running", "ended"]


def test_several_sources_are_judged_as_if_alone(rig: Rig) -> None:
    low, high = tone(440.0, 2.0, RATE_HZ), tone(2000.0, 3.0, RATE_HZ)
    with rig:
        rig.run(Played(low), Played(high), Played(silence(1.0, RATE_HZ)))
    labels = {m.source: m.label for m in rig.messages if isinstance(m, Event)}
    assert labels == {"s0": "low", "s1": "high"}
    rig.check_accounts()


def test_samples_lost_by_the_source_are_named_and_counted(rig: Rig) -> None:
    with rig:
        rig.run(Played(tone(440.0, 3.0, RATE_HZ), lost_at={16_000: 5000}))
    (gap,) = rig.of(Gap)
    assert isinstance(gap, Gap)
    assert (gap.s0, gap.s1, gap.count, gap.reason) == (16_000, 21_000, 5000, "overflow")
    rig.check_accounts()
    rig.check_events()
    frames = [m for m in rig.messages if isinstance(m, Frame)]
    assert all(frame.s1 <= 16_000 or frame.s0 >= 21_000 for frame in frames)


def test_the_state_names_the_events_that_are_open_and_no_other(rig: Rig) -> None:
    with rig:
        rig.run(Played(tone(440.0, 3.0, RATE_HZ), lost_at={20_800: 160, 36_800: 160}))
    opened, stated = set[str](), set[str]()
    for message in rig.messages:
        match message:
            case Event(event="off"):
                opened.remove(message.id)
            case Event():
                opened.add(message.id)
            case State():
                stated = {one.id for one in message.active}
            case Level():
                assert stated == opened
    assert len({event.id for event in cast("list[Event]", rig.of(Event))}) == 3


def test_a_late_live_reader_skips_to_the_newest_and_names_what_it_skipped(rig: Rig) -> None:
    with rig:
        rig.run(Played(tone(440.0, 30.0, RATE_HZ)), lossless=False)
    gaps = [m for m in rig.messages if isinstance(m, Gap)]
    assert gaps
    rig.check_accounts()
    rig.check_events()
    beat = rig.of(Heartbeat)[-1]
    assert isinstance(beat, Heartbeat)
    assert beat.sources["s0"].dropped == sum(gap.count for gap in gaps)
    assert beat.sources["s0"].captured == 30 * RATE_HZ


@pytest.mark.parametrize("block_s", [0.05, AT_ONCE_S])
def test_blocks_longer_than_a_hop_are_judged_whole(tone_config: Config, block_s: float) -> None:
    hop, block, judged = RATE_HZ // 50, round(block_s * RATE_HZ), threading.Condition()
    rig = Rig(msgspec.structs.replace(tone_config, analysis=Analysis(hop_s=0.02)))

    def notice(_: AnyMessage) -> None:
        with judged:
            judged.notify()

    def until_judged(position: int) -> None:
        with judged:
            assert judged.wait_for(lambda: len(rig.of(Frame)) >= position // hop, DEADLINE_S)

    rig.on_message = notice
    asked: dict[int, Callable[[], object]] = {
        first: partial(until_judged, first) for first in range(0, RATE_HZ, block)
    }
    with rig:
        played = Played(tone(440.0, 1.0, RATE_HZ), at=asked, block=block)
        assert rig.run(played, lossless=False) == 0
    assert rig.of(Gap) == []
    assert len(rig.of(Frame)) == 50


def test_a_source_that_fails_ends_the_daemon_with_its_reason(rig: Rig) -> None:
    error = SourceError("microphone: unplugged")
    with rig:
        assert rig.run(Played(tone(440.0, 1.0, RATE_HZ), error=error)) == 1
    bye = rig.messages[-1]
    assert isinstance(bye, Bye)
    assert (bye.exit_code, "unplugged" in bye.reason) == (1, True)
    (failed,) = [m for m in rig.messages if isinstance(m, Status) and m.status == "failed"]
    assert "unplugged" in failed.detail
    rig.check_events()


def test_a_broken_capture_thread_ends_the_daemon_too(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with rig:
        assert rig.run(Played(silence(0.5, RATE_HZ), error=ZeroDivisionError("bug"))) == 1
    assert "capture of s0 broke" in caplog.text


def test_shutdown_gives_every_open_event_its_off_and_says_bye(rig: Rig) -> None:
    def stop(message: AnyMessage) -> None:
        if isinstance(message, Event) and message.event == "on":
            rig.ask("shutdown")

    rig.on_message = stop
    with rig:
        assert rig.run(Played(tone(440.0, 2.0, RATE_HZ), endless=True)) == 0
    off = rig.of(Event)[-1]
    assert isinstance(off, Event)
    assert (off.event, off.end_reason) == ("off", "shutdown")
    bye = rig.messages[-1]
    assert isinstance(bye, Bye)
    assert bye.reason == "shutdown"


def test_skipped_counts_the_late_hops_of_a_live_source(rig: Rig) -> None:
    with rig:
        rig.run(Played(tone(440.0, 30.0, RATE_HZ)), lossless=False)
    late = sum(m.count for m in rig.messages if isinstance(m, Gap) and m.reason == "late")
    skipped = sum(m.skipped for m in rig.messages if isinstance(m, Frame))
    assert skipped == late // 1600


def test_a_defect_in_the_loop_still_ends_every_event_and_says_bye(rig: Rig) -> None:
    def break_down(message: AnyMessage) -> None:
        if isinstance(message, State) and message.active:
            rig.on_message = lambda _: None
            raise ZeroDivisionError("defect")

    rig.on_message = break_down
    with rig, pytest.raises(ZeroDivisionError):
        rig.run(Played(tone(440.0, 2.0, RATE_HZ), endless=True))
    rig.check_events()
    bye = rig.messages[-1]
    assert isinstance(bye, Bye)
    assert (bye.exit_code, bye.reason) == (1, "internal error: defect")

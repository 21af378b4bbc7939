"""A source that fails and comes back, through the whole service."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from threading import Event as Flag
from typing import cast

import numpy as np
import pytest
from service_rig import RATE_HZ, Played, Rig, dated_s
from sounds import silence, tone

from instrd.clients.protocol import AnyMessage, Event, Frame, Gap, Heartbeat, State, Status
from instrd.daemon.service import Chosen
from instrd.daemon.sources import Block, Feed, Item, Missed, Opened, Standing, Unbroken

OPENED = Opened(RATE_HZ, 'microphone "USB"')
RUNNING = Standing("running")
LOST = [Standing("stalled", "no audio"), Standing("restarting", "killed")]
END_S = 60.0
"""A test that needs longer has failed."""


class Script:
    """A feed that yields items, then nothing more until it is closed."""

    description = "a microphone"

    def __init__(self, *items: Item | Iterable[Item], last: Iterable[Item] = ()) -> None:
        """`last` comes when it is closed."""
        self._items = [one for item in items for one in as_items(item)]
        self._last = list(last)
        self._closed = Flag()

    def read(self) -> Item | None:
        if self._items:
            return self._items.pop(0)
        self._closed.wait(END_S)
        return self._last.pop(0) if self._last else None

    def close(self) -> None:
        self._closed.set()


class Late(Script):
    """Goes on with items that are made only when they are asked for."""

    def __init__(self, *items: Item | Iterable[Item], then: Iterator[Item]) -> None:
        super().__init__(*items)
        self._then = then

    def read(self) -> Item | None:
        if self._items:
            return super().read()
        return next(self._then, None) or super().read()


def as_items(item: Item | Iterable[Item]) -> list[Item]:
    return [item] if isinstance(item, Block | Opened | Missed | Standing) else list(item)


def sound(samples: np.ndarray, lost: int = 0) -> list[Block]:
    pieces = [samples[first : first + 800] for first in range(0, len(samples), 800)]
    return [Block(piece, lost * (n == 0), 1_000_000_000) for n, piece in enumerate(pieces)]


def follow(rig: Rig, *feeds: Feed, lossless: bool = True) -> int:
    chosen = {f"s{n}": Chosen(feed, lossless=lossless) for n, feed in enumerate(feeds)}
    with rig:
        return rig.service.run(chosen, rig.commands)


def stop_at(rig: Rig, captured: int) -> None:
    """End the service once so many samples of s0 have been captured and taken."""

    def look(message: AnyMessage) -> None:
        if isinstance(message, Heartbeat):
            account = message.sources["s0"]
            if account.captured >= captured and not account.pending:
                rig.ask("shutdown")

    rig.on_message = look


def statuses(rig: Rig, source: str = "s0") -> list[str]:
    told = cast("list[Status]", rig.of(Status))
    return [one.status for one in told if one.source == source]


def gaps(rig: Rig) -> list[tuple[int, int, int, str]]:
    return [(one.epoch, one.s0, one.s1, one.reason) for one in cast("list[Gap]", rig.of(Gap))]


def test_each_opening_is_an_epoch_and_what_was_missed_between_them_is_a_gap(rig: Rig) -> None:
    one, two = tone(440.0, 1.05, RATE_HZ), tone(440.0, 1.0, RATE_HZ)
    again: list[Item | Iterable[Item]] = [Missed(8000, "restarted"), OPENED, RUNNING, sound(two)]
    stop_at(rig, len(one) + 8000 + len(two))
    assert follow(rig, Script(OPENED, RUNNING, sound(one), LOST, *again)) == 0
    frames = cast("list[Frame]", rig.of(Frame))
    assert {frame.epoch for frame in frames} == {0, 1}
    assert min(frame.s0 for frame in frames if frame.epoch == 1) < RATE_HZ // 10
    assert gaps(rig) == [(0, len(one), len(one) + 8000, "restarted")]
    assert statuses(rig) == ["running", "stalled", "restarting", "running", "ended"]
    last = cast("list[Heartbeat]", rig.of(Heartbeat))[-1].sources["s0"]
    assert (last.captured, last.dropped) == (len(one) + 8000 + len(two), 8000)
    assert last.restarts == 1
    rig.check_accounts()
    rig.check_events()


def test_a_stall_in_a_pause_hides_neither(rig: Rig) -> None:
    def look(message: AnyMessage) -> None:
        if isinstance(message, Frame):
            rig.ask("pause")
            stop_at(rig, 2 * RATE_HZ)

    rig.on_message = look
    second = sound(silence(1.0, RATE_HZ))
    stalled = [Standing("stalled", "no audio"), RUNNING]
    follow(rig, Script(OPENED, RUNNING, second, stalled, second))
    told = [(one.status, one.detail) for one in cast("list[Status]", rig.of(Status))]
    assert ("stalled", "paused") in told
    assert told[-2:] == [("running", "paused"), ("ended", "")]


def test_what_sounds_ends_with_the_fault_and_not_with_the_return(rig: Rig) -> None:
    def look(message: AnyMessage) -> None:
        if isinstance(message, Status) and message.status == "stalled":
            rig.ask("shutdown")

    rig.on_message = look
    follow(rig, Script(OPENED, RUNNING, sound(tone(440.0, 1.0, RATE_HZ)), LOST))
    end = next(m for m in rig.messages if isinstance(m, Event) and m.event == "off")
    stalled = next(m for m in rig.messages if isinstance(m, Status) and m.status == "stalled")
    assert end.end_reason == "source_lost"
    assert rig.messages.index(end) < rig.messages.index(stalled)
    states = [m for m in rig.messages[: rig.messages.index(stalled)] if isinstance(m, State)]
    assert states[-1].active == ()


def test_a_stall_that_loses_nothing_goes_on_in_its_epoch(rig: Rig) -> None:
    one = tone(440.0, 1.0, RATE_HZ)
    stalled = [Standing("stalled", "no audio"), RUNNING]
    stop_at(rig, 2 * len(one))
    follow(rig, Script(OPENED, RUNNING, sound(one), stalled, sound(one)))
    assert gaps(rig) == []
    assert {frame.epoch for frame in cast("list[Frame]", rig.of(Frame))} == {0}
    assert statuses(rig) == ["running", "stalled", "running", "ended"]
    rig.check_accounts()
    rig.check_events()


def test_what_follows_a_stall_is_not_dated_before_it(rig: Rig) -> None:
    def timed(samples: np.ndarray, began_s: float) -> list[Block]:
        ends = range(800, len(samples) + 1, 800)
        pieces = zip(np.split(samples, len(ends)), ends, strict=True)
        return [
            Block(piece, 0, round(1e9 * (began_s + end / RATE_HZ)), anew=end == 800)
            for piece, end in pieces
        ]

    one, again_s = tone(440.0, 1.05, RATE_HZ), 9.0  # half a hop is left over
    stop_at(rig, 2 * len(one))
    told, stop = Flag(), rig.on_message

    def look(message: AnyMessage) -> None:
        stop(message)
        if isinstance(message, Status) and message.status == "stalled":
            told.set()

    rig.on_message = look

    def back() -> Iterator[Item]:
        told.wait(END_S)
        yield from chain(as_items(RUNNING), timed(one, again_s))

    stalled = Standing("stalled", "no audio")
    follow(rig, Late(OPENED, RUNNING, timed(one, 1.0), stalled, then=back()))
    before, after = (e for e in cast("list[Event]", rig.of(Event)) if e.event == "on")
    assert dated_s(before.t_on_us) < 2.0
    assert again_s <= dated_s(after.t_on_us) < again_s + 0.2


def test_a_source_that_is_not_there_leaves_the_others_alone(rig: Rig) -> None:
    def look(message: AnyMessage) -> None:
        if isinstance(message, Status) and (message.source, message.status) == ("s1", "ended"):
            rig.ask("shutdown")

    rig.on_message = look
    waiting = Script(Standing("waiting", "microphone 'USB' is gone"))
    other = Unbroken(Played(tone(440.0, 2.0, RATE_HZ)))
    assert follow(rig, waiting, other) == 0
    assert statuses(rig) == ["waiting", "ended"]
    (first, *_) = [m for m in rig.messages if isinstance(m, Status) and m.source == "s0"]
    assert (first.rate_hz, first.description) == (None, "a microphone")
    beat = cast("list[Heartbeat]", rig.of(Heartbeat))[-1]
    assert beat.sources["s0"].captured == 0
    assert beat.sources["s1"].captured == 2 * RATE_HZ
    assert {m.label for m in rig.messages if isinstance(m, Event)} == {"low"}


def test_it_may_come_back_at_another_rate(rig: Rig) -> None:
    half = Opened(RATE_HZ // 2, "microphone at half the rate")
    again: list[Item | Iterable[Item]] = [
        Missed(100, "restarted"),
        half,
        RUNNING,
        sound(tone(440.0, 2.0, RATE_HZ // 2)),
    ]
    stop_at(rig, 2 * RATE_HZ + 100)
    follow(rig, Script(OPENED, RUNNING, sound(tone(440.0, 1.0, RATE_HZ)), LOST, *again))
    assert [frame.rate_hz for frame in cast("list[Frame]", rig.of(Frame))][-1] == RATE_HZ // 2
    ons = [m.label for m in rig.messages if isinstance(m, Event) and m.event == "on"]
    assert ons == ["low", "low"]
    rig.check_accounts()


def test_the_accounts_of_a_pause_go_on_through_an_outage(rig: Rig) -> None:
    def pause(message: AnyMessage) -> None:
        if isinstance(message, Frame):
            rig.ask("pause")
            stop_at(rig, 4 * RATE_HZ)

    rig.on_message = pause
    two = sound(silence(2.0, RATE_HZ))
    again: list[Item | Iterable[Item]] = [Missed(800, "restarted"), OPENED, RUNNING, two]
    follow(rig, Script(OPENED, RUNNING, two, LOST, *again))
    assert len(rig.of(Frame)) == 1
    assert [reason for *_, reason in gaps(rig)] == ["paused", "restarted", "paused"]
    last = cast("list[Heartbeat]", rig.of(Heartbeat))[-1].sources["s0"]
    assert last.dropped == sum(s1 - s0 for _, s0, s1, _ in gaps(rig))
    rig.check_accounts()


@pytest.mark.parametrize("status", ["stalled", "restarting", "waiting"])
def test_an_outage_that_lasts_until_the_end_is_named(rig: Rig, status: str) -> None:
    def look(message: AnyMessage) -> None:
        if isinstance(message, Status) and message.status == status:
            rig.ask("shutdown")

    rig.on_message = look
    lost = Standing(status)  # type: ignore[arg-type]  # parametrised
    missed = [Missed(5000, "restarted")]
    feed = Script(OPENED, RUNNING, sound(silence(1.0, RATE_HZ)), lost, last=missed)
    assert follow(rig, feed) == 0
    assert gaps(rig) == [(0, RATE_HZ, RATE_HZ + 5000, "restarted")]
    last = cast("list[Heartbeat]", rig.of(Heartbeat))[-1].sources["s0"]
    assert (last.captured, last.dropped) == (RATE_HZ + 5000, 5000)


def test_a_device_that_runs_at_another_rate_than_it_claims_is_named_once(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    slow_s = 1.01 * 800 / RATE_HZ
    quiet = np.zeros(800, np.float32)
    blocks = [Block(quiet, 0, 10**15 + round(1e9 * n * slow_s)) for n in range(1, 1201)]
    stop_at(rig, 800 * len(blocks))
    follow(rig, Script(OPENED, RUNNING, blocks))
    told = [one.detail for one in cast("list[Status]", rig.of(Status)) if one.detail]
    assert len(told) == 1
    assert re.fullmatch(r"its clock is off by \d{4,5} ppm, allowed 5000", told[0])
    assert "try another rate" in caplog.text


def test_a_wrong_rate_is_named_again_after_a_stall(rig: Rig) -> None:
    def slow(first: int, last: int) -> list[Block]:
        quiet, block_s = np.zeros(800, np.float32), 1.01 * 800 / RATE_HZ
        return [Block(quiet, 0, 10**15 + round(1e9 * n * block_s)) for n in range(first, last)]

    told: list[tuple[str, bool]] = []

    def look(message: AnyMessage) -> None:
        if isinstance(message, Status):
            told.append((message.status, message.detail.startswith("its clock is off")))
            if told.count(("running", True)) == 2:
                rig.ask("shutdown")

    rig.on_message = look
    stalled = [Standing("stalled", "no audio"), RUNNING]
    follow(rig, Script(OPENED, RUNNING, slow(1, 1201), stalled, slow(1201, 1401)))
    assert told == [
        *[("running", False), ("running", True)],
        *[("stalled", False), ("running", False), ("running", True), ("ended", False)],
    ]


def test_it_is_no_fault_of_the_daemon_that_a_device_is_away(rig: Rig) -> None:
    stop_at(rig, 0)
    follow(rig, Script(Standing("waiting")))
    assert rig.service.followed["s0"].idle

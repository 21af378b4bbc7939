"""Sources that could be read at once, played at the real pace."""

import threading
import time
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrd.daemon.config import Pace
from instrd.daemon.sampleclock import SampleClock
from instrd.daemon.sources import Block, open_source
from instrd.daemon.sources.pace import LATEST_S, Paced

DEADLINE_S = 5.0
BLOCK_S = 0.05


class Late:
    """Keeps the block before its last `stall` ones back for a while."""

    rate_hz = 1000
    description = "late"

    def __init__(self, blocks: int, stall: int) -> None:
        self._left = blocks
        self._stall = blocks - stall
        self.dates_ns: list[int] = []

    def read(self) -> Block | None:
        self._left -= 1
        if self._left == self._stall - 1:
            threading.Event().wait(0.1)
        if self._left < 0:
            return None
        self.dates_ns.append(time.monotonic_ns())
        return Block(np.zeros(20, np.float32), 0, self.dates_ns[-1])

    def close(self) -> None:
        pass


class Sender:
    """Has its blocks of 50 ms ready after these seconds each; time goes by only for it.

    Its pipe `holds` so many samples; 0: a file.
    """

    rate_hz = 1000
    description = "sender"

    def __init__(
        self, after_s: Iterable[float], *, holds: int = 0, pace: Pace = "realtime"
    ) -> None:
        self._after_s, self._holds = list(after_s), holds
        self.now_s = 1e6
        self._ready_s = self.now_s
        self.paced = Paced(self, pace, now_s=lambda: self.now_s, wait=self._wait)

    @property
    def now_ns(self) -> int:
        return round(1e9 * self.now_s)

    def read(self) -> Block | None:
        if not self._after_s:
            return None
        self._ready_s += self._after_s.pop(0)
        waited = self._ready_s > self.now_s
        self.now_s = max(self.now_s, self._ready_s)
        ready = np.cumsum([self._ready_s, *self._after_s]) <= self.now_s
        queued = min(self._holds, 50 * (int(ready.sum()) - 1))
        return Block(np.zeros(50, np.float32), 0, self.now_ns, anew=waited, queued=queued)

    def close(self) -> None:
        pass

    def _wait(self, _: threading.Event, seconds: float) -> bool:
        self.now_s += seconds
        return False

    def play(self) -> list[tuple[float, Block]]:
        """Return all blocks, and when they came."""
        played = []
        while isinstance(block := self.paced.read(), Block):
            played.append((self.now_s, block))
        return played


def test_the_real_pace_is_neither_faster_nor_slower() -> None:
    source = open_source("synth:?seconds=0.3", pace="realtime")
    began_s = time.monotonic()
    samples = 0
    while isinstance(block := source.read(), Block):
        samples += len(block.samples)
        assert time.monotonic() - began_s >= samples / source.rate_hz - 0.001
    assert samples == 14_400
    assert time.monotonic() - began_s < 0.3 + 0.15


def test_blocks_carry_the_time_at_which_they_are_due() -> None:
    source = open_source("synth:?seconds=0.2", pace="realtime")
    ends_ns = []
    while isinstance(block := source.read(), Block):
        ends_ns.append(block.t_end_ns)
        assert abs(block.t_end_ns - time.monotonic_ns()) < 100_000_000
    assert np.median(np.diff(ends_ns)) == pytest.approx(50_000_000, abs=500_000)


def test_a_late_source_catches_up() -> None:
    late = Late(15, stall=5)
    source = Paced(late)
    began_s = time.monotonic()
    ends_ns = []
    while isinstance(block := source.read(), Block):
        ends_ns.append(block.t_end_ns)
    assert len(ends_ns) == 15
    own = [round(1e9 * (date_ns / 1e9)) for date_ns in late.dates_ns]
    assert set(own) & set(ends_ns), "blocks that came too late keep their own time"
    assert time.monotonic() - began_s < 0.3 + 0.08


def test_the_clock_starts_with_the_first_block() -> None:
    source = Paced(Late(4, stall=0))
    assert source.read() is not None
    began_s = time.monotonic()
    while source.read() is not None:
        pass
    assert time.monotonic() - began_s > 0.04


def test_closing_wakes_a_waiting_read() -> None:
    # One block is due only after a second.
    source = Paced(open_source("synth:?rate=1000&tones=100&seconds=4", pace="fast"))
    ended: list[Block | None] = []

    def read_to_the_end() -> None:
        while isinstance(block := source.read(), Block):
            ended.append(block)
        ended.append(None)

    reader = threading.Thread(target=read_to_the_end, name="reader")
    began_s = time.monotonic()
    reader.start()
    source.close()
    reader.join(DEADLINE_S)
    assert ended[-1] is None
    assert time.monotonic() - began_s < 0.2


@pytest.mark.parametrize("pause_s", [0.2, 8.0, 86_400.0])
def test_what_follows_a_pause_plays_at_the_real_pace_from_then_on(pause_s: float) -> None:
    sender = Sender([0.0] * 20 + [1.0 + pause_s] + [0.0] * 19)
    played = sender.play()
    came_s = [at_s for at_s, _ in played]
    assert np.diff(came_s[20:]) == pytest.approx(BLOCK_S)
    assert came_s[20] - came_s[19] == pytest.approx(pause_s + BLOCK_S)
    assert [n for n, (_, block) in enumerate(played) if block.anew] == [0, 20]


@pytest.mark.parametrize("pause_s", [0.2, 8.0])
def test_samples_before_and_behind_a_pause_have_the_times_at_which_they_came(
    pause_s: float,
) -> None:
    sender, clock = (
        Sender([0.0] * 20 + [1.0 + pause_s] + [0.0] * 1000),
        SampleClock(1000, lambda: 0),
    )
    began_us = sender.now_ns / 1e3
    for n, (_, block) in enumerate(sender.play()):
        clock.stamp(50 * (n + 1), block.t_end_ns, anew=block.anew)
        if n >= 20:
            assert clock.time_us(500) == pytest.approx(began_us + 0.5e6, abs=2)
            assert clock.time_us(1000) == pytest.approx(began_us + (1 + pause_s) * 1e6, abs=2)
    assert clock.drift_ppm == pytest.approx(0.0, abs=0.1)


@given(bursts=st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 20)), max_size=20))
def test_however_a_sender_falters_little_comes_at_once_and_nothing_waits_without_need(
    bursts: list[tuple[float, int]],
) -> None:
    after_s = [wait_s for pause_s, blocks in bursts for wait_s in [pause_s] + [0.0] * (blocks - 1)]
    sender = Sender(after_s)
    began_s = sender.now_s
    played = sender.play()
    ready_s = began_s + np.cumsum(after_s)
    came_s = np.array([at_s for at_s, _ in played])
    for n, (at_s, block) in enumerate(played):
        assert block.t_end_ns == pytest.approx(1e9 * at_s, abs=2000)
        # All that comes within any time is what sounds in it and what may come late.
        within_s = at_s - came_s[: n + 1]
        assert np.all(BLOCK_S * np.arange(n, -1, -1) < within_s + BLOCK_S + LATEST_S + 1e-6)
        assert at_s <= max(ready_s[n] + BLOCK_S, came_s[n - 1] + BLOCK_S if n else 0.0) + 1e-6


@pytest.mark.parametrize(("holds", "missed_s"), [(0, 1.0), (700, 0.0), (2000, 0.0)])
def test_behind_a_pause_of_ours_a_live_sender_is_caught_up_with_and_a_file_plays_on(
    holds: int, missed_s: float
) -> None:
    sender = Sender([BLOCK_S] * 40, holds=holds)
    played = []
    while sender.paced.read() is not None:
        played.append(sender.now_s)
        if len(played) == 10:
            sender.now_s += 0.7 if holds else 1.0  # as if the process had been stopped
    behind_s = played[-1] - (played[0] + 39 * BLOCK_S)
    assert behind_s == pytest.approx(missed_s, abs=0.06)


def test_behind_a_long_pause_of_ours_no_more_than_the_pipe_holds_is_caught_up_with() -> None:
    sender, clock = Sender([0.0] * 1000, holds=700), SampleClock(1000, lambda: 0)  # it waits for us
    came_s: list[float] = []
    while (block := sender.paced.read()) is not None:
        assert isinstance(block, Block)
        came_s.append(sender.now_s)
        clock.stamp(50 * len(came_s), block.t_end_ns, anew=block.anew)
        assert clock.time_us(50 * len(came_s)) <= 1e6 * sender.now_s + 1
        if len(came_s) == 10:
            sender.now_s += 20.0
    at_once = sum(np.diff(came_s) < BLOCK_S / 2)
    assert at_once <= 700 / 50
    assert np.diff(came_s[11 + at_once :]) == pytest.approx(BLOCK_S)
    assert clock.time_us(50_000) == pytest.approx(1e6 * sender.now_s, abs=2)


@pytest.mark.parametrize("pause_s", [0.3, 8.0])
def test_at_the_fast_pace_too_what_follows_a_pause_has_the_times_at_which_it_came(
    pause_s: float,
) -> None:
    sender = Sender([BLOCK_S] * 20 + [pause_s] + [BLOCK_S] * 20, holds=700, pace="fast")
    played = sender.play()
    assert [n for n, (_, block) in enumerate(played) if block.anew] == [0, 20]
    for at_s, block in played:
        assert block.t_end_ns / 1e9 == pytest.approx(at_s, abs=BLOCK_S + 0.001)


def test_at_the_fast_pace_our_own_slowness_moves_no_times() -> None:
    sender = Sender([0.0] * 40, holds=700, pace="fast")
    ends_ns = []
    while isinstance(block := sender.paced.read(), Block):
        ends_ns.append(block.t_end_ns)
        sender.now_s += 3 * BLOCK_S
    assert np.diff(ends_ns) == pytest.approx(1e9 * BLOCK_S)


@pytest.mark.parametrize("slower", [1.001, 1.01, 1.05, 1.2])
def test_the_times_of_a_sender_that_is_too_slow_stay_near(slower: float) -> None:
    sender, clock = Sender([slower * BLOCK_S] * 4000, holds=700), SampleClock(1000, lambda: 0)
    for n, (at_s, block) in enumerate(sender.play(), 1):
        clock.stamp(50 * n, block.t_end_ns, anew=block.anew)
        assert -0.15 < clock.time_us(50 * n) / 1e6 - at_s < 0.001


def test_what_is_only_a_little_late_does_not_begin_the_times_anew() -> None:
    sender = Sender([0.0, *[BLOCK_S] * 20, BLOCK_S + 0.06, *[BLOCK_S] * 20], holds=700)
    assert [n for n, (_, block) in enumerate(sender.play()) if block.anew] == [0]


def test_behind_a_pause_of_a_live_sender_it_plays_on_from_then() -> None:
    sender = Sender([0.0] * 20 + [3.0] + [0.0] * 19, holds=700)
    came_s = [at_s for at_s, _ in sender.play()]
    assert np.diff(came_s[20:]) == pytest.approx(BLOCK_S)

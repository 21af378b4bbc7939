"""When a sample was captured: sample positions to UTC."""

import time
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from instrd.daemon.driftmeter import DriftMeter

AVERAGED_S = 10.0
"""Time constant of the average over the dates of blocks; their jitter is milliseconds."""
LATE_US = 50_000
"""Sound comes late, never early: what is later than the average says nothing of the device."""
LASTS_S = 3.0
"""So much sound in a row that is late, and as late as before, was captured then after all."""
STEP_US = 30_000
"""The wall clock runs away from the monotonic one by so much only where somebody has set it."""
LOOKS = 3
"""Whoever reads two clocks may be interrupted in between, but hardly each time."""
REMEMBERED = 64
"""Pieces; a pause takes a block and the time to notice it, so that these reach back for seconds."""


def wall_us() -> int:
    """Return now, UTC microseconds."""
    return time.time_ns() // 1000


def wall_ahead_us() -> int:
    """Return how far the wall clock is ahead of the monotonic one, which nobody sets."""
    return min(_look() for _ in range(LOOKS))[1]


def _look() -> tuple[int, int]:
    """Return how long a look at both clocks took, ns, and by how much they differed, µs."""
    before_ns, wall_ns, after_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return after_ns - before_ns, (wall_ns - (before_ns + after_ns) // 2) // 1000


class Piece(NamedTuple):
    """A stretch of samples whose times follow from each other."""

    start: int
    """Position of the first one."""
    origin_us: float
    """When sample 0 would have been captured (UTC, microseconds)."""
    earliest_us: float
    """Times do not run back behind those before it, unless somebody sets the wall clock."""


class SampleClock:
    """Follows the device's clock by averaging the dates of its blocks.

    The device's crystal drifts against the clock of the machine by tens of ppm, seconds a day;
    the average follows it. It takes no notice of a block that is much later, as behind a sound
    server that hung, and begins anew where the lateness lasts, or a block is much earlier and so
    proves it wrong. All this is on the monotonic clock; a wall clock that is set moves what
    follows by as much. Before the first stamp times count from sample 0. Written by the capture
    thread, read by the main one: both only replace or read whole values.
    """

    def __init__(self, rate_hz: int, wall_ahead_us: Callable[[], int] = wall_ahead_us) -> None:
        self._wall_ahead_us, self._ahead_us = wall_ahead_us, wall_ahead_us()
        self._us_per_sample = 1e6 / rate_hz
        self._origin_us = 0.0
        """When sample 0 would have been captured on the monotonic clock."""
        self._pieces: tuple[Piece, ...] = (Piece(0, 0.0, -inf),)
        """In their order; the newest is corrected with every block."""
        self._position = self._t_ns = 0
        """Of the last stamp."""
        self._blocks = 0
        self._late_s = self._least_us = 0.0
        """How much sound in a row is late, and how late it is at least."""
        self._drift = DriftMeter()

    def stamp(self, position: int, t_ns: int, *, anew: bool = False) -> None:
        """Note that sample number `position` was captured at `t_ns` on the monotonic clock.

        `anew`: before the samples since the last stamp the source stood still.
        """
        before_us, self._ahead_us = self._ahead_us, self._wall_ahead_us()
        is_set = abs(self._ahead_us - before_us) > STEP_US
        if anew:
            self._drift.begin_anew()
        sound_s = (position - self._position) * self._us_per_sample / 1e6
        origin_us = t_ns / 1e3 - position * self._us_per_sample
        self._drift.feed(sound_s, origin_us)
        late_us, passed_s = origin_us - self._origin_us, (t_ns - self._t_ns) / 1e9
        lasts = self._lasts(late_us, min(sound_s, passed_s))
        if anew or self._blocks == 0 or late_us < -LATE_US or lasts:
            anew, self._origin_us, self._blocks, self._late_s = True, origin_us, 1, 0.0
        elif late_us <= LATE_US:
            self._blocks += 1
            self._origin_us += max(1.0 / self._blocks, min(1.0, sound_s / AVERAGED_S)) * late_us
        self._correct(1e6 * sound_s, begins=anew, is_set=is_set)
        self._position, self._t_ns = position, t_ns

    def time_us(self, position: float) -> int:
        """Return when the sample at `position` was captured, UTC microseconds."""
        pieces = self._pieces
        piece = next((one for one in reversed(pieces) if position >= one.start), pieces[0])
        return round(max(piece.earliest_us, piece.origin_us + position * self._us_per_sample))

    @property
    def drift_ppm(self) -> float:
        """How much slower than the machine's clock the device samples, in parts per million."""
        return self._drift.ppm

    def _lasts(self, late_us: float, looked_s: float) -> bool:
        """Whether it has been late for long; a backlog that is caught up with gets less late."""
        if late_us <= LATE_US:
            self._late_s = 0.0
            return False
        if self._late_s == 0.0 or late_us < self._least_us - LATE_US:
            self._late_s, self._least_us = 0.0, late_us
        self._late_s += looked_s
        return self._late_s > LASTS_S

    def _correct(self, sound_us: float, *, begins: bool, is_set: bool) -> None:
        """Correct the newest piece by no more than the new sound, or let another begin with it."""
        newest, origin_us = self._pieces[-1], self._origin_us + self._ahead_us
        if (begins or is_set) and self._position > 0:
            earliest_us = -inf if is_set else self.time_us(self._position)
            piece = Piece(self._position, origin_us, earliest_us)
            self._pieces = (*self._pieces[1 - REMEMBERED :], piece)
        else:
            origin_us = max(origin_us, newest.origin_us - sound_us)
            self._pieces = (*self._pieces[:-1], newest._replace(origin_us=origin_us))

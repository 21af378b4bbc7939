"""When a sample was captured: sample positions to UTC."""

import time
from collections.abc import Callable
from typing import NamedTuple

AVERAGED_S = 10.0
"""Time constant of the average over the dates of blocks; their jitter is milliseconds."""
STEP_US = 30_000
"""The wall clock runs away from the monotonic one by so much only where somebody has set it."""
LOOKS = 3
"""Whoever reads two clocks may be interrupted in between, but hardly each time."""
REMEMBERED = 64
"""Pieces; a pause takes a block and the time to notice it, so that these reach back for seconds."""
DRIFT_AFTER_S = 30.0
"""Before this much audio the drift is mostly jitter and is reported as 0."""


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


class SampleClock:
    """Follows the device's clock by averaging the dates of its blocks.

    The device's crystal drifts against the clock of the machine by tens of ppm, seconds a day;
    the average follows it, and reports it. All this is on the monotonic clock; a wall clock that
    is set moves what follows by as much. Before the first stamp times count from sample 0. Written
    by the capture thread, read by the main one: both only replace or read whole values.
    """

    def __init__(self, rate_hz: int, wall_ahead_us: Callable[[], int] = wall_ahead_us) -> None:
        self._wall_ahead_us, self._ahead_us = wall_ahead_us, wall_ahead_us()
        self._us_per_sample = 1e6 / rate_hz
        self._origin_us = self._first_origin_us = 0.0
        """When sample 0 would have been captured on the monotonic clock."""
        self._pieces: tuple[Piece, ...] = (Piece(0, 0.0),)
        """In their order; the newest is corrected with every block."""
        self._position = 0
        self._blocks = 0

    def stamp(self, position: int, t_ns: int, *, anew: bool = False) -> None:
        """Note that sample number `position` was captured at `t_ns` on the monotonic clock.

        `anew`: before the samples since the last stamp the source stood still.
        """
        before_us, self._ahead_us = self._ahead_us, self._wall_ahead_us()
        is_set = abs(self._ahead_us - before_us) > STEP_US
        origin_us = t_ns / 1e3 - position * self._us_per_sample
        if anew:
            self._first_origin_us += origin_us - self._origin_us
            self._blocks = 0
        self._blocks += 1
        block_s = (position - self._position) * self._us_per_sample / 1e6
        weight = max(1.0 / self._blocks, min(1.0, block_s / AVERAGED_S))
        self._origin_us += weight * (origin_us - self._origin_us)
        if position * self._us_per_sample < AVERAGED_S * 1e6:
            self._first_origin_us = self._origin_us
        self._correct(begins=anew or is_set)
        self._position = position

    def time_us(self, position: float) -> int:
        """Return when the sample at `position` was captured, UTC microseconds."""
        pieces = self._pieces
        piece = next((one for one in reversed(pieces) if position >= one.start), pieces[0])
        return round(piece.origin_us + position * self._us_per_sample)

    @property
    def drift_ppm(self) -> float:
        """How much slower than the wall clock the device samples, in parts per million."""
        elapsed_us = self._position * self._us_per_sample - AVERAGED_S * 1e6
        if elapsed_us < DRIFT_AFTER_S * 1e6:
            return 0.0
        return (self._origin_us - self._first_origin_us) / elapsed_us * 1e6

    def _correct(self, *, begins: bool) -> None:
        """Correct the newest piece, or let another begin behind the last stamp."""
        origin_us = self._origin_us + self._ahead_us
        if begins and self._position > 0:
            self._pieces = (*self._pieces[1 - REMEMBERED :], Piece(self._position, origin_us))
        else:
            newest = self._pieces[-1]
            self._pieces = (*self._pieces[:-1], newest._replace(origin_us=origin_us))

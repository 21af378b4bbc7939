"""When a sample was captured: sample positions to UTC."""

import time
from collections.abc import Callable

AVERAGED_S = 10.0
"""Time constant of the average over block time stamps; their jitter is milliseconds."""
STEP_US = 1e6
"""The wall clock runs away from the monotonic one by so much only where somebody has set it."""
DRIFT_AFTER_S = 30.0
"""Before this much audio the drift is mostly jitter and is reported as 0."""


def wall_us() -> int:
    """Return now, UTC microseconds."""
    return time.time_ns() // 1000


def wall_ahead_us() -> int:
    """Return how far the wall clock is ahead of the monotonic one, which nobody sets."""
    return (time.time_ns() - time.monotonic_ns()) // 1000


class SampleClock:
    """Follows the device's clock by averaging the time stamps of its blocks.

    The device's crystal drifts against the wall clock by tens of ppm, seconds a day; the
    average follows it, and reports it. Written by the capture thread, read by the main one:
    both only replace or read whole values. A wall clock that is set moves what follows at once;
    how late a block is does not, since what was late is caught up with.
    """

    def __init__(self, rate_hz: int, wall_ahead_us: Callable[[], int] = wall_ahead_us) -> None:
        self._wall_ahead_us, self._ahead_us = wall_ahead_us, wall_ahead_us()
        self._us_per_sample = 1e6 / rate_hz
        self._origin_us = self._first_origin_us = 0.0
        self._before = (0, 0.0)
        """The position where the source last stood still, and the origin of what came before."""
        self._position = 0
        self._blocks = 0

    def stamp(self, position: int, t_us: int, *, anew: bool = False) -> None:
        """Note that sample number `position` was captured at `t_us` (UTC, microseconds).

        `anew`: before the samples since the last stamp the source stood still.
        """
        origin_us = t_us - position * self._us_per_sample
        before_us, self._ahead_us = self._ahead_us, self._wall_ahead_us()
        is_set = self._blocks > 0 and abs(self._ahead_us - before_us) > STEP_US
        if anew or is_set:
            # Before the origin: the main thread reads the two in the other order.
            self._before = (self._position, self._origin_us)
            self._first_origin_us += origin_us - self._origin_us
            self._blocks = 0
        self._blocks += 1
        block_s = (position - self._position) * self._us_per_sample / 1e6
        weight = max(1.0 / self._blocks, min(1.0, block_s / AVERAGED_S))
        self._origin_us += weight * (origin_us - self._origin_us)
        self._position = position
        if position * self._us_per_sample < AVERAGED_S * 1e6:
            self._first_origin_us = self._origin_us

    def time_us(self, position: float) -> int:
        """Return when the sample at `position` was captured, UTC microseconds."""
        origin_us = self._origin_us
        stood_still_at, before_us = self._before
        if position < stood_still_at:
            origin_us = before_us
        return round(origin_us + position * self._us_per_sample)

    @property
    def drift_ppm(self) -> float:
        """How much slower than the wall clock the device samples, in parts per million."""
        elapsed_us = self._position * self._us_per_sample - AVERAGED_S * 1e6
        if elapsed_us < DRIFT_AFTER_S * 1e6:
            return 0.0
        return (self._origin_us - self._first_origin_us) / elapsed_us * 1e6

"""How many samples a device has lost, by the clock."""

TOLERATED_S = 0.1
"""A device may be this late and yet lose nothing."""
SETTLED_S = 0.4
"""What is still missing after so long without more of a backlog will not come."""
LOOK_BLOCKS = 2
"""Between two looks no more time counts: a machine too busy to let us read is no loss yet."""


class LossMeter:
    """Compares the samples that came with the time that went by.

    A device's own overflow flag says neither how much was lost, nor is it reliable: after a
    stall of 30 s a sound server had lost 8 s and raised no flag. So whenever less than a block
    is left in the device, we look at what is missing since the last such moment. Little is
    jitter, and each moment starts anew, so a crystal that drifts loses nothing. Much may still
    come, since a server that was frozen hands out its own backlog piece by piece; what has not
    come once that is over counts as lost. Each loss is right to the device's jitter; unflagged
    ones below `TOLERATED_S` go unseen; the place of a loss may be late by the backlog and
    `SETTLED_S`.
    """

    def __init__(self, rate_hz: int, block: int) -> None:
        self._rate_hz, self._block = rate_hz, block
        self._drained_s: float | None = None
        self._came = 0
        self._flagged = False
        self._least: int | None = None
        """The fewest samples that were missing since many are; None while few are."""
        self._looked_s = self._steady_s = 0.0
        """When we looked last; time in which we looked and no more of a backlog came."""

    def feed(self, now_s: float, count: int, left: int, *, overflowed: bool) -> int:
        """Return the samples lost before a block of `count`, with `left` still in the device."""
        self._came += count
        self._flagged |= overflowed
        longest_s = LOOK_BLOCKS * self._block / self._rate_hz
        self._steady_s += min(now_s - self._looked_s, longest_s)
        self._looked_s = now_s
        if left >= self._block:
            return 0
        if self._drained_s is None:
            self._start_anew(now_s, left)
            return 0
        missing = round((now_s - self._drained_s) * self._rate_hz) - self._came - left
        lost = 0
        if missing > TOLERATED_S * self._rate_hz:
            if not self._is_settled(missing):
                return 0
            lost = min(missing, self._least or missing)
        if self._flagged:
            lost = max(1, lost or missing)
        self._start_anew(now_s, left)
        return lost

    def _is_settled(self, missing: int) -> bool:
        if self._least is None or missing < self._least - self._block:
            self._least, self._steady_s = missing, 0.0
        return self._steady_s >= SETTLED_S

    def _start_anew(self, now_s: float, left: int) -> None:
        self._drained_s, self._came, self._flagged = now_s, -left, False
        self._least = None

"""How many samples a device has lost, by the clock."""

TOLERATED_S = 0.1
"""A device may be this late and yet lose nothing."""


class LossMeter:
    """Compares the samples that came with the time that went by.

    A device's own overflow flag says neither how much was lost, nor is it reliable: after a
    stall of 30 s a sound server had lost 8 s and raised no flag. So whenever less than a block
    is left in the device, what is missing since the last such moment counts as lost; each
    moment starts anew, so a crystal that drifts loses nothing. Each loss is right to the
    device's jitter; unflagged ones below `TOLERATED_S` go unseen; the place of a loss may be
    late by the backlog.
    """

    def __init__(self, rate_hz: int, block: int) -> None:
        self._rate_hz, self._block = rate_hz, block
        self._drained_s: float | None = None
        self._came = 0
        self._flagged = False

    def feed(self, now_s: float, count: int, left: int, *, overflowed: bool) -> int:
        """Return the samples lost before a block of `count`, with `left` still in the device."""
        self._came += count
        self._flagged |= overflowed
        if left >= self._block:
            return 0
        lost = 0
        if self._drained_s is not None:
            missing = round((now_s - self._drained_s) * self._rate_hz) - self._came - left
            if self._flagged:
                lost = max(1, missing)
            elif missing > TOLERATED_S * self._rate_hz:
                lost = missing
        self._drained_s, self._came, self._flagged = now_s, -left, False
        return lost

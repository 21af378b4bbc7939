"""Whether samples come faster than sound can."""

FASTEST = 1.5
"""Times the real pace; a crystal is off by less than a thousandth."""
BACKLOG_S = 10.0
"""So much may come at once after a stall."""


class Tempo:
    """Lets audio come in bursts, but in the long run not faster than `FASTEST`.

    Time that goes by earns the right to audio, up to a backlog; audio uses it up.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._earned_s = BACKLOG_S
        self._then_s: float | None = None

    def too_fast(self, now_s: float, count: int) -> bool:
        """Take `count` samples at `now_s`, and say whether this can no longer be real."""
        passed_s = 0.0 if self._then_s is None else now_s - self._then_s
        self._then_s = now_s
        self._earned_s = min(BACKLOG_S, self._earned_s + FASTEST * passed_s)
        self._earned_s -= count / self._rate_hz
        return self._earned_s < 0.0

"""By how much a device's clock differs from the machine's."""

from math import inf

STRETCH_S = 10.0
"""The least late block of so much sound says when its sound was captured, to a millisecond."""
STEP_US = 50_000
"""So much more or less than in the stretch before is a step; a crystal keeps its pace."""
MEASURED_AFTER_S = 30.0
"""Less sound says little, and is reported as no drift."""
REMEMBERED = 60
"""Stretches, ten minutes of sound: what was before would hide a rate that is wrong by now."""


class DriftMeter:
    """Adds up how much later each stretch of sound comes than the one before; steps do not count.

    So neither a sound server that hung nor a sender that stood still is taken for a wrong rate.
    Fed by the capture thread, asked by the main one: both only replace or read whole values.
    """

    def __init__(self) -> None:
        self._measured: tuple[tuple[float, float], ...] = ()
        """The newest stretches: by how much each came later, µs, and its length, s."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Compare what follows with nothing before; what has been measured counts on."""
        self._before_us: float | None = None
        self._step_us: float | None = None
        self._sound_s, self._least_us = 0.0, inf

    def feed(self, sound_s: float, late_us: float) -> None:
        """Take a block of so much sound; `late_us` may count from anything that stays the same."""
        self._sound_s += sound_s
        self._least_us = min(self._least_us, late_us)
        if self._sound_s < STRETCH_S:
            return
        if self._before_us is not None:
            step_us = self._least_us - self._before_us
            if self._step_us is not None and abs(step_us - self._step_us) < STEP_US:
                measured = (step_us, self._sound_s)
                self._measured = (*self._measured[1 - REMEMBERED :], measured)
            self._step_us = step_us
        self._before_us = self._least_us
        self._sound_s, self._least_us = 0.0, inf

    @property
    def ppm(self) -> float:
        """How much slower the device samples, in parts per million."""
        measured = self._measured
        measured_s = sum(length_s for _, length_s in measured)
        if measured_s < MEASURED_AFTER_S:
            return 0.0
        return sum(step_us for step_us, _ in measured) / measured_s

"""Whether a microphone brings nothing but exact zeros: muted, unplugged from its jack, or dead."""

import numpy as np
from numpy.typing import NDArray

FLAT_S = 4.0
"""The air and the amplifier are never so still for so long."""


class Flatness:
    """Counts zeros since the last sample that was none."""

    def __init__(self, rate_hz: int) -> None:
        self._most = round(FLAT_S * rate_hz)
        self._zeros = 0

    def feed(self, samples: NDArray[np.float32]) -> bool:
        """Take the next samples, (n,), and say whether the source is flat now."""
        self._zeros = 0 if samples.any() else self._zeros + len(samples)
        return self._zeros >= self._most

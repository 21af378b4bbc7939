"""How loud a hop is, and whether that is loud enough to listen to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrd.clients import protocol

CLIPPED = 0.999
"""A sample at or above this magnitude counts as clipped."""


@dataclass(frozen=True, slots=True)
class Level:
    """Level of a stretch of sound, relative to full scale (amplitude 1)."""

    rms_dbfs: float
    peak_dbfs: float
    clipped: int
    """Samples at full scale."""


def measure(samples: NDArray[np.float32]) -> Level:
    """Measure (n,) samples, n >= 1."""
    magnitude = np.abs(samples)
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return Level(
        rms_dbfs=_dbfs(rms),
        peak_dbfs=_dbfs(float(magnitude.max())),
        clipped=int(np.count_nonzero(magnitude >= CLIPPED)),
    )


def joined(stretches: Sequence[tuple[Level, int]]) -> Level:
    """Return the level of stretches that follow each other, each with its samples."""
    total = sum(samples for _, samples in stretches)
    power = sum(10.0 ** (level.rms_dbfs / 10.0) * samples for level, samples in stretches) / total
    return Level(
        rms_dbfs=_dbfs(power**0.5),
        peak_dbfs=max(level.peak_dbfs for level, _ in stretches),
        clipped=sum(level.clipped for level, _ in stretches),
    )


class Gate:
    """Opens at one level, closes below a lower one after a hold, so it does not flutter."""

    def __init__(self, *, open_dbfs: float, close_dbfs: float, hold: int) -> None:
        """`hold` is in samples: how long the level must stay low before the gate closes."""
        self._open_dbfs = open_dbfs
        self._close_dbfs = close_dbfs
        self._hold = hold
        self._low_for = 0
        self.state: protocol.Gate = "closed"

    def feed(self, rms_dbfs: float, samples: int) -> protocol.Gate:
        """Take the level of the next `samples` samples and return the gate's state."""
        if rms_dbfs >= self._open_dbfs:
            self.state = "open"
        self._low_for = self._low_for + samples if rms_dbfs < self._close_dbfs else 0
        if self._low_for >= self._hold and rms_dbfs < self._close_dbfs:
            self.state = "closed"
        return self.state


def _dbfs(amplitude: float) -> float:
    if amplitude <= 0.0:
        return protocol.SILENCE_DBFS
    return max(protocol.SILENCE_DBFS, 20.0 * float(np.log10(amplitude)))

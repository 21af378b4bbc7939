"""Signals whose contents are known to the sample."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def tone(hz: float, seconds: float, rate_hz: int, amplitude: float = 0.3) -> Floats:
    """Return a sine (n,) that starts and ends within one sample."""
    phase = 2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(phase)).astype(np.float32)


def silence(seconds: float, rate_hz: int) -> Floats:
    return np.zeros(round(seconds * rate_hz), np.float32)


def two_tones(rate_hz: int) -> Floats:
    """Silence, 1.5 s of 440 Hz, silence, 1 s of 2000 Hz, silence: 5.5 s."""
    return np.concatenate(
        [
            silence(1.0, rate_hz),
            tone(440.0, 1.5, rate_hz),
            silence(1.0, rate_hz),
            tone(2000.0, 1.0, rate_hz),
            silence(1.0, rate_hz),
        ]
    )


TWO_TONES = [("low", 1.0, 2.5), ("high", 3.5, 4.5)]
"""Label, on and off of `two_tones`, in seconds."""

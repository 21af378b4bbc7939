"""What rooms, microphones, noise and players do to a window, done to its frames in decibels.

Sounds add up in power, band by band, if their phases are taken as random; that is what allows to
mix frames that were computed once instead of sound.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FLOOR_DB = -100.0
_NEPERS_PER_DB = np.float32(np.log(10.0) / 10.0)
_WAVER_DB = 2.2
"""How much the power of steady noise, seen for 64 ms in a mel band, varies."""
_MASK_BANDS = 0.2
"""Longest stretch of bands that is blanked, as a share of all."""


def power(frames: Floats) -> Floats:
    linear: Floats = np.exp(_NEPERS_PER_DB * frames)  # NumPy has no fast power of ten
    return linear


def decibels(powers: Floats) -> Floats:
    level: Floats = np.log(powers + np.float32(10.0 ** (FLOOR_DB / 10.0))) / _NEPERS_PER_DB
    return level


def summed(values_db: Floats) -> Floats:
    """Return the power of all columns together, (T, 1) in dB, of (T, n) in dB."""
    together: Floats = decibels(power(values_db).sum(axis=1, keepdims=True))
    return together


def chained(
    window: Floats, clips: Sequence[NDArray[np.float16]], rng: np.random.Generator
) -> Floats:
    """Return the window with further clips laid behind and over it.

    Each clip begins at a time of its own, 0 to 10 dB below the window's loudest; half of the time
    one ends where the next begins, as on an instrument that plays one note at a time.
    """
    length = len(window)
    loudest = float(window.max())
    cut = rng.random() < 0.5
    starts = np.sort(rng.integers(-length // 2, length - 4, len(clips)))
    ends = [*starts[1:], length] if cut else [length] * len(clips)
    mix = power(window)
    if cut and starts[0] > 0:
        mix[starts[0] :] *= np.float32(1e-3)
    for clip, start, end in zip(clips, starts.tolist(), ends, strict=True):
        first = max(start, 0)
        piece = clip[first - start : max(int(end), first) - start].astype(np.float32)
        if len(piece):
            gain = loudest - float(clip.max()) - rng.uniform(0.0, 10.0)
            mix[first : first + len(piece)] += power(piece + np.float32(gain))
    return decibels(mix)


def paced(rows: Floats, length: int) -> Floats:
    """Return rows (n, columns) played faster or slower, so that they are `length`."""
    return _between(rows, np.linspace(0.0, len(rows) - 1.0, length))


def warped(frames: Floats, centres_hz: NDArray[np.float64], factor: float) -> Floats:
    """Return frames (T, bands) with every frequency times a factor: another size and another key.

    What would come from beyond the outermost bands is taken to be as in these.
    """
    places = np.interp(centres_hz / factor, centres_hz, np.arange(len(centres_hz)))
    return _between(frames.T, places).T


def noisy(window: Floats, rng: np.random.Generator) -> Floats:
    """Return the window in steady noise of a random slope, 5 to 60 dB below its loudest."""
    return decibels(power(window) + power(noise(window.shape, rng) + _below(window, rng)))


def noise(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Return frames (T, bands) of noise whose loudest band is about 0 dB."""
    place = np.linspace(0.0, 1.0, shape[1])
    slope = rng.normal(-15.0, 15.0) * place + rng.normal(0.0, 4.0) * np.cos(np.pi * 2.0 * place)
    waver = np.float32(_WAVER_DB) * rng.standard_normal(shape, dtype=np.float32)
    coloured: Floats = (slope - slope.max()).astype(np.float32) + waver
    return coloured


def masked(window: Floats, rng: np.random.Generator, *, time_share: float = 0.25) -> Floats:
    """Return the window without one stretch of time and one of bands (SpecAugment)."""
    blanked = window.copy()
    for axis, share in ((0, time_share), (1, _MASK_BANDS)):
        size = int(rng.integers(1, max(2, int(share * window.shape[axis]) + 1)))
        start = int(rng.integers(window.shape[axis] - size + 1))
        gone = (
            (slice(start, start + size),)
            if axis == 0
            else (slice(None), slice(start, start + size))
        )
        blanked[gone] = FLOOR_DB
    return blanked


def _between(rows: Floats, places: NDArray[np.float64]) -> Floats:
    """Return rows at places that may lie between two of them, by linear interpolation."""
    lower = np.minimum(places.astype(np.int64), max(len(rows) - 2, 0))
    share = (places - lower).astype(np.float32)[:, None]
    upper = np.minimum(lower + 1, len(rows) - 1)
    between: Floats = rows[lower] * (1.0 - share) + rows[upper] * share
    return between


def _below(window: Floats, rng: np.random.Generator) -> np.float32:
    return np.float32(float(window.max()) - rng.uniform(5.0, 60.0))

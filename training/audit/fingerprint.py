"""The same sound found again under another gain, format or offset.

Two steps: log-mel pictures that start at the onset are compared all with all, which any two
notes alike may pass; then the waveforms themselves must match, which takes of one note do not,
because their phases differ. Rooms and equalisers undo the second step: a re-recording is told
from its name only (`takes`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrd.models.frontend import FrontEnd, frames_of
from instrd.training.folders.pool import resample

Floats = NDArray[np.float32]

PICTURE = FrontEnd(rate_hz=8000, fft=1024, hop=256, bands=24, fmin_hz=100.0, fmax_hz=3600.0)
FRAMES = 64
KEPT = FRAMES * PICTURE.hop
"""Samples from the onset on that are compared, 2 s."""
ALIKE = 0.9
"""Least cosine of two pictures whose waveforms are then compared."""
SAME = 0.95
"""Least correlation of two waveforms, at their best lag, that counts as one sound."""
_ONSET_DB = 40.0
_RANGE_DB = 50.0
_SHIFTS = range(-4, 5)
_MOST_LAG = PICTURE.rate_hz // 4
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of one sound: (FRAMES, bands) with mean 0 and norm 1, and (KEPT,) samples."""

    picture: Floats
    onset: NDArray[np.float16]


def fingerprint(signal: Floats, rate_hz: int) -> Fingerprint:
    """Return the fingerprint of a sound (n,) that is not silent."""
    heard = resample(signal, rate_hz, PICTURE.rate_hz)
    level = np.abs(heard)
    start = int(np.argmax(level > level.max() * 10.0 ** (-_ONSET_DB / 20.0)))
    onset = np.zeros(KEPT, np.float32)
    kept = heard[start : start + KEPT]
    onset[: len(kept)] = kept / max(float(level.max()), 1e-9)
    frames = frames_of(PICTURE, onset)
    picture = np.maximum(frames - frames.max(), np.float32(-_RANGE_DB))
    picture -= picture.mean()
    picture /= max(float(np.linalg.norm(picture)), 1e-9)
    return Fingerprint(picture, onset.astype(np.float16))


def same_sounds(prints: Sequence[Fingerprint]) -> list[list[int]]:
    """Return the places, in groups of two or more, of sounds that are one and the same."""
    parent = list(range(len(prints)))

    def first(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    for one, other in _alike(prints):
        here, there = first(one), first(other)
        if here != there and likeness(prints[one], prints[other]) >= SAME:
            parent[max(here, there)] = min(here, there)
    groups: dict[int, list[int]] = {}
    for place in range(len(prints)):
        groups.setdefault(first(place), []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def likeness(one: Fingerprint, other: Fingerprint) -> float:
    """Return the correlation 0..1 of two waveforms at their best lag, whatever their polarity."""
    first, second = one.onset.astype(np.float32), other.onset.astype(np.float32)
    spectrum = np.fft.rfft(first, 2 * KEPT) * np.fft.rfft(second, 2 * KEPT).conj()
    correlation = np.abs(np.fft.irfft(spectrum))
    correlation[_MOST_LAG + 1 : -_MOST_LAG] = 0.0
    lag = int(np.argmax(correlation))
    lag = lag - 2 * KEPT if lag > KEPT else lag
    ahead = first[max(lag, 0) : KEPT + min(lag, 0)]
    behind = second[max(-lag, 0) : KEPT - max(lag, 0)]
    norms = float(np.linalg.norm(ahead) * np.linalg.norm(behind))
    return abs(float(ahead @ behind)) / norms if norms > 0.0 else 0.0


def _alike(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """Yield each pair of places whose pictures resemble each other at some small shift."""
    if not prints:
        return
    pictures = np.stack([print_.picture for print_ in prints])
    flat = pictures.reshape(len(prints), -1)
    for start in range(0, len(prints), _BLOCK):
        block = pictures[start : start + _BLOCK]
        best = np.full((len(block), len(prints) - start), -1.0, np.float32)
        for shift in _SHIFTS:
            moved = np.roll(block, shift, axis=1).reshape(len(block), -1)
            np.maximum(best, moved @ flat[start:].T, out=best)
        for row, column in np.argwhere(best >= ALIKE):
            if column > row:
                yield start + int(row), start + int(column)

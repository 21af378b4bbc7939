"""Mixtures of held-out clips in which one instrument is the loudest, the same for every peer."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.training.folders.pool import Clip, listen

Floats = NDArray[np.float32]
Hear = Callable[[Clip, int], Floats]
"""Returns the sound of a clip, (n,) at a rate in Hz."""

COUNT = 400
_SEED = 20261126
_MOST_OTHERS = 2
_BELOW_DB = (3.0, 12.0)
_RMS = 0.05


def as_recorded(data: Path) -> Hear:
    """Have the clips of a pool sound as they are."""
    return lambda clip, rate_hz: listen(data / clip.path, rate_hz)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some seconds of a clip: where they start and end, and their rms."""

    clip: Clip
    start_s: float
    end_s: float
    rms: float


@dataclass(frozen=True, slots=True)
class Mix:
    """Pieces that are played together, each times its gain; the first is the predominant one."""

    pieces: tuple[tuple[Piece, float], ...]

    @property
    def predominant(self) -> Clip:
        return self.pieces[0][0].clip

    def sound(self, hear: Hear, rate_hz: int) -> Floats:
        """Return the mixture, (n,) at `rate_hz`, as long as its first piece."""
        first = self.pieces[0][0]
        mix = np.zeros(round((first.end_s - first.start_s) * rate_hz), np.float32)
        for piece, gain in self.pieces:
            start = round(piece.start_s * rate_hz)
            part = hear(piece.clip, rate_hz)[start : start + len(mix)]
            mix[: len(part)] += np.float32(gain) * part
        return mix


def draw_mixes(pieces: Sequence[Piece], count: int = COUNT) -> Iterator[Mix]:
    """Yield mixtures: every label is as often the predominant one.

    One or two others play with it, of other labels and each 3 to 12 dB below it.
    """
    rng = np.random.default_rng(_SEED)
    by_label: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        by_label[piece.clip.label].append(piece)
    labels = sorted(by_label)
    if len(labels) < 2:
        return
    for number in range(count):
        label = labels[number % len(labels)]
        others = [other for other in labels if other != label]
        behind = int(rng.integers(1, min(_MOST_OTHERS, len(others)) + 1))
        chosen = [label, *map(str, rng.choice(others, behind, replace=False))]
        below_db = [0.0, *rng.uniform(*_BELOW_DB, behind)]
        drawn = [by_label[name][int(rng.integers(len(by_label[name])))] for name in chosen]
        gains = [
            _RMS / piece.rms * 10.0 ** (-less_db / 20.0)
            for piece, less_db in zip(drawn, below_db, strict=True)
        ]
        yield Mix(tuple(zip(drawn, gains, strict=True)))

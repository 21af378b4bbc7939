"""What a bundle says of held-out clips, whole and in pieces, and how often it is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Manifest
from instrd.training.scores import Scores, score

Floats = NDArray[np.float32]

FOUR = ("drum", "guitar", "piano", "violin")
"""The paper's labels."""
LEVEL_DBFS = -50.0
"""Quieter pieces are left out, as the daemon's gate does."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The probabilities (n, labels) of the pieces of one clip, by the kind of piece."""

    label: str
    source: str
    pieces: dict[str, Floats]


def summary(judged: Sequence[Judged], manifest: Manifest) -> dict[str, Any]:
    """Return the scores of each kind of piece over all clips, and accuracies by source.

    The latter are of all labels and, where a source has some of them, of the paper's four.
    """
    by_source = {
        source: _accuracies([one for one in judged if one.source == source], manifest)
        for source in sorted({one.source for one in judged})
    }
    return {**msgspec.to_builtins(_scores(judged, manifest)), "by_source": by_source}


def _accuracies(judged: Sequence[Judged], manifest: Manifest) -> dict[str, float]:
    found = {}
    for kind, scores in _scores(judged, manifest).items():
        if scores.rows:
            found[kind] = scores.accuracy
        if scores.by_label.keys() & FOUR:
            found[f"{kind}_four"] = scores.accuracy_four
    return found


def _scores(judged: Sequence[Judged], manifest: Manifest) -> dict[str, Scores]:
    kinds = dict.fromkeys(kind for one in judged for kind in one.pieces)
    return {kind: _score(judged, kind, manifest) for kind in kinds}


def _score(judged: Sequence[Judged], kind: str, manifest: Manifest) -> Scores:
    names = manifest.labels
    have = [(one.label, one.pieces[kind]) for one in judged if kind in one.pieces]
    truth = np.repeat([names.index(label) for label, _ in have], [len(p) for _, p in have])
    four = [label for label in FOUR if label in names]
    return score(np.concatenate([p for _, p in have]), truth, manifest, four)

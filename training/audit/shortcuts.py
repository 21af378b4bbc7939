"""Whether length, sample rate or loudness alone give a label away."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.training.audit.findings import Finding
from instrd.training.audit.sounds import Sound

BINS = 8
SHUFFLES = 200
MARGIN = 0.15
"""How far the guess must beat the luckiest of the shuffled labels, in balanced accuracy."""
_SEED = 0


def shortcuts(sounds: Iterable[Sound], labels: Mapping[Path, set[str]]) -> Iterator[Finding]:
    """Yield each measure by which a stump with `BINS` leaves names the label too well.

    The stump cuts a measure at its quantiles and names the likeliest label of each bin. Its
    balanced accuracy must beat the best of `SHUFFLES` shufflings of the labels by `MARGIN`.
    """
    pairs = [(sound, label) for sound in sounds for label in sorted(labels[sound.path])]
    names, places = np.unique([label for _, label in pairs], return_inverse=True)
    if len(names) < 2:
        return
    measures = {
        "length": [sound.seconds for sound, _ in pairs],
        "sample rate": [float(sound.rate_hz) for sound, _ in pairs],
        "loudness": [sound.level_dbfs for sound, _ in pairs],
    }
    rng = np.random.default_rng(_SEED)
    for name, values in measures.items():
        bins = _binned(np.array(values))
        right = _stump(bins, places)
        luck = max(_stump(bins, rng.permutation(places)) for _ in range(SHUFFLES))
        if right > luck + MARGIN:
            what = (
                f"{name} alone names {right:.0%} of the labels (balanced; chance "
                f"{1 / len(names):.0%}, best of {SHUFFLES} shufflings {luck:.0%})"
            )
            yield Finding("shortcut to the label", what)


def _binned(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each value; equal values share one."""
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, BINS + 1)[1:-1]))
    bins: NDArray[np.int64] = np.searchsorted(edges, values, side="left")
    return bins


def _stump(bins: NDArray[np.int64], places: NDArray[np.int64]) -> float:
    """Return the balanced accuracy of naming each bin's likeliest label."""
    table = np.zeros((int(places.max()) + 1, BINS))
    np.add.at(table, (places, bins), 1.0)
    share = table / table.sum(axis=1, keepdims=True)
    return float(share.max(axis=0).sum() / len(table))

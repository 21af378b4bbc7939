"""Figures of merit of probabilities against the one true label of each row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Manifest

Floats = NDArray[np.float32]
Indices = NDArray[np.int_]

_BINS = 15


@dataclass(frozen=True)
class Scores:
    """What was measured on rows (seconds or clips) whose label is known."""

    rows: int
    accuracy: float
    """Share of rows whose likeliest label, background included, is the true one."""
    accuracy_macro: float
    """Mean over labels of the share of their rows that came out right."""
    accuracy_instruments: float
    """Of rows whose likeliest label is the true one when the background is masked."""
    accuracy_instruments_macro: float
    accuracy_four: float
    """Of rows of the four labels, with all other labels masked."""
    accuracy_four_macro: float
    hits: float
    """Share of rows whose true label reaches its threshold_on."""
    wrong: float
    """Share of rows in which any other instrument reaches its threshold_on."""
    calibration_error: float
    """Expected calibration error of the likeliest label (Guo et al. 2017), 15 bins."""
    label_calibration_error: float
    """The same of all probabilities of all instruments, each against whether it is the true one."""
    by_label: dict[str, float]
    confusion: dict[str, dict[str, int]]
    """True label -> likeliest label -> rows."""


def score(probabilities: Floats, truth: Indices, manifest: Manifest, four: Sequence[str]) -> Scores:
    """Score (rows, labels) probabilities against (rows,) true label indices."""
    labels = manifest.labels
    likeliest = probabilities.argmax(axis=1)
    right = likeliest == truth
    columns = np.array([labels.index(label) for label in four], np.int_)
    instrument = np.array([label not in manifest.background for label in labels])
    right_instrument = np.where(instrument, probabilities, -1.0).argmax(axis=1) == truth
    of_four = np.isin(truth, columns)
    masked = columns[probabilities[of_four][:, columns].argmax(axis=1)] if four else truth[of_four]
    right_four = masked == truth[of_four]
    on = probabilities >= np.asarray(manifest.threshold_on)
    own = np.arange(len(labels)) == truth[:, None]
    return Scores(
        rows=len(truth),
        accuracy=_mean(right),
        accuracy_macro=_macro(right, truth),
        accuracy_instruments=_mean(right_instrument),
        accuracy_instruments_macro=_macro(right_instrument, truth),
        accuracy_four=_mean(right_four),
        accuracy_four_macro=_macro(right_four, truth[of_four]),
        hits=_mean(on[own]),
        wrong=_mean((on & ~own & instrument).any(axis=1)),
        calibration_error=calibration_error(probabilities.max(axis=1), right),
        label_calibration_error=calibration_error(
            probabilities[:, instrument].ravel(), own[:, instrument].ravel()
        ),
        by_label={labels[k]: _mean(right[truth == k]) for k in np.unique(truth)},
        confusion=_confusion(truth, likeliest, labels),
    )


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the mean distance of confidence and accuracy over bins of confidence."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    error = 0.0
    for k in np.unique(bins):
        inside = bins == k
        gap = abs(float(confidence[inside].mean()) - float(right[inside].mean()))
        error += gap * float(inside.mean())
    return error


def _mean(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _macro(right: NDArray[np.bool_], truth: Indices) -> float:
    shares = [right[truth == k].mean() for k in np.unique(truth)]
    return float(np.mean(shares)) if shares else 0.0


def _confusion(
    truth: Indices, likeliest: Indices, labels: Sequence[str]
) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for true in np.unique(truth):
        found, counts = np.unique(likeliest[truth == true], return_counts=True)
        pairs = sorted(zip(counts.tolist(), found.tolist(), strict=True), reverse=True)
        table[labels[true]] = {labels[k]: count for count, k in pairs}
    return table

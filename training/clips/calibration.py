"""Temperature, thresholds and delay of a window net, measured on its validation clips."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from torch import nn

from instrd.training.clips.net_answers import Doubles, logits_of
from instrd.training.clips.split import Example, Parts
from instrd.training.clips.windows import Windows
from instrd.training.errors import TrainingError

WINDOWS_A_CLIP = 4
FALSE_ALARMS = 0.05
"""Share of the windows of other labels, each weighing the same, that may reach threshold_on."""
_THRESHOLD_LEAST, _THRESHOLD_MOST = 0.4, 0.9
_OVER_CHANCE = 1.2
"""A threshold is at least so many times what a net gives each label that knows nothing."""
HYSTERESIS = 0.6
_FIRST_NUMBER = 2**31 + 1
_LONGEST_LAG = 60
UNCALIBRATED = (
    "are of fewer than two classes, so a run cannot be exported: give the recipe a [split] with "
    "validation_share = 0.15, or the data a validation part, and fit anew"
)


@dataclass(frozen=True)
class ClipCalibration:
    """How a window net's logits become probabilities, and decisions."""

    temperature: float
    threshold_on: tuple[float, ...]
    threshold_off: tuple[float, ...]
    onset_lag_frames: int
    metrics: dict[str, Any]


def can_calibrate(parts: Parts) -> bool:
    return len({example.label for example in parts.validation}) > 1


def calibrate_clips(net: nn.Module, parts: Parts, windows: Windows) -> ClipCalibration:
    """Measure all of it; every label counts the same, however many clips it has."""
    if not can_calibrate(parts):
        raise TrainingError("validation clips", UNCALIBRATED)
    logits, truth = _judged(net, parts, windows)
    weights = 1.0 / np.bincount(truth, minlength=len(parts.labels))[truth]
    temperature = fit_temperature(logits, truth, weights)
    p = softmax(logits / temperature, axis=1)
    places = range(len(parts.labels))
    least = max(_THRESHOLD_LEAST, _OVER_CHANCE / len(parts.labels))
    on = [threshold_of(p[truth != k, k], weights[truth != k], least) for k in places]
    right = p.argmax(axis=1) == truth
    return ClipCalibration(
        temperature=round(temperature, 4),
        threshold_on=tuple(on),
        threshold_off=tuple(round(threshold * HYSTERESIS, 4) for threshold in on),
        onset_lag_frames=_onset_lag(net, parts, windows, temperature, on),
        metrics={
            "windows": len(truth),
            "accuracy": float(np.average(right, weights=weights)),
            "hits": {
                parts.labels[k]: float(np.mean(p[truth == k, k] >= on[k])) for k in np.unique(truth)
            },
        },
    )


def fit_temperature(logits: Doubles, truth: NDArray[np.int64], weights: Doubles) -> float:
    """Return the temperature of the least weighted cross-entropy (Guo et al. 2017)."""

    def loss(log_temperature: float) -> float:
        p = softmax(logits / np.exp(log_temperature), axis=1)
        own = p[np.arange(len(truth)), truth]
        return float(-np.average(np.log(own + 1e-12), weights=weights))

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def threshold_of(p: Doubles, weights: Doubles, least: float = _THRESHOLD_LEAST) -> float:
    """Return the probability that `FALSE_ALARMS` of weighted negatives reach, within limits."""
    order: NDArray[np.int64] = np.argsort(-p)
    reached = np.cumsum(weights[order]) / weights.sum()
    place = min(int(np.searchsorted(reached, FALSE_ALARMS)), len(p) - 1)
    threshold = float(p[order[place]])
    return round(min(max(threshold, least), _THRESHOLD_MOST), 4)


def _judged(net: nn.Module, parts: Parts, windows: Windows) -> tuple[Doubles, NDArray[np.int64]]:
    """Return logits (n, labels) of some windows of each validation clip, and their labels (n,)."""
    logits, labels = [], []
    for number in range(WINDOWS_A_CLIP):
        frames, truth = windows.plain_batch(parts.validation, _FIRST_NUMBER + number)
        logits.append(logits_of(net, frames))
        labels.append(truth)
    return np.concatenate(logits), np.concatenate(labels)


def _onset_lag(
    net: nn.Module, parts: Parts, windows: Windows, temperature: float, on: list[float]
) -> int:
    """Return the median of the frames from a clip's onset to its label's threshold_on."""
    lags = []
    for example in _spread(parts.validation):
        logits = logits_of(net, windows.from_onset(example, _LONGEST_LAG))
        p = softmax(logits / temperature, axis=1)
        reached = np.flatnonzero(p[:, example.label] >= on[example.label])
        if len(reached):
            lags.append(int(reached[0]))
    return int(np.median(lags)) if lags else 0


def _spread(examples: tuple[Example, ...], most: int = 60) -> list[Example]:
    return [examples[place] for place in range(0, len(examples), max(1, len(examples) // most))]

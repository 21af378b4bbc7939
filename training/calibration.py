"""Calibration and thresholds, measured on stems that the net was not trained on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from instrd.models.nets.causal_net import CausalNet
from instrd.training.excerpts import read_excerpts
from instrd.training.lessons import Lessons
from instrd.training.mixtures import Mixer
from instrd.training.recipe import Part, Recipe

Doubles = NDArray[np.float64]
Judged = tuple[Doubles, Doubles]
"""logits (n,) and targets (n,) of the frames in which a label was judged."""

_BATCHES = 40
_SEGMENTS = 24
_SALT = 2
_THRESHOLD_LEAST, _THRESHOLD_MOST = 0.25, 0.9
_LESSONS, _WINDOWS = 500, 1500
"""Most batches of lessons drawn for so many windows without music: of a few, one odd bell would
set a threshold."""
_RIDGE = 1e-3


@dataclass(frozen=True)
class Calibrated:
    """Per label: p = sigmoid(logit / temperature + bias), and when to call it on and off."""

    temperature: tuple[float, ...]
    bias: tuple[float, ...]
    threshold_on: tuple[float, ...]
    threshold_off: tuple[float, ...]
    metrics: dict[str, dict[str, float]]
    """label -> what the thresholds give on the calibration's mixtures."""


def calibrate(
    net: CausalNet,
    recipe: Recipe,
    bank: Path,
    part: Part,
    music: Path | None = None,
    *,
    served: CausalNet | None = None,
) -> Calibrated:
    """Fit Platt's sigmoid per label (Platt 1999) and choose thresholds by their false alarms.

    Where a teacher has heard recordings of anything, those that it finds no music in (speech,
    noises) set thresholds too; by the alarms of the net that will be `served`, if that is not the
    one that is calibrated: both learned from those recordings alike.
    """
    temperatures, biases, on, off = [], [], [], []
    metrics = {}
    serving = recipe.serving
    alarmed = served or net
    unmusical = _unmusical(alarmed, recipe, music) if music else np.empty((0, len(recipe.labels)))
    judged = _judge(net, recipe, bank, part)
    for label, (logits, targets), others in zip(recipe.labels, judged, unmusical.T, strict=True):
        slope, bias = fit_sigmoid(logits, targets)
        probabilities = _sigmoid(slope * logits + bias)
        threshold = threshold_of(probabilities[targets == 0.0], serving.false_alarms)
        if len(others) and label not in recipe.background:
            alarms = _sigmoid(slope * others + bias)
            threshold = max(threshold, threshold_of(alarms, serving.unmusical_alarms))
        temperatures.append(round(1.0 / slope, 4))
        biases.append(round(bias, 4))
        on.append(round(threshold, 4))
        off.append(round(threshold * serving.hysteresis, 4))
        metrics[label] = {
            "hits": float(np.mean(probabilities[targets == 1.0] >= threshold)),
            "false_alarms": float(np.mean(probabilities[targets == 0.0] >= threshold)),
        }
    return Calibrated(tuple(temperatures), tuple(biases), tuple(on), tuple(off), metrics)


def fit_sigmoid(logits: Doubles, targets: Doubles) -> tuple[float, float]:
    """Return slope and bias of the likeliest sigmoid, by Newton's method; slope > 0."""
    inputs = np.stack([logits, np.ones_like(logits)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(25):
        found = _sigmoid(inputs @ weights)
        gradient = inputs.T @ (found - targets) / len(targets) + _RIDGE * (weights - [1.0, 0.0])
        curvature = inputs.T @ (inputs * (found * (1.0 - found))[:, None]) / len(targets)
        step = np.linalg.solve(curvature + _RIDGE * np.eye(2), gradient)
        weights -= np.clip(step, -1.0, 1.0)
    return max(float(weights[0]), 0.05), float(weights[1])


def threshold_of(negatives: Doubles, false_alarms: float) -> float:
    """Return the probability that only that share of the negatives reaches, within limits."""
    threshold = float(np.quantile(negatives, 1.0 - false_alarms))
    return min(max(threshold, _THRESHOLD_LEAST), _THRESHOLD_MOST)


def _judge(net: CausalNet, recipe: Recipe, bank: Path, part: Part) -> Iterator[Judged]:
    mixer = Mixer(recipe, bank, part)
    logits, targets, weights = [], [], []
    for frames, target, weight in mixer.batches(range(_BATCHES), count=_SEGMENTS, salt=_SALT):
        with torch.inference_mode():
            judged, _ = net(torch.from_numpy(frames), net.initial_state(len(frames)))
        logits.append(judged.flatten(0, 1).double().numpy())
        targets.append(target.reshape(-1, target.shape[-1]) > 0.0)
        weights.append(weight.reshape(-1, weight.shape[-1]))
    whole = [np.concatenate(parts).astype(np.float64) for parts in (logits, targets, weights)]
    for column in range(len(recipe.labels)):
        judged_frames = whole[2][:, column] > 0.0
        yield whole[0][judged_frames, column], whole[1][judged_frames, column]


def _unmusical(net: CausalNet, recipe: Recipe, music: Path) -> Doubles:
    """Return the logits of all frames of windows without music, (n, labels)."""
    lessons = Lessons(recipe, read_excerpts(music, recipe.mixing.segment_frames))
    heard: list[Doubles] = []
    windows = 0
    for step in range(_LESSONS):
        frames, _, targets, weights = lessons.batch(step, count=_SEGMENTS)
        background = [label in recipe.background for label in recipe.labels]
        none = (weights.sum(axis=1) > 1.0) & (targets == np.array(background)).all(axis=1)
        if none.any():
            with torch.inference_mode():
                logits, _ = net(torch.from_numpy(frames[none]), net.initial_state(int(none.sum())))
            heard.append(logits.flatten(0, 1).double().numpy())
        windows += int(none.sum())
        if windows >= _WINDOWS:
            break
    return np.concatenate(heard) if heard else np.empty((0, len(recipe.labels)))


def _sigmoid(values: Doubles) -> Doubles:
    probabilities: Doubles = 1.0 / (1.0 + np.exp(-np.clip(values, -80.0, 80.0)))
    return probabilities

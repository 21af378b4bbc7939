"""Calibration and thresholds, measured on stems that the net was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from instrd.models.bundle import Manifest
from instrd.models.contrast import contrast_of
from instrd.models.nets.causal_net import CausalNet
from instrd.training.mixtures.lessons import Lessons
from instrd.training.mixtures.mixtures import Mixer
from instrd.training.recipe import PARTS, Part, Recipe
from instrd.training.teachers.excerpts import read_excerpts

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

_BATCHES = 40
_SEGMENTS = 24
_SALT = 2
_THRESHOLD_LEAST, _THRESHOLD_MOST = 0.25, 0.9
_LESSONS, _WINDOWS = 500, 1500
"""Most batches of lessons drawn for so many windows without music: of a few, one odd bell would
set a threshold."""
_RIDGE = 1e-3


@dataclass(frozen=True)
class _Judged:
    """All frames of the mixtures, each (n, labels); not in all is every label judged."""

    logits: Doubles
    sounds: Flags
    counts: Flags

    def where(self, column: int, *, sounding: bool) -> Flags:
        """Return in which frames (n,) a label is judged and sounds, or does not."""
        where: Flags = self.counts[:, column] & (self.sounds[:, column] == sounding)
        return where

    def of(self, column: int) -> tuple[Doubles, Doubles]:
        """Return logits (m,) and targets (m,) of the frames in which a label is judged."""
        counts = self.counts[:, column]
        return self.logits[counts, column], self.sounds[counts, column].astype(np.float64)


@dataclass(frozen=True)
class Calibrated:
    """Per label: how logits become probabilities, and when to call it on and off."""

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
    serving = recipe.serving
    judged = _judge(net, recipe, bank, part)
    slopes, biases = np.transpose([fit_sigmoid(*judged.of(k)) for k in range(len(recipe.labels))])
    unmusical = _unmusical(served or net, recipe, music) if music else judged.logits[:0]

    contrast = contrast_of(
        recipe.labels, recipe.background, by_surer(recipe), serving.background_contrast
    )

    def probabilities(logits: Doubles) -> Doubles:
        p: Doubles = expit(contrast.left(slopes * logits + biases))
        return p

    found, alarms = probabilities(judged.logits), probabilities(unmusical)
    thresholds = []
    metrics = {}
    for column, label in enumerate(recipe.labels):
        there = found[judged.where(column, sounding=True), column]
        absent = found[judged.where(column, sounding=False), column]
        threshold = threshold_of(absent, serving.false_alarms)
        if len(alarms) and label not in recipe.background:
            least = threshold_of(alarms[:, column], serving.unmusical_alarms)
            threshold = max(threshold, least)
        thresholds.append(threshold)
        metrics[label] = {
            "hits": float(np.mean(there >= threshold)),
            "false_alarms": float(np.mean(absent >= threshold)),
        }
    return Calibrated(
        temperature=_rounded(1.0 / slopes),
        bias=_rounded(biases),
        threshold_on=_rounded(thresholds),
        threshold_off=_rounded(np.multiply(thresholds, serving.hysteresis)),
        metrics=metrics,
    )


def calibrated_as(
    before: Manifest, nets: tuple[CausalNet, CausalNet], recipe: Recipe, bank: Path
) -> Calibrated:
    """Calibrate a net so that it finds every label as likely as the net before did, on average.

    `nets` are the one before, whose bundle has the manifest `before`, and the one to calibrate.
    What is asked of both are mixtures of all that the bank holds; thresholds stay as they were.
    """
    old, new = (_judge(net, recipe, bank, *PARTS) for net in nets)
    temperature, bias = np.array(before.temperature), np.array(before.bias)
    likely = expit(old.logits / temperature + bias)
    pairs = zip(new.logits.T, likely.T, strict=True)
    slopes, biases = np.transpose([fit_sigmoid(logits, p) for logits, p in pairs])
    return Calibrated(
        temperature=_rounded(1.0 / slopes),
        bias=_rounded(biases),
        threshold_on=before.threshold_on,
        threshold_off=before.threshold_off,
        metrics=before.metrics.get("calibration", {}),
    )


def by_surer(recipe: Recipe) -> tuple[float, ...]:
    """Return what a surer label takes from each label."""
    return tuple(recipe.serving.contrast.get(label, 0.0) for label in recipe.labels)


def fit_sigmoid(logits: Doubles, targets: Doubles) -> tuple[float, float]:
    """Return slope and bias of the likeliest sigmoid, by Newton's method; slope > 0.

    Targets may lie between 0 and 1.
    """
    inputs = np.stack([logits, np.ones_like(logits)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(25):
        found = expit(inputs @ weights)
        gradient = inputs.T @ (found - targets) / len(targets) + _RIDGE * (weights - [1.0, 0.0])
        curvature = inputs.T @ (inputs * (found * (1.0 - found))[:, None]) / len(targets)
        step = np.linalg.solve(curvature + _RIDGE * np.eye(2), gradient)
        weights -= np.clip(step, -1.0, 1.0)
    return max(float(weights[0]), 0.05), float(weights[1])


def threshold_of(negatives: Doubles, false_alarms: float) -> float:
    """Return the probability that only that share of the negatives reaches, within limits."""
    threshold = float(np.quantile(negatives, 1.0 - false_alarms))
    return min(max(threshold, _THRESHOLD_LEAST), _THRESHOLD_MOST)


def _judge(net: CausalNet, recipe: Recipe, bank: Path, *parts: Part) -> _Judged:
    mixing = msgspec.structs.replace(recipe.mixing, tones=0.0)  # held-out sources have none
    mixer = Mixer(msgspec.structs.replace(recipe, mixing=mixing), bank, *parts)
    logits, targets, weights = [], [], []
    for frames, target, weight in mixer.batches(range(_BATCHES), count=_SEGMENTS, salt=_SALT):
        with torch.inference_mode():
            judged, _ = net(torch.from_numpy(frames), net.initial_state(len(frames)))
        logits.append(judged.flatten(0, 1).double().numpy())
        targets.append(target.reshape(-1, target.shape[-1]) > 0.0)
        weights.append(weight.reshape(-1, weight.shape[-1]))
    return _Judged(np.concatenate(logits), np.concatenate(targets), np.concatenate(weights) > 0.0)


def _unmusical(net: CausalNet, recipe: Recipe, music: Path) -> Doubles:
    """Return the logits of all frames of windows without music, (n, labels)."""
    lessons = Lessons(recipe, read_excerpts(music, recipe.mixing.segment_frames))
    judged: list[Doubles] = []
    windows = 0
    for step in range(_LESSONS):
        heard = lessons.batch(step, count=_SEGMENTS)
        background = [label in recipe.background for label in recipe.labels]
        only = (heard.targets == np.array(background)).all(axis=1)
        none = only & (heard.weights.sum(axis=1) > 1.0)
        if none.any():
            frames = torch.from_numpy(heard.frames[none])
            with torch.inference_mode():
                logits, _ = net(frames, net.initial_state(len(frames)))
            judged.append(logits.flatten(0, 1).double().numpy())
        windows += int(none.sum())
        if windows >= _WINDOWS:
            break
    return np.concatenate(judged) if judged else np.empty((0, len(recipe.labels)))


def _rounded(values: Sequence[float] | Doubles) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)

"""Fits the linear support vector machine by scikit-learn and keeps its arrays."""

from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

from instrd.models.nets.svm import MfccSvm
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.windows import Windows

_AT_ONCE = 256


def fit_svm(net: nn.Module, recipe: ClipRecipe, windows: Windows) -> None:
    """Fit `net` on the windows of the recipe's epochs.

    One against one by SVC as in the paper (libsvm), one against the rest by LinearSVC
    (liblinear), which goes on in reasonable time where there are many windows.
    """
    assert isinstance(net, MfccSvm)
    features, labels = [], []
    for epoch in range(recipe.fit.epochs):
        draws = windows.epoch(epoch)
        for start in range(0, len(draws), _AT_ONCE):
            frames, truth = windows.training_batch(draws[start : start + _AT_ONCE], epoch)
            features.append(net.describe(torch.from_numpy(frames)).numpy())
            labels.append(truth)
    inputs, truth = np.concatenate(features), np.concatenate(labels)
    scaler = StandardScaler().fit(inputs)
    standard = scaler.transform(inputs)
    machine: Any
    if net.in_pairs:
        machine = SVC(kernel="linear", C=recipe.fit.svm_c, random_state=recipe.seed)
    else:
        machine = LinearSVC(C=recipe.fit.svm_c, random_state=recipe.seed, dual=False)
    machine.fit(standard, truth)
    normals, offsets = machine.coef_, machine.intercept_
    if len(machine.classes_) == 2:
        # scikit-learn keeps one plane for two labels, which points to the second.
        sides = np.array([-1.0] if net.in_pairs else [-1.0, 1.0])
        normals, offsets = sides[:, None] * normals, sides * offsets
    for name, values in (
        ("feature_mean", scaler.mean_),
        ("feature_deviation", scaler.scale_),
        ("normals", normals),
        ("offsets", offsets),
    ):
        getattr(net, name).copy_(torch.from_numpy(np.asarray(values, np.float32)))

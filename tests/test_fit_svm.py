"""The SVM of a bundle is the one that scikit-learn fitted."""

from pathlib import Path
from typing import Any, Literal

import miniature
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from instrd.models.nets.svm import MfccSvm
from instrd.training.clips.fit import built
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.split import Example
from instrd.training.clips.svm import fit_svm
from instrd.training.clips.windows import Draw

pytestmark = pytest.mark.usefixtures("one_thread")

Floats = NDArray[np.float32]
LABELS = ("drum", "guitar", "piano", "violin")
A_LABEL = 15


class Clouds:
    """Windows (B, T, width) of noise around a place for each label; stands in for `Windows`."""

    def __init__(self, recipe: ClipRecipe) -> None:
        rng = np.random.default_rng(5)
        shape = (recipe.window_frames, recipe.front_end.width)
        self.truth = np.repeat(np.arange(len(recipe.labels)), A_LABEL)
        centres = rng.normal(-30.0, 4.0, (len(recipe.labels), *shape))
        noise = rng.normal(0.0, 12.0, (len(self.truth), *shape))
        self.frames = (centres[self.truth] + noise).astype(np.float32)

    def epoch(self, _epoch: int) -> list[Draw]:
        return [Draw(Example(Path(), label, ""), k) for k, label in enumerate(self.truth.tolist())]

    def training_batch(self, draws: list[Draw], _epoch: int) -> tuple[Floats, NDArray[np.int64]]:
        places = [draw.number for draw in draws]
        return self.frames[places], self.truth[places]


def fitted(
    labels: int, machines: Literal["one_vs_one", "one_vs_rest"], features: str
) -> tuple[MfccSvm, Clouds, ClipRecipe]:
    recipe = miniature.changed(
        miniature.recipe("svm", epochs=1, svm_c=0.05),
        labels=LABELS[:labels],
        network={"features": features, "machines": machines},
    )
    net, clouds = built(recipe, labels), Clouds(recipe)
    windows: Any = clouds
    fit_svm(net, recipe, windows)
    assert isinstance(net, MfccSvm)
    return net, clouds, recipe


@pytest.mark.parametrize("features", ["flatten", "statistics"])
@pytest.mark.parametrize("labels", [2, 4])
def test_one_against_one_it_decides_as_svc(labels: int, features: str) -> None:
    net, clouds, recipe = fitted(labels, "one_vs_one", features)
    described = net.describe(torch.from_numpy(clouds.frames)).numpy()
    standard = StandardScaler().fit_transform(described)
    theirs = SVC(kernel="linear", C=recipe.fit.svm_c, decision_function_shape="ovr")
    theirs.fit(standard, clouds.truth)
    logits = net(torch.from_numpy(clouds.frames)).numpy()
    decided = theirs.decision_function(standard)
    if labels == 2:
        # scikit-learn gives the margin of the second; ours votes for one and doubts by a third.
        np.testing.assert_array_equal(logits.argmax(axis=1), (decided > 0.0).astype(int))
        sure = decided / (3.0 * (np.abs(decided) + 1.0))
        np.testing.assert_allclose(logits[:, 1], (decided > 0.0) + sure, atol=1e-3)
    else:
        np.testing.assert_allclose(logits, decided, atol=1e-3)
        np.testing.assert_array_equal(logits.argmax(axis=1), theirs.predict(standard))


@pytest.mark.parametrize("labels", [2, 4])
def test_one_against_the_rest_it_decides_as_linear_svc(labels: int) -> None:
    net, clouds, recipe = fitted(labels, "one_vs_rest", "statistics")
    standard = StandardScaler().fit_transform(net.describe(torch.from_numpy(clouds.frames)).numpy())
    theirs = LinearSVC(C=recipe.fit.svm_c, random_state=recipe.seed, dual=False)
    decided = theirs.fit(standard, clouds.truth).decision_function(standard)
    logits = net(torch.from_numpy(clouds.frames)).numpy()
    if labels == 2:  # one plane, which points to the second label and away from the first
        decided = np.stack([-decided, decided], axis=1)
    np.testing.assert_allclose(logits, decided, atol=1e-3)


def test_statistics_are_even_then_weighted_by_amplitude_and_ignore_the_level() -> None:
    net = MfccSvm(frames=30, width=4, labels=3, bands=80, features="statistics")
    frames = np.random.default_rng(1).normal(-20.0, 5.0, (2, 30, 4)).astype(np.float32)
    relative = frames.copy()
    relative[:, :, 0] -= relative[:, :, 0].max(axis=1, keepdims=True)
    amplitude = 10.0 ** (relative[:, :, :1] / np.sqrt(80.0) / 20.0)
    weights = amplitude / amplitude.sum(axis=1, keepdims=True)
    mean = (relative * weights).sum(axis=1)
    spread = np.sqrt(((relative - mean[:, None]) ** 2 * weights).sum(axis=1))
    change = np.diff(relative, axis=1).std(axis=1)
    expected = [relative.mean(axis=1), relative.std(axis=1), mean, spread, change]
    got = net.describe(torch.from_numpy(frames)).numpy()
    np.testing.assert_allclose(got, np.concatenate(expected, axis=1), atol=1e-3)
    louder = frames + np.array([12.0, 0.0, 0.0, 0.0], np.float32)
    np.testing.assert_allclose(net.describe(torch.from_numpy(louder)).numpy(), got, atol=1e-3)

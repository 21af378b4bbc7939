"""A window net's bundle: an ONNX graph over the weights that torch reads, and the same answers."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import miniature
import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from instrd.models.bundle import ONNX, WEIGHTS, Bundle, Manifest, write_bundle
from instrd.models.errors import BundleError
from instrd.models.net import OnnxNet
from instrd.models.onnxfile import read_graph
from instrd.models.registry import architecture
from instrd.models.torch_net import TorchNet
from instrd.training.clips.fit import built
from instrd.training.clips.recipe import Architecture, ClipRecipe
from instrd.training.clips.window_onnx import with_weights
from instrd.training.errors import TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")


def shaken(recipe: ClipRecipe) -> nn.Module:
    """Return the recipe's net with weights and statistics that are nowhere zero."""
    torch.manual_seed(0)
    net = built(recipe, 3).eval()
    state = net.state_dict()
    for name, tensor in state.items():
        if name in {"scaling.mean", "feature_mean"}:
            tensor.fill_(-30.0)
        elif name in {"scaling.deviation", "feature_deviation"}:
            tensor.fill_(20.0)
        elif name in {"normals", "offsets"}:
            tensor.normal_(0.0, 0.1)
    return net


@lru_cache
def files_of(kind: Architecture) -> tuple[ClipRecipe, nn.Module, dict[str, bytes]]:
    recipe = miniature.recipe(kind)
    net = shaken(recipe)
    return recipe, net, with_weights(net, recipe.window_frames, recipe.front_end.width)


def bundle_of(recipe: ClipRecipe, files: dict[str, bytes], folder: Path) -> Bundle:
    shape = {"frames": recipe.window_frames, "width": recipe.front_end.width, "labels": 3}
    manifest = Manifest(
        name="small",
        kind="window",
        architecture=recipe.architecture,
        network={**recipe.network, **shape},
        labels=recipe.labels,
        multi_label=False,
        front_end=recipe.front_end,
        window_frames=recipe.window_frames,
        temperature=(1.0,) * 3,
        bias=(0.0,) * 3,
        threshold_on=(0.5,) * 3,
        threshold_off=(0.3,) * 3,
    )
    return write_bundle(folder / "small", manifest, files)


@pytest.mark.parametrize("kind", miniature.NETWORKS)
def test_onnx_and_torch_answer_alike_from_one_copy_of_the_weights(
    kind: Architecture, tmp_path: Path
) -> None:
    recipe, net, files = files_of(kind)
    tensors = read_graph(memoryview(files[ONNX])).tensors
    assert {one.external["location"] for one in tensors if one.external} == {WEIGHTS}
    assert len(files[ONNX]) < 100_000
    bundle = bundle_of(recipe, files, tmp_path)
    rng = np.random.default_rng(1)
    shape = (5, recipe.window_frames, recipe.front_end.width)
    frames = rng.uniform(-90.0, 10.0, shape).astype(np.float32)
    (onnx,) = OnnxNet(bundle)(frames)
    (served,) = TorchNet(bundle, architecture(kind), device="cpu")(frames)
    with torch.inference_mode():
        trained = net(torch.from_numpy(frames)).numpy()
    np.testing.assert_allclose(onnx, trained, atol=1e-3)
    np.testing.assert_allclose(served, onnx, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "network", "told"),
    [
        ("causal_net", {"spans": [0]}, "ZeroDivisionError"),
        ("cnn", {"frames": 1, "width": 1, "labels": 2}, "ValueError"),
        ("causal_net", {"breadth": 1}, "TypeError"),
        ("transformer", {"frames": 4, "width": 8, "labels": 2, "heads": 3}, "AssertionError"),
    ],
)
def test_a_net_that_torch_cannot_build_is_refused(
    name: str, network: dict[str, Any], told: str, tmp_path: Path
) -> None:
    recipe, _, files = files_of("cnn")
    bundle = bundle_of(recipe, files, tmp_path)
    other = msgspec.structs.replace(bundle.manifest, network=network)
    with pytest.raises(BundleError, match=f"its network cannot be built: {told}"):
        TorchNet(Bundle(bundle.folder, other, bundle.sha256), architecture(name), device="cpu")


@pytest.mark.parametrize("kind", miniature.NETWORKS)
def test_no_path_of_the_machine_is_in_it(kind: Architecture) -> None:
    _, _, files = files_of(kind)
    for content in files.values():
        assert b".py" not in content
        assert str(Path.home()).encode() + b"/" not in content


def test_matrices_are_stored_in_half_precision_and_vectors_in_full() -> None:
    _, _, files = files_of("cnn")
    weights = files[WEIGHTS]
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    kinds = {name: (len(place["shape"]), place["dtype"]) for name, place in header.items()}
    assert all(kind == ("F16" if ndim >= 2 else "F32") for ndim, kind in kinds.values())


class Forgetful(nn.Module):
    """Answers differently when it is traced."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 3))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = frames.mean(dim=1) @ self.weight
        return logits + 1.0 if torch.compiler.is_exporting() else logits


def test_a_graph_that_answers_differently_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"ONNX export: differs by 1, allowed 0\.001"):
        with_weights(Forgetful(), 6, 4)

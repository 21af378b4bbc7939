"""A net that asks for all memory or all time is refused when it is loaded, and costs neither."""

import resource
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tone_bundle import tone_bundle

from instrd.models import trial
from instrd.models.bundle import BUNDLED, ONNX, Bundle, list_bundles, read_bundle, write_bundle
from instrd.models.errors import BundleError
from instrd.models.net import OnnxNet
from instrd.models.session import MOST_BYTES

DEADLINE_S = 60.0
LARGE = MOST_BYTES // 4 + 1
"""float32 numbers, more than may be had."""


def numbers(name: str, *values: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def expand_frames(model: onnx.ModelProto) -> None:
    """Make one frame's loudness a table without end, and its sum the score."""
    model.graph.initializer.append(numbers("many", LARGE, 1, 1, 1))
    model.graph.node.extend(
        [
            helper.make_node("Expand", ["frames", "many"], ["bomb"]),
            helper.make_node("ReduceMax", ["bomb"], ["unused"], keepdims=0),
        ]
    )


def expand_a_constant(model: onnx.ModelProto) -> None:
    """As above, but of what never changes, so that it could be computed while loading."""
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    model.graph.initializer.extend([one, numbers("many", LARGE)])
    model.graph.node.extend(
        [
            helper.make_node("Expand", ["one", "many"], ["bomb"]),
            helper.make_node("ReduceMax", ["bomb"], ["unused"], keepdims=0),
        ]
    )


def double_many_times(model: onnx.ModelProto) -> None:
    """Join a table with itself, forty times over."""
    names = ["frames", *(f"twice{number}" for number in range(40))]
    model.graph.node.extend(
        helper.make_node("Concat", [name, name], [twice], axis=1) for name, twice in pairwise(names)
    )


def multiply_for_ever(model: onnx.ModelProto) -> None:
    """Multiply a matrix of 1000 by 1000 with itself, ten thousand times over."""
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    model.graph.initializer.extend([one, numbers("square", 1000, 1000)])
    names = [f"power{number}" for number in range(10_000)]
    model.graph.node.append(helper.make_node("Expand", ["one", "square"], ["power0"]))
    model.graph.node.extend(
        helper.make_node("MatMul", [name, "power0"], [power]) for name, power in pairwise(names)
    )


def changed(folder: Path, change: Callable[[onnx.ModelProto], None]) -> Bundle:
    bundle = tone_bundle(folder, "window")
    model = onnx.load(bundle.onnx)
    change(model)
    return write_bundle(bundle.folder, bundle.manifest, {ONNX: model.SerializeToString()})


@pytest.mark.parametrize("bomb", [expand_frames, expand_a_constant, double_many_times])
def test_a_net_that_asks_for_too_much_memory_is_refused_without_getting_it(
    bomb: Callable[[onnx.ModelProto], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "TRIAL_S", DEADLINE_S)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BundleError, match="asks for more memory than the allowed 1024 MiB"):
        OnnxNet(changed(tmp_path / "tones", bomb))
    after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after_kib - before_kib) * 1024 < MOST_BYTES * 1.1


def test_a_net_that_computes_for_too_long_is_refused_and_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "TRIAL_S", 0.2)
    bundle = changed(tmp_path / "tones", multiply_for_ever)
    with pytest.raises(BundleError, match=r"runs for longer than 0\.2 s"):
        OnnxNet(bundle)
    for thread in threading.enumerate():
        if thread.name == "trial":
            thread.join(DEADLINE_S)
            assert not thread.is_alive()


@pytest.mark.parametrize("name", list_bundles())
def test_every_bundle_that_comes_along_keeps_to_the_limits(name: str) -> None:
    bundle = read_bundle(BUNDLED / name)
    if bundle.manifest.kind != "ensemble":
        OnnxNet(bundle)

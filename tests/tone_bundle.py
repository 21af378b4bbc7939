"""Small models made by code: each hears the loudness of one tone per label."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from instrd.models.bundle import ONNX, Bundle, Manifest, Vote, write_bundle
from instrd.models.frontend import FrontEnd
from instrd.models.mel import hz_to_mel
from instrd.training.ensemble_bundle import write_ensemble

LABELS = ("low", "high")
TONES_HZ = (440.0, 2000.0)
FRONT_END = FrontEnd(bands=40)
HEARD_DB = 10.0
"""Level of a mel band at which a tone is heard with p = 0.5."""
WINDOW_FRAMES = 25


def tone_bundle(folder: Path, kind: str = "causal", **changes: Any) -> Bundle:
    """Write a bundle that hears 440 Hz as `low` and 2000 Hz as `high`.

    The causal one averages each frame with the one before it, so that it needs its state; the
    window one averages its window.
    """
    fields: dict[str, Any] = {
        "name": folder.name,
        "kind": kind,
        "architecture": "tone",
        "labels": LABELS,
        "front_end": FRONT_END,
        "window_frames": 2 if kind == "causal" else WINDOW_FRAMES,
        "onset_lag_frames": 0 if kind == "causal" else WINDOW_FRAMES // 2,
        "temperature": (1.0, 1.0),
        "bias": (0.0, 0.0),
        "threshold_on": (0.6, 0.6),
        "threshold_off": (0.4, 0.4),
    }
    graph = _causal_graph() if kind == "causal" else _window_graph()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return write_bundle(folder, Manifest(**fields | changes), {ONNX: model.SerializeToString()})


def tone_ensemble(folder: Path, vote: Vote = "mean") -> Bundle:
    """Write the ensemble of a causal and a window bundle, which come to lie beside it."""
    members = [folder.parent / f"{folder.name}-{kind}" for kind in ("causal", "window")]
    for member, kind in zip(members, ("causal", "window"), strict=True):
        tone_bundle(member, kind, metrics={"validation": {"accuracy": 0.5}})
    return write_ensemble(folder, members, vote)


def _weights() -> list[onnx.TensorProto]:
    """Pick each tone's band: logit = (dB - HEARD_DB) / 2."""
    edges = np.array([FRONT_END.fmin_hz, FRONT_END.fmax_hz])
    low, high = hz_to_mel(edges, FRONT_END.scale)
    centres = np.linspace(low, high, FRONT_END.bands + 2)[1:-1]
    weight = np.zeros((FRONT_END.bands, len(LABELS)), np.float32)
    for label, tone in enumerate(hz_to_mel(np.array(TONES_HZ), FRONT_END.scale)):
        weight[np.abs(centres - tone).argmin(), label] = 0.5
    bias = np.full(len(LABELS), -0.5 * HEARD_DB, np.float32)
    return [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")]


def _causal_graph() -> onnx.GraphProto:
    bands = FRONT_END.bands
    float32 = TensorProto.FLOAT
    constants = [
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array([0], np.int64), "zero"),
        numpy_helper.from_array(np.array([-1], np.int64), "minus_one"),
        numpy_helper.from_array(np.array([2**31], np.int64), "end"),
        numpy_helper.from_array(np.array(0.5, np.float32), "half"),
    ]
    nodes = [
        helper.make_node("Unsqueeze", ["state", "one"], ["before"]),
        helper.make_node("Concat", ["before", "frames"], ["joined"], axis=1),
        helper.make_node("Slice", ["joined", "zero", "minus_one", "one"], ["earlier"]),
        helper.make_node("Add", ["earlier", "frames"], ["sum"]),
        helper.make_node("Mul", ["sum", "half"], ["mean"]),
        helper.make_node("MatMul", ["mean", "weight"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logits"]),
        helper.make_node("Slice", ["frames", "minus_one", "end", "one"], ["last"]),
        helper.make_node("Squeeze", ["last", "one"], ["state_out"]),
    ]
    return helper.make_graph(
        nodes,
        "tones",
        [
            helper.make_tensor_value_info("frames", float32, ["B", "T", bands]),
            helper.make_tensor_value_info("state", float32, ["B", bands]),
        ],
        [
            helper.make_tensor_value_info("logits", float32, ["B", "T", len(LABELS)]),
            helper.make_tensor_value_info("state_out", float32, ["B", bands]),
        ],
        [*constants, *_weights()],
    )


def _window_graph() -> onnx.GraphProto:
    float32 = TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceMean", ["frames"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "weight"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logits"]),
    ]
    return helper.make_graph(
        nodes,
        "tones",
        [helper.make_tensor_value_info("frames", float32, ["B", "T", FRONT_END.bands])],
        [helper.make_tensor_value_info("logits", float32, ["B", len(LABELS)])],
        _weights(),
    )

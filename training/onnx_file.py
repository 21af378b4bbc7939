"""A causal net as an ONNX file that gives the same answers, checked before it leaves."""

import copy
import tempfile
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from instrd.models.nets.causal_net import CausalConv2d, CausalNet, ResidualBlock
from instrd.training.errors import TrainingError

Conv = TypeVar("Conv", nn.Conv1d, nn.Conv2d)

OPSET = 18
TOLERANCE = 4e-3
"""Of logits, 0.001 of a probability. Means over frames that tell little are ratios of small sums,
which round coarsely: on noise, nets were seen to differ by up to 0.001."""


def to_onnx(net: CausalNet) -> bytes:
    """Return the file's bytes; raises `TrainingError` if ONNX Runtime answers differently."""
    plain = folded(net)
    batch, time = torch.export.Dim("batch", min=1), torch.export.Dim("time", min=1)
    model = exported(
        plain,
        (torch.zeros(2, 5, len(net.mean)), plain.initial_state(2)),
        names=(["frames", "state"], ["logits", "state_out"]),
        dynamic_shapes={"frames": {0: batch, 1: time}, "state": {0: batch}},
    )
    content = bare(model)
    _check(content, net)
    return content


def exported(
    net: nn.Module,
    example: tuple[Tensor, ...],
    *,
    names: tuple[list[str], list[str]],
    dynamic_shapes: dict[str, dict[int, Any]],
) -> onnx.ModelProto:
    """Return the net's graph with its parameters as initializers of their own names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch 2.13 warns of calls within itself
        program = torch.onnx.export(
            net,
            example,
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=dynamic_shapes,
            opset_version=OPSET,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
    assert program is not None
    with tempfile.TemporaryDirectory(prefix="instrd-export-") as folder:
        path = Path(folder, "model.onnx")
        program.save(path, external_data=False)
        return onnx.load(path)


def bare(model: onnx.ModelProto) -> bytes:
    """Return the file without the exporter's stack traces: they tell where it was made."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for port in (*model.graph.input, *model.graph.output):
        del port.metadata_props[:]
    del model.metadata_props[:]
    del model.functions[:]
    content: bytes = model.SerializeToString()
    return content


def folded(net: CausalNet) -> CausalNet:
    """Return a copy whose batch norms have become part of their convolutions."""
    plain = copy.deepcopy(net).eval()
    for module in plain.modules():
        if isinstance(module, CausalConv2d):
            module.conv, module.norm = _fused(module.conv, module.norm)
        elif isinstance(module, ResidualBlock):
            depthwise, pointwise = module.depthwise, module.pointwise
            module.depthwise, module.depthwise_norm = _fused(depthwise, module.depthwise_norm)
            module.pointwise, module.pointwise_norm = _fused(pointwise, module.pointwise_norm)
    return plain


def _fused(conv: Conv, norm: nn.Module) -> tuple[Conv, nn.Identity]:
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    return fuse_conv_bn_eval(conv, norm), nn.Identity()


def _check(content: bytes, net: CausalNet) -> None:
    """Compare with torch on loud noise, whole and cut into pieces."""
    runtime: Any = onnxruntime
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, 90, len(net.mean), generator=generator)
    frames = noise * net.deviation + net.mean
    with torch.inference_mode():
        expected = net(frames, net.initial_state(3))[0].numpy()
    for cuts in ((0, 90), (0, 1, 2, 9, 40, 90)):
        state = net.initial_state(3).numpy()
        pieces = []
        for start, end in pairwise(cuts):
            inputs = {"frames": frames[:, start:end].numpy(), "state": state}
            logits, state = session.run(None, inputs)
            pieces.append(logits)
        worst = float(np.abs(np.concatenate(pieces, axis=1) - expected).max())
        if not worst < TOLERANCE:
            raise TrainingError("ONNX export", f"differs by {worst:.2g}, allowed {TOLERANCE}")

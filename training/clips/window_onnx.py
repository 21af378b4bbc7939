"""A window net as an ONNX graph over its weights file, so that the weights lie in a bundle once."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import safetensors.torch
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from instrd.models.bundle import ONNX, WEIGHTS
from instrd.training.errors import TrainingError
from instrd.training.onnx_file import bare, exported

TOLERANCE = 1e-3


def with_weights(net: nn.Module, frames: int, width: int) -> dict[str, bytes]:
    """Return both files of a bundle, by name; raises `TrainingError` if they differ from the net.

    Matrices are stored in half precision, vectors (norms, biases, scalings) in full.
    """
    weights = safetensors.torch.save({k: _stored(v) for k, v in net.state_dict().items()})
    net.load_state_dict({k: v.float() for k, v in safetensors.torch.load(weights).items()})
    net.eval()
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its fused operator is no part of ONNX
    try:
        batch = torch.export.Dim("batch", min=1)
        model = exported(
            net,
            (torch.zeros(2, frames, width),),
            names=(["frames"], ["logits"]),
            dynamic_shapes={"frames": {0: batch}},
        )
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    _refer(model.graph, weights)
    content: bytes = bare(model)
    files = {ONNX: content, WEIGHTS: weights}
    _check(files, net, torch.zeros(3, frames, width))
    return files


def _stored(tensor: Tensor) -> Tensor:
    halved = tensor.is_floating_point() and tensor.ndim >= 2
    return (tensor.half() if halved else tensor).contiguous()


def _refer(graph: Any, weights: bytes) -> None:
    """Make each initializer that is one of the weights point to its place in their file."""
    header_bytes = int.from_bytes(weights[:8], "little")
    places = json.loads(weights[8 : 8 + header_bytes])
    casts = []
    for initializer in graph.initializer:
        place = places.get(initializer.name)
        if place is None:
            continue
        start, end = place["data_offsets"]
        initializer.ClearField("raw_data")
        initializer.ClearField("float_data")
        initializer.data_location = TensorProto.EXTERNAL
        for key, value in (
            ("location", WEIGHTS),
            ("offset", str(8 + header_bytes + start)),
            ("length", str(end - start)),
        ):
            initializer.external_data.add(key=key, value=value)
        if place["dtype"] == "F16":
            name = initializer.name
            initializer.name = f"{name}.half"
            initializer.data_type = TensorProto.FLOAT16
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _check(files: dict[str, bytes], net: nn.Module, example: Tensor) -> None:
    """Compare ONNX Runtime on both files with torch, on frames of noise at several levels."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.tensor([-60.0, -20.0, 10.0])[:, None, None]
    frames = levels + 10.0 * torch.randn(example.shape, generator=generator)
    with torch.inference_mode():
        expected = net(frames).numpy()
    with tempfile.TemporaryDirectory(prefix="instrd-export-") as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        runtime: Any = onnxruntime
        session = runtime.InferenceSession(
            str(Path(folder, ONNX)), providers=["CPUExecutionProvider"]
        )
        (got,) = session.run(None, {"frames": frames.numpy()})
    worst = float(np.abs(got - expected).max())
    if not worst < TOLERANCE:
        raise TrainingError("ONNX export", f"differs by {worst:.2g}, allowed {TOLERANCE}")

"""A bundle's net, held to its manifest before anything runs it.

The hash in a manifest tells that a file is the one that was made, not who made it. So the graph is
read here first, and only one of plain operators over finite numbers of the bundle itself goes on
to ONNX Runtime, which trusts what it loads.
"""

import math
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import MAX_BUNDLE_BYTES, ONNX, Bundle, Manifest
from instrd.models.errors import BundleError
from instrd.models.onnxfile import Graph, Port, Tensor, read_graph
from instrd.models.protobuf import BrokenMessageError

DOMAINS: Final = ("", "ai.onnx")
OPERATORS: Final = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "MatMul", "Gemm", "Conv", "MaxPool", "Resize"),
        *("BatchNormalization", "LayerNormalization", "LSTM", "Relu", "Softmax", "Clip", "Gather"),
        *("ReduceMax", "ReduceMean", "ReduceSum", "Cast", "CastLike", "Constant", "Identity"),
        *("Shape", "Reshape", "Expand", "Transpose", "Squeeze", "Unsqueeze", "Concat", "Split"),
        *("Slice", "Exp", "Neg", "Sigmoid", "Range", "GreaterOrEqual"),
        # of no net yet, but harmless and likely in one of your own
        *("Tanh", "Gelu", "Erf", "Log", "Abs", "Max", "Min", "Pad"),
        *("AveragePool", "GlobalAveragePool", "Flatten", "GRU", "Where", "Equal"),
    }
)
"""No loops or branches, nothing that reads files, and nothing of another domain."""
ELEMENTS: Final[dict[int, type[np.generic]]] = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
}
"""onnx.TensorProto.DataType -> the numbers of a tensor."""
FLOAT32: Final = 1
MOST_DIMENSIONS: Final = 8
MOST_STATE: Final = 1 << 20
FREE: Final = None
Shapes: TypeAlias = dict[str, list[tuple[int | None, ...]]]
"""What each port may look like."""


def check_net(bundle: Bundle) -> Graph:
    """Return the net of a bundle; raises `BundleError` unless it is as its manifest says."""
    try:
        graph = read_graph(memoryview(bundle.onnx.read_bytes()))
        wrong = next(_wrong(graph, bundle), None)
    except OSError as error:
        raise BundleError(bundle.folder, f"{ONNX} cannot be read: {error.strerror}") from error
    except BrokenMessageError as error:
        raise BundleError(bundle.folder, f"{ONNX} is no net that can be served: {error}") from error
    if wrong is not None:
        raise BundleError(bundle.folder, f"{ONNX}: {wrong}")
    return graph


def _wrong(graph: Graph, bundle: Bundle) -> Iterator[str]:
    for domain in graph.domains:
        if domain not in DOMAINS:
            yield f"got operators of domain {domain!r}, allowed are the standard ones"
    for domain, operator in sorted(graph.operators):
        if domain not in DOMAINS or operator not in OPERATORS:
            got = f"{domain}.{operator}" if domain else operator
            yield f"got operator {got!r}, allowed are {', '.join(sorted(OPERATORS))}"
    yield from _wrong_ports(graph, bundle.manifest)
    places = _Places(bundle)
    for tensor in graph.tensors:
        yield from places.wrong(tensor)


def _wrong_ports(graph: Graph, manifest: Manifest) -> Iterator[str]:
    width, labels = manifest.front_end.width, len(manifest.labels)
    takes, gives = _names(graph.inputs), _names(graph.outputs)
    wanted: Shapes
    given: Shapes
    if manifest.kind == "window":
        wanted = {"frames": [(FREE, manifest.window_frames, width), (FREE, FREE, width)]}
        given = {"logits": [(FREE, labels)]}
    else:
        size = next((port.shape[-1] for port in graph.inputs[1:2] if port.shape), FREE)
        if size is not FREE and not 1 <= size <= MOST_STATE:
            yield f"got a state of {size} numbers, allowed 1..{MOST_STATE}"
        wanted = {"frames": [(FREE, FREE, width)], "state": [(FREE, size)]}
        given = {"logits": [(FREE, FREE, labels)], "state_out": [(FREE, size)]}
        if size is FREE:
            yield f"its net takes {takes}, allowed ['frames', 'state'] with a state of fixed size"
    if takes != [*wanted]:
        yield f"its net takes {takes}, allowed {[*wanted]}"
    if gives != [*given]:
        yield f"its net gives {gives}, allowed {[*given]}"
    for port in (*graph.inputs, *graph.outputs):
        allowed = (wanted | given)[port.name]
        if port.element != FLOAT32 or port.shape not in allowed:
            yield (
                f"{port.name} is {_shape(port.shape)} of type {port.element}, "
                f"allowed {_shape(allowed[0])} of type {FLOAT32} (float32)"
            )


class _Places:
    """Where a net's numbers lie: in the file itself or in another of its bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._files: dict[str, NDArray[np.uint8]] = {}
        self._left_bytes = MAX_BUNDLE_BYTES
        """Many tensors may name the same place of a file; each would be loaded."""

    def wrong(self, tensor: Tensor) -> Iterator[str]:
        kind = ELEMENTS.get(tensor.element)
        if kind is None or len(tensor.shape) > MOST_DIMENSIONS:
            yield f"{tensor.name!r} is of type {tensor.element} and shape {tensor.shape}"
            return
        promised = math.prod(tensor.shape) * np.dtype(kind).itemsize
        self._left_bytes -= promised
        if self._left_bytes < 0:
            yield f"its tensors have more than the allowed {MAX_BUNDLE_BYTES} bytes"
            return
        if tensor.external:
            try:
                raw = self._external(tensor)
            except (KeyError, ValueError) as error:
                yield f"{tensor.name!r} lies outside its bundle: {tensor.external} ({error})"
                return
        else:
            raw = np.frombuffer(tensor.raw, np.uint8)
        if len(raw) != promised:
            yield f"{tensor.name!r} has {len(raw)} bytes, its shape {tensor.shape} {promised}"
        elif issubclass(kind, np.floating) and not _finite(raw.view(np.dtype(kind))):
            yield f"{tensor.name!r} holds numbers that are not finite"

    def _external(self, tensor: Tensor) -> NDArray[np.uint8]:
        """Return the bytes of a tensor; raises KeyError or ValueError where there are none."""
        place = dict(tensor.external)
        name, offset, length = place.pop("location"), place.pop("offset"), place.pop("length")
        if place or name == ONNX or name not in self._bundle.manifest.files:
            raise KeyError(name)
        if name not in self._files:
            self._files[name] = np.fromfile(self._bundle.folder / name, np.uint8)
        first, count = _whole_number(offset), _whole_number(length)
        if first + count > len(self._files[name]):
            raise ValueError(f"the file has {len(self._files[name])} bytes")
        return self._files[name][first : first + count].copy()


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise ValueError(f"got {text!r}, allowed a whole number")
    return int(text)


def _finite(numbers: NDArray[Any]) -> bool:
    return bool(np.isfinite(numbers).all())


def _names(ports: tuple[Port, ...]) -> list[str]:
    return [port.name for port in ports]


def _shape(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is FREE else str(size) for size in shape)})"

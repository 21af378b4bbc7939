"""What an ONNX file holds, as far as instrd serves it: a plain graph over tensors.

No functions, no graphs within nodes (loops, branches), no sparse or split tensors; field numbers
are those of onnx.proto.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from instrd.models.protobuf import (
    FIXED32,
    VARINT,
    BrokenMessageError,
    Field,
    Parts,
    Schema,
    take_apart,
)

MODEL: Final[Schema] = {
    1: Field("ir_version", VARINT),
    2: Field("producer_name"),
    3: Field("producer_version"),
    4: Field("domain"),
    5: Field("model_version", VARINT),
    6: Field("doc_string"),
    7: Field("graph"),
    8: Field("opset_import", repeated=True),
}
OPSET: Final[Schema] = {1: Field("domain"), 2: Field("version", VARINT)}
GRAPH: Final[Schema] = {
    1: Field("node", repeated=True),
    2: Field("name"),
    5: Field("initializer", repeated=True),
    10: Field("doc_string"),
    11: Field("input", repeated=True),
    12: Field("output", repeated=True),
    13: Field("value_info", repeated=True),
}
NODE: Final[Schema] = {
    1: Field("input", repeated=True),
    2: Field("output", repeated=True),
    3: Field("name"),
    4: Field("op_type"),
    5: Field("attribute", repeated=True),
    6: Field("doc_string"),
    7: Field("domain"),
}
ATTRIBUTE: Final[Schema] = {
    1: Field("name"),
    2: Field("f", FIXED32),
    3: Field("i", VARINT),
    4: Field("s"),
    5: Field("t"),
    7: Field("floats", FIXED32, repeated=True),
    8: Field("ints", VARINT, repeated=True),
    9: Field("strings", repeated=True),
    13: Field("doc_string"),
    20: Field("type", VARINT),
}
TENSOR: Final[Schema] = {
    1: Field("dims", VARINT, repeated=True),
    2: Field("data_type", VARINT),
    8: Field("name"),
    9: Field("raw_data"),
    12: Field("doc_string"),
    13: Field("external_data", repeated=True),
    14: Field("data_location", VARINT),
}
ENTRY: Final[Schema] = {1: Field("key"), 2: Field("value")}
PORT: Final[Schema] = {1: Field("name"), 2: Field("type"), 3: Field("doc_string")}
TYPE: Final[Schema] = {1: Field("tensor_type"), 6: Field("denotation")}
TENSOR_TYPE: Final[Schema] = {1: Field("elem_type", VARINT), 2: Field("shape")}
SHAPE: Final[Schema] = {1: Field("dim", repeated=True)}
DIM: Final[Schema] = {1: Field("value", VARINT), 2: Field("parameter"), 3: Field("denotation")}
MOST_NODES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the net."""

    name: str
    element: int
    """Type of its numbers, as in a tensor."""
    shape: tuple[int | None, ...]
    """None where the size is free."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Numbers of a graph: a weight or a constant."""

    name: str
    element: int
    """onnx.TensorProto.DataType."""
    shape: tuple[int, ...]
    raw: memoryview
    external: dict[str, str]
    """Of one whose numbers lie in another file: location, offset, length; else empty."""


@dataclass(frozen=True, slots=True)
class Graph:
    """All that decides whether a file can be served."""

    domains: tuple[str, ...]
    operators: frozenset[tuple[str, str]]
    """Domain and type of every node."""
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    tensors: tuple[Tensor, ...]


def read_graph(content: memoryview) -> Graph:
    """Take an ONNX file apart; raises `BrokenMessageError`."""
    model = take_apart(content, MODEL)
    graph = model.message("graph", GRAPH)
    count = len(graph.pieces.get("node", []))
    if count > MOST_NODES:
        raise BrokenMessageError(f"got {count} nodes, allowed {MOST_NODES}")
    nodes = graph.messages("node", NODE)
    for node in nodes:
        _check_texts(node)
    kinds = frozenset((node.text("domain"), node.text("op_type")) for node in nodes)
    weights = [_tensor(part) for part in graph.messages("initializer", TENSOR)]
    constants = [tensor for node in nodes for tensor in _constants(node)]
    for port in graph.messages("value_info", PORT):
        _port(port)
    return Graph(
        domains=tuple(opset.text("domain") for opset in model.messages("opset_import", OPSET)),
        operators=kinds,
        inputs=tuple(_port(port) for port in graph.messages("input", PORT)),
        outputs=tuple(_port(port) for port in graph.messages("output", PORT)),
        tensors=(*weights, *constants),
    )


def _constants(node: Parts) -> Iterator[Tensor]:
    for attribute in node.messages("attribute", ATTRIBUTE):
        for part in attribute.messages("t", TENSOR):
            yield _tensor(part)


def _check_texts(node: Parts) -> None:
    """Raise `BrokenMessageError` for names that are no text: a runtime fails to report them."""
    for name in ("input", "output", "name"):
        node.texts(name)
    for attribute in node.messages("attribute", ATTRIBUTE):
        attribute.texts("name")


def _tensor(part: Parts) -> Tensor:
    entries = [
        (entry.text("key"), entry.text("value")) for entry in part.messages("external_data", ENTRY)
    ]
    if len({key for key, _ in entries}) != len(entries):
        raise BrokenMessageError("a key of external_data stands twice")
    if bool(entries) != (part.number("data_location") == 1):
        raise BrokenMessageError("external_data and data_location contradict each other")
    return Tensor(
        name=part.text("name"),
        element=part.number("data_type"),
        shape=tuple(part.numbers.get("dims", [])),
        raw=part.piece("raw_data"),
        external=dict(entries),
    )


def _port(part: Parts) -> Port:
    kind = part.message("type", TYPE).message("tensor_type", TENSOR_TYPE)
    dims = kind.message("shape", SHAPE).messages("dim", DIM)
    for dim in dims:
        dim.texts("parameter")
    return Port(
        name=part.text("name"),
        element=kind.number("elem_type"),
        shape=tuple(dim.number("value") if "value" in dim.numbers else None for dim in dims),
    )

"""A trained net as a function of arrays, whatever runs it."""

from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Bundle
from instrd.models.netcheck import check_net
from instrd.models.session import open_session
from instrd.models.trial import try_limits

Floats = NDArray[np.float32]


class Net(Protocol):
    """The contract of an exported net; B streams and T frames are free.

    causal: frames (B, T, width), state (B, S) -> logits (B, T, labels), state (B, S).
    window: frames (B, T, width) -> logits (B, labels).
    """

    @property
    def state_size(self) -> int:
        """S of a causal net; 0 of a window net."""

    def __call__(self, *inputs: Floats) -> list[Floats]: ...


class OnnxNet:
    """Serves a bundle's ONNX file on CPU, once it has been checked and has kept to its limits."""

    def __init__(self, bundle: Bundle) -> None:
        graph = check_net(bundle)
        try_limits(bundle, graph)
        self._session = open_session(bundle, optimised=True)
        self._names = [port.name for port in graph.inputs]
        self.state_size: int = graph.inputs[1].shape[1] or 0 if len(graph.inputs) > 1 else 0

    def __call__(self, *inputs: Floats) -> list[Floats]:
        outputs = self._session.run(None, dict(zip(self._names, inputs, strict=True)))
        return cast("list[Floats]", outputs)

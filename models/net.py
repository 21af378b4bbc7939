"""A trained net as a function of arrays, whatever runs it."""

from typing import Protocol, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from instrd.models.bundle import Bundle
from instrd.models.errors import BundleError
from instrd.models.netcheck import check_net

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
    """Serves a bundle's ONNX file on CPU, once it has been checked: one thread, no spinning.

    Its threads spin by default until the next call, which at a live pace is most of the time.
    """

    def __init__(self, bundle: Bundle) -> None:
        graph = check_net(bundle)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(bundle.onnx),
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # it would print, and try the same again
            )
        except Exception as error:
            raise BundleError(bundle.folder, f"ONNX Runtime refuses it: {error}") from error
        self._names = [port.name for port in graph.inputs]
        self.state_size: int = graph.inputs[1].shape[1] or 0 if len(graph.inputs) > 1 else 0

    def __call__(self, *inputs: Floats) -> list[Floats]:
        outputs = self._session.run(None, dict(zip(self._names, inputs, strict=True)))
        return cast("list[Floats]", outputs)

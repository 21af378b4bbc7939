"""A net's first run, within a limit of time: whoever made it may ask for all there is."""

from threading import Thread

import numpy as np
import onnxruntime

from instrd.models.bundle import Bundle
from instrd.models.errors import BundleError
from instrd.models.onnxfile import Graph
from instrd.models.session import MOST_BYTES, open_session

TRIAL_S = 10.0
"""A net that follows a live stream needs a thousandth of it."""
OUT_OF_MEMORY = "bfc_arena"
"""Where ONNX Runtime says that its limit is reached."""
MIB = 1 << 20


def try_limits(bundle: Bundle, graph: Graph) -> None:
    """Run a net once over as many frames as it looks back; raises `BundleError` at a limit.

    Not optimised, since that computes what never changes, without an end to its time. Each step
    is bounded by the memory that it may take; between two steps a run can be stopped. A thread
    that has been given up ends with its step.
    """
    session = open_session(bundle, optimised=False)
    manifest, options = bundle.manifest, onnxruntime.RunOptions()
    frames = np.tile(manifest.front_end.silence, (1, manifest.window_frames, 1))
    states = [np.zeros((1, port.shape[1] or 0), np.float32) for port in graph.inputs[1:]]
    inputs = dict(zip([port.name for port in graph.inputs], [frames, *states], strict=True))
    failures: list[Exception] = []

    def run() -> None:
        try:
            session.run(None, inputs, options)
        except Exception as error:  # noqa: BLE001  # a runtime's own errors share no type
            failures.append(error)

    thread = Thread(target=run, name="trial", daemon=True)
    thread.start()
    thread.join(TRIAL_S)
    if thread.is_alive():
        options.terminate = True
        raise BundleError(bundle.folder, f"its net runs for longer than {TRIAL_S:g} s")
    for failure in failures:
        if OUT_OF_MEMORY in str(failure):
            wants = f"its net asks for more memory than the allowed {MOST_BYTES // MIB} MiB"
            raise BundleError(bundle.folder, wants) from failure
        told = f"its net does not fit its manifest: {failure}"
        raise BundleError(bundle.folder, told) from failure

"""ONNX Runtime, told to be modest: one thread, no spinning, and memory within a limit."""

from functools import cache

import onnxruntime

from instrd.models.bundle import Bundle
from instrd.models.errors import BundleError

MOST_BYTES = 1 << 30
"""All that the nets of this process may take together while they run."""
SAME_AS_REQUESTED = 1
"""The arena grows by what is needed, not by the next power of two."""
DEFAULT = -1


def open_session(bundle: Bundle, *, optimised: bool) -> onnxruntime.InferenceSession:
    """Load a bundle's ONNX file, which must have been checked; raises `BundleError`.

    Optimising means that ONNX Runtime computes here and now all that never changes.
    """
    _limit_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Threads spin by default until the next call, which at a live pace is most of the time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            str(bundle.onnx),
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # it would print, and try the same again
        )
    except Exception as error:
        raise BundleError(bundle.folder, f"ONNX Runtime refuses it: {error}") from error


@cache
def _limit_memory() -> None:
    """Let all sessions share one arena that does not outgrow `MOST_BYTES`."""
    where = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    limits = onnxruntime.OrtArenaCfg(
        {
            "max_mem": MOST_BYTES,
            "arena_extend_strategy": SAME_AS_REQUESTED,
            "initial_chunk_size_bytes": DEFAULT,
            "max_dead_bytes_per_chunk": DEFAULT,
        }
    )
    onnxruntime.create_and_register_allocator(where, limits)

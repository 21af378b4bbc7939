"""One heap for all threads: glibc's own for each of them would grow, MiB by MiB, over days."""

import ctypes
import sys
from typing import Final

M_ARENA_MAX: Final = -8
"""From glibc's malloc.h."""
ARENAS: Final = 1


def share_heap() -> bool:
    """Have threads share the process's heap from now on; say whether the C library can.

    Only glibc keeps several. Threads that decode or compute hold large arrays for a moment, and
    an arena of its own keeps that memory for each of them.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_ARENA_MAX, ARENAS))

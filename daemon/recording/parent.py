"""The daemon above this process: with it, this process ends."""

import os
import threading
import time

from instrd.daemon.childprocess import end_with_parent

FROM_PARENT = 0
"""Standard input: a pipe that the daemon never writes to, and that closes with it."""
TO_PARENT = 1
"""Standard output, as we find it."""
CLOSE_S = 0.3
"""So long may closing the device take."""


def watch_parent() -> threading.Event:
    """Return what is set once the daemon lets go of us, or dies; soon after we end anyway."""
    end_with_parent()
    over = threading.Event()
    threading.Thread(target=_end_with_parent, args=(over,), name="parent", daemon=True).start()
    return over


def keep_pipe() -> int:
    """Return the descriptor to speak through; what libraries print must not get in between.

    PortAudio and ALSA complain on standard error each time a device is looked for.
    """
    kept = os.dup(TO_PARENT)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return kept


def _end_with_parent(over: threading.Event) -> None:
    while os.read(FROM_PARENT, 1):
        pass
    over.set()
    time.sleep(CLOSE_S)
    os._exit(0)

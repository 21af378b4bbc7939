"""The processes that serve one daemon: none outlives it, and none can keep it from ending."""

import ctypes
import logging
import signal
import subprocess
import sys

log = logging.getLogger(__name__)
PIPE_BYTES = 1 << 20
"""Where the system grants it: 5 s of sound, or a thousand messages of the wire. So long may
whoever reads be kept from it."""
KILL_S = 0.5
"""A process that does not die of SIGKILL by then hangs in a driver; the system ends it later."""
PR_SET_PDEATHSIG = 1


def started(module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a module of ours with a pipe to it and one from it; raises OSError."""
    # Not the folder that we happen to be in: what lies there is not ours to import.
    command = [sys.executable, "-P", "-m", module, *arguments]
    # In a group of its own, so that Ctrl-C at a terminal reaches the daemon alone.
    return subprocess.Popen(  # noqa: S603  # ourselves
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pipesize=PIPE_BYTES,
        process_group=0,
    )


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End it at once, however frozen it is."""
    process.kill()
    try:
        process.wait(KILL_S)
    except subprocess.TimeoutExpired:
        log.warning("process %d does not die of SIGKILL", process.pid)


def how_it_ended(process: "subprocess.Popen[bytes]") -> str:
    try:
        code = process.wait(KILL_S)
    except subprocess.TimeoutExpired:
        return "not yet"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def end_with_parent() -> None:
    """Leave our end to the daemon that has started us, and end when it does: said from within."""
    # The terminal and systemd signal all of us; it is the daemon that ends in order, and us.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        # A process that is frozen reads no pipe, but dies of this.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

"""Processes that a test has started, directly or not; Linux only."""

import time
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started itself."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for one in listed for child in one.read_text().split()]


def family_of(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    return [pid, *(one for child in children_of(pid) for one in family_of(child))]


def publishing_of(pid: int) -> int:
    """Return the publishing process of a process."""
    (found,) = (
        child for child in children_of(pid) if b"instrd.daemon.publishing" in _command(child)
    )
    return found


def recorders_of(pid: int) -> list[int]:
    """Return the processes that record its microphones."""
    return [child for child in children_of(pid) if b"instrd.daemon.recording" in _command(child)]


def dies(pid: int, within_s: float = 30.0) -> bool:
    """Return whether a process ends in time."""
    deadline_s = time.monotonic() + within_s
    while _is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return not _is_alive(pid)


def memory_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"

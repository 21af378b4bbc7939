"""Ipc endpoints that belong to this process alone.

libzmq takes a path over from a living process without a word and replaces a regular file, so a
lock of our own comes first.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zmq

from instrd.daemon.errors import InUseError, WireError


@contextmanager
def owned(endpoint: str, *, private: bool) -> Iterator[None]:
    """Hold an ipc endpoint; `private` demands a directory closed to other users.

    Raises
    ------
    WireError
        The path is no good, or another process holds it.
    """
    path = checked_path(endpoint)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if private:
            refuse_shared(path.parent)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise WireError(f"cannot use {endpoint}: {error}; choose another path") from error
    try:
        _lock(lock, endpoint)
        if path.exists() and not path.is_socket():
            raise WireError(
                f"cannot bind {endpoint}: a file is there; move it or choose another path"
            )
        yield
    finally:
        os.close(lock)


def is_held(endpoint: str) -> bool:
    """Return whether a process holds an ipc endpoint now; leaves no trace."""
    try:
        lock = os.open(f"{checked_path(endpoint)}.lock", os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise WireError(f"cannot look at {endpoint}: {error}") from error
    try:
        _lock(lock, endpoint)
    except InUseError:
        return True
    finally:
        os.close(lock)
    return False


def checked_path(endpoint: str) -> Path:
    """Return the path of an ipc endpoint; raises `WireError` for one that cannot be used."""
    path = Path(endpoint.removeprefix("ipc://"))
    if not path.is_absolute():
        raise WireError(f"cannot bind {endpoint}: allowed is ipc:// and an absolute path")
    if "\0" in endpoint:
        raise WireError(f"cannot bind {endpoint!r}: a path holds no null character")
    try:
        endpoint.encode()
    except UnicodeEncodeError as error:  # it is told to others, as text
        raise WireError(f"cannot bind {endpoint!r}: allowed is a path in UTF-8") from error
    length = len(os.fsencode(path))
    if length > zmq.IPC_PATH_MAX_LEN:
        raise WireError(
            f"cannot bind {endpoint}: the path has {length} bytes, "
            f"allowed are {zmq.IPC_PATH_MAX_LEN}; choose a shorter one"
        )
    return path


def refuse_shared(folder: Path) -> None:
    """Raise `WireError` for a directory that other users can look into or that is theirs."""
    found = folder.stat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise WireError(
            f"{folder} is not yours alone; choose another folder, "
            "or `chmod 700` it where nobody else needs it"
        )


def _lock(lock: int, endpoint: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InUseError(
            f"{endpoint} is held by another instrd; stop that one or choose another path"
        ) from error

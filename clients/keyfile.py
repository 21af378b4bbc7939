"""Key files: a CURVE key pair as two files, in the form that other ZeroMQ libraries read and write.

NAME.key holds the public key and may go anywhere; NAME.key_secret holds both keys and stays on
the machine that made it.
"""

import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import zmq
from zmq.utils import z85

PUBLIC: Final = ".key"
SECRET: Final = ".key_secret"  # noqa: S105 - the end of a file name
MAX_FILE_BYTES: Final = 65536
LINE: Final = re.compile(r'\s*(public|secret)-key\s*=\s*"([^"]*)"\s*')
NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


class KeyFileError(Exception):
    """A key file cannot be read or made; names it and says why."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A CURVE key pair in Z85, 40 characters each."""

    public: bytes
    secret: bytes = field(repr=False)


def read_public(path: Path) -> bytes:
    """Return the key of a public key file in Z85; raises `KeyFileError`."""
    keys = _read(path, private=False)
    if "secret" in keys:
        raise KeyFileError(
            f"{path}: holds a secret key, which must not leave its machine; "
            f"give its {PUBLIC} file instead"
        )
    return keys["public"]


def read_pair(path: Path) -> KeyPair:
    """Return the keys of a secret key file; raises `KeyFileError`, also if others may read it."""
    keys = _read(path, private=True)
    if "secret" not in keys:
        raise KeyFileError(f"{path}: holds no secret key; give its {SECRET} file instead")
    if zmq.curve_public(keys["secret"]) != keys["public"]:
        raise KeyFileError(f"{path}: its public and its secret key do not belong together")
    return KeyPair(keys["public"], keys["secret"])


def make_pair(name: str, folder: Path) -> tuple[Path, Path]:
    """Make a key pair and return its public and its secret file; overwrites neither."""
    if NAME.fullmatch(name) is None:
        raise KeyFileError(f"cannot name a key {name!r}: allowed are 1 to 64 of A-Z a-z 0-9 _ - .")
    public, secret = folder / f"{name}{PUBLIC}", folder / f"{name}{SECRET}"
    public_key, secret_key = (key.decode() for key in zmq.curve_keypair())
    shown = f'curve\n    public-key = "{public_key}"\n'
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _created(secret, 0o600) as secret_file, _created(public, 0o644) as public_file:
            secret_file.write(f"# CURVE secret key of {name}: never give this file away.\n")
            secret_file.write(f'{shown}    secret-key = "{secret_key}"\n')
            public_file.write(f"# CURVE public key of {name}.\n{shown}")
    except FileExistsError as error:
        raise KeyFileError(f"{error.filename}: is there already and is not overwritten") from error
    except OSError as error:
        raise KeyFileError(f"cannot make keys in {folder}: {error.strerror}") from error
    return public, secret


@contextmanager
def _created(path: Path, mode: int) -> Iterator[IO[str]]:
    """Open a file that was not there, with its mode from the start; gone again if filling fails."""
    created = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with ExitStack() as undoing:
        undoing.callback(path.unlink)
        with os.fdopen(created, "w", encoding="utf-8") as file:
            yield file
        undoing.pop_all()


def _read(path: Path, *, private: bool) -> dict[str, bytes]:
    try:
        # without O_NONBLOCK a pipe would hold us up
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise KeyFileError(f"{path}: is no regular file")
            if private and found.st_mode & 0o077:
                raise KeyFileError(
                    f"{path}: other users may read this secret (mode "
                    f"{stat.S_IMODE(found.st_mode):04o}); make it yours alone: chmod 600 {path}"
                )
            text = file.read(MAX_FILE_BYTES).decode(errors="replace")
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from error
    lines = [match for line in text.splitlines() if (match := LINE.fullmatch(line))]
    keys = {line[1]: line[2] for line in lines}
    if "public" not in keys:
        raise KeyFileError(f'{path}: holds no line public-key = "..."; instrd keygen makes such')
    if len(keys) < len(lines):
        raise KeyFileError(f"{path}: holds a key twice")
    for kind, key in keys.items():
        if not _is_key(key):
            raise KeyFileError(f"{path}: its {kind}-key is not 40 characters of Z85")
    return {kind: key.encode() for kind, key in keys.items()}


def _is_key(text: str) -> bool:
    try:
        return len(text) == 40 and z85.encode(z85.decode(text)) == text.encode()
    except (ValueError, KeyError, struct.error):
        return False

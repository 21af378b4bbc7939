"""A file of settings, read with one list of everything that is wrong with it."""

import os
import stat
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from instrd.daemon.config import Config, contradictions
from instrd.daemon.errors import ConfigError
from instrd.models.mistakes import mistakes

MOST_BYTES = 256 * 1024


def read_config(path: Path, *, again: bool = False) -> Config:
    """Read a TOML file; raises `ConfigError` that lists every mistake in it at once.

    A pipe may be waited for at the start; who reads `again`, while sound comes in, waits for none.
    """
    config = read_sections(path, again=again)
    refuse_mistakes(path, contradictions(config))
    return config


def read_sections(path: Path, *, again: bool = False) -> Config:
    """Read a TOML file whose settings may contradict each other."""
    content = _tables(path, os.O_NONBLOCK if again else 0)
    refuse_mistakes(path, list(mistakes(Config, content)))
    return msgspec.convert(content, Config)


def refuse_mistakes(path: Path, errors: Sequence[str]) -> None:
    """Raise `ConfigError` with a list of them, if there are any."""
    if errors:
        listed = "\n".join(f"  {error}" for error in errors)
        raise ConfigError(f"{path} has {len(errors)} mistake(s):\n{listed}")


def _tables(path: Path, non_blocking: int) -> dict[str, Any]:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | non_blocking), "rb") as file:
            if non_blocking and not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path}: is no regular file, and only such are read again")
            text = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read: {reason}") from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{path}: is larger than the allowed {MOST_BYTES} bytes")
    try:
        return tomllib.loads(text.decode())
    except RecursionError as error:
        raise ConfigError(f"{path}: is not TOML that can be read: nested too deeply") from error
    except ValueError as error:
        # of TOML, of UTF-8, or of a number with thousands of digits
        raise ConfigError(f"{path}: is not TOML: {error}") from error

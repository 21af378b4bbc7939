"""Paths as people write them in settings."""

from pathlib import Path

from instrd.daemon.errors import ConfigError


def expanded(text: str, key: str) -> Path:
    """Return a path with `~` and `~user` filled in; raises `ConfigError` that names the key."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{key}: got {text!r}, allowed a path: {error}") from error

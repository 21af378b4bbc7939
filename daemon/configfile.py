"""A file of settings, read with one list of everything that is wrong with it."""

import os
import stat
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from instrd.daemon.config import Config, Section, contradictions, key_shown, value_shown
from instrd.daemon.errors import ConfigError

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
    errors: list[str] = []
    config: Config = _section(Config, content, "", errors)
    refuse_mistakes(path, errors)
    return config


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


def _section(kind: type[Any], content: Any, key: str, errors: list[str]) -> Any:
    """Convert a table field by field, so that one mistake does not hide the next."""
    if not isinstance(content, dict):
        errors.append(f"{key}: got {value_shown(content)}, allowed a table")
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    prefix = f"{key}." if key else ""
    errors.extend(
        f"{prefix}{key_shown(unknown)}: is not a setting; allowed: {', '.join(fields)}"
        for unknown in content
        if unknown not in fields
    )
    errors.extend(
        f"{prefix}{name}: is missing"
        for name, field in fields.items()
        if field.required and name not in content
    )
    values = {
        name: _value(field.type, content[name], f"{prefix}{name}", errors)
        for name, field in fields.items()
        if name in content
    }
    return None if errors else kind(**values)


def _value(kind: Any, content: Any, key: str, errors: list[str]) -> Any:
    if isinstance(kind, type) and issubclass(kind, Section):
        return _section(kind, content, key, errors)
    inner = get_args(kind)[-1] if get_origin(kind) is dict else (get_args(kind) or (None,))[0]
    if isinstance(inner, type) and issubclass(inner, Section):
        return _sections(kind, content, key, errors)
    if get_origin(kind) is Literal and content not in get_args(kind):
        errors.append(f"{key}: got {value_shown(content)}, allowed: {', '.join(get_args(kind))}")
        return None
    try:
        value = msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        errors.append(
            f"{key}: got {value_shown(content)}; {str(error)[:1].lower()}{str(error)[1:]}"
        )
        return None
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN passes every bound
        errors.append(f"{key}: got nan, allowed a number")
    return value


def _sections(kind: Any, content: Any, key: str, errors: list[str]) -> Any:
    """Convert tables by name, or a list of tables."""
    inner = get_args(kind)[-1] if get_origin(kind) is dict else get_args(kind)[0]
    if get_origin(kind) is dict and isinstance(content, dict):
        return {n: _section(inner, v, f"{key}.{key_shown(n)}", errors) for n, v in content.items()}
    if get_origin(kind) is tuple and isinstance(content, list):
        return tuple(_section(inner, v, f"{key}[{n}]", errors) for n, v in enumerate(content))
    allowed = f"tables: [[{key}]]" if get_origin(kind) is tuple else f"a table: [{key}]"
    errors.append(f"{key}: got {value_shown(content)}, allowed {allowed}")
    return None

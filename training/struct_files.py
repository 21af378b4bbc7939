"""JSON and TOML files of one type each."""

import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from instrd.models.mistakes import mistakes
from instrd.models.new_file import new_file
from instrd.training.errors import TrainingError

T = TypeVar("T")


def as_json(value: Any) -> bytes:
    """Return a value as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def write_json(path: Path, value: Any) -> None:
    with new_file(path) as file:
        file.write(as_json(value))


def read_json(path: Path, kind: type[T], missing: str) -> T:
    """Return what a file holds; raises `TrainingError`, which says `missing` if there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise TrainingError(path.parent, missing) from error
    except ValueError as error:
        raise TrainingError(path, str(error)) from error


def read_toml(path: Path, kind: type[T]) -> T:
    """Return what a file holds; raises `TrainingError` that lists every mistake in it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if found := list(mistakes(kind, content)):
            raise TrainingError(path, "; ".join(found))
        return msgspec.convert(content, kind)
    except OSError as error:
        raise TrainingError(path, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TrainingError(path, str(error)) from error

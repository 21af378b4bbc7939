"""JSON and TOML files of one type each."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec

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
        if mistakes := list(_mistakes(kind, content, "")):
            raise TrainingError(path, "; ".join(mistakes))
        return msgspec.convert(content, kind)
    except OSError as error:
        raise TrainingError(path, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TrainingError(path, str(error)) from error


def _mistakes(kind: Any, content: Any, key: str) -> Iterator[str]:
    """Say of each key what it got and what is allowed, as the daemon does of its settings."""
    if isinstance(kind, UnionType):  # such as `Guide | None`
        kind = next((inner for inner in get_args(kind) if _is_struct(inner)), kind)
    if _is_struct(kind) and isinstance(content, dict):
        yield from _of_table(kind, content, f"{key}." if key else "")
    elif get_args(kind)[1:] == (...,) and isinstance(content, list):
        for place, item in enumerate(content):
            yield from _mistakes(get_args(kind)[0], item, f"{key}[{place}]")
    else:
        try:
            msgspec.convert(content, kind)
        except msgspec.ValidationError as error:
            reason = _allowed(kind) or f"{str(error)[:1].lower()}{str(error)[1:]}"
            yield f"{key}: got {content!r}, {reason}"


def _of_table(kind: Any, content: dict[str, Any], prefix: str) -> Iterator[str]:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in content:
        if name not in fields:
            yield f"{prefix}{name}: is no key; allowed: {', '.join(fields)}"
    for name, field in fields.items():
        if name in content:
            yield from _mistakes(field.type, content[name], f"{prefix}{name}")
        elif field.required:
            yield f"{prefix}{name}: is missing"


def _allowed(kind: Any) -> str:
    """Return what a type allows, in words, where those of msgspec do not say."""
    if _is_struct(kind):
        return "allowed: a table"
    if get_origin(kind) is Literal:
        return f"allowed: {', '.join(map(str, get_args(kind)))}"
    limits = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return "".join(f"allowed: {limit.description}" for limit in limits if limit.description)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)

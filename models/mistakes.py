"""Every mistake in what a TOML file holds, key by key, so that one does not hide the next."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

_MOST_SHOWN = 60


def mistakes(kind: Any, content: Any, key: str = "") -> Iterator[str]:
    """Say of each key at fault what it got and what is allowed.

    `kind` is a msgspec struct, or what a field of one may be, `content` what tomllib read of it.
    Where nothing is said, `msgspec.convert(content, kind)` fails by what `kind` itself checks only.
    """
    if isinstance(kind, UnionType) and content is not None:  # such as `Guide | None`
        kind = next((inner for inner in get_args(kind) if _is_struct(inner)), kind)
    if _is_struct(kind) and isinstance(content, dict):
        yield from _of_table(kind, content, f"{key}." if key else "")
    elif get_args(kind)[1:] == (...,) and isinstance(content, list):
        for place, item in enumerate(content):
            yield from mistakes(get_args(kind)[0], item, f"{key}[{place}]")
    elif get_origin(kind) is dict and isinstance(content, dict):
        of_name, of_value = get_args(kind)
        for name, value in content.items():
            yield from _of_value(of_name, name, f"{key}.{key_shown(name)}")
            yield from mistakes(of_value, value, f"{key}.{key_shown(name)}")
    else:
        yield from _of_value(kind, content, key)


def _of_table(kind: Any, content: dict[str, Any], prefix: str) -> Iterator[str]:
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in content:
        if name not in fields:
            allowed = ", ".join(fields)
            yield f"{prefix}{key_shown(name)}: is not a setting; allowed: {allowed}"
    for name, field in fields.items():
        if name in content:
            yield from mistakes(field.type, content[name], f"{prefix}{name}")
        elif field.required:
            yield f"{prefix}{name}: is missing"


def _of_value(kind: Any, content: Any, key: str) -> Iterator[str]:
    try:
        value = msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        reason = _allowed(kind, key) or f"{str(error)[:1].lower()}{str(error)[1:]}"
        yield f"{key}: got {value_shown(content)}, {reason}"
        return
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN passes every bound
        yield f"{key}: got nan, allowed: a number"


def _allowed(kind: Any, key: str) -> str:
    """Return what a type allows, in words, where those of msgspec do not say."""
    if _is_struct(kind):
        return "allowed: a table"
    if get_origin(kind) is Literal:
        return f"allowed: {', '.join(map(str, get_args(kind)))}"
    if any(map(_is_struct, get_args(kind))):
        return f"allowed: a table [{key}]" if get_origin(kind) is dict else f"allowed: [[{key}]]"
    limits = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return "".join(f"allowed: {limit.description}" for limit in limits if limit.description)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def key_shown(key: str) -> str:
    """Return a key of a file as it can stand in a list of mistakes, a line for each."""
    return key if key.isprintable() and len(key) <= _MOST_SHOWN else value_shown(key)


def value_shown(content: Any) -> str:
    """Return a value of a file as Python writes it, cut off where it is long."""
    try:
        text = repr(content)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number that is too long"
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."

"""Requests are read key by key, so that who asks is told which one is wrong, under his own id."""

from collections.abc import Iterable
from typing import Any, Final, get_type_hints

import msgspec

from instrd.clients.control import KEYS, Request
from instrd.clients.printable import printable
from instrd.clients.protocol import VERSION
from instrd.daemon.errors import InstrdError

ENVELOPE: Final = ("v", "id", "cmd")
MOST_SHOWN: Final = 60
THRESHOLDS: Final = "an object of label and probability from 0 to 1"
ALLOWED: Final = {
    "v": "text of up to 64 characters",
    "id": "text of up to 64 characters",
    "cmd": "text of up to 64 characters",
    "source": "the id of a source, 1 to 32 of a-z 0-9 _ -",
    "model": "the name of a bundle, never a path: 1 to 32 of a-z 0-9 _ -",
    "labels": "a list of labels, each 1 to 64 characters, none of them / or a control character",
    "thresholds_on": THRESHOLDS,
    "thresholds_off": THRESHOLDS,
}

_kinds: Final = get_type_hints(Request, include_extras=True)
_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_unreadable: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class RefusedError(Exception):
    """What came is no request that can be carried out; `id` is the asker's as far as known."""

    def __init__(self, asked: str, reason: str) -> None:
        super().__init__(reason)
        self.id = asked


def read_request(question: bytes, commands: Iterable[str]) -> Request:
    """Return a request for one of these commands; raises `RefusedError`."""
    asked = ""
    try:
        fields = _fields(question)
        asked = _value(fields, "id", "")
        _check(fields, commands)
        return Request(**{key: _value(fields, key) for key in fields})
    except InstrdError as error:
        raise RefusedError(asked, str(error)) from error


def _check(fields: dict[str, msgspec.Raw], commands: Iterable[str]) -> None:
    """Refuse what is not for us as a whole, before its single values."""
    version = _value(fields, "v", VERSION)
    if version.partition(".")[0] != VERSION.partition(".")[0]:
        raise InstrdError(f"got version {version}, allowed {VERSION}")
    command = _value(fields, "cmd", "")
    if command not in commands:
        raise InstrdError(f"unknown command {command!r}; allowed: {', '.join(commands)}")
    takes = KEYS[command]
    if surplus := [printable(key) for key in fields if key not in (*ENVELOPE, *takes)]:
        allowed = ", ".join(takes) or "none"
        raise InstrdError(f"{command}: got key {', '.join(surplus)}, allowed: {allowed}")


def _fields(question: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decoder.decode(question)
    except _unreadable as error:
        raise InstrdError("not a request: allowed is one JSON object") from error


def _value(fields: dict[str, msgspec.Raw], key: str, otherwise: Any = None) -> Any:
    if key not in fields:
        return otherwise
    raw = fields[key]
    try:
        return msgspec.json.decode(raw, type=_kinds[key])
    except _unreadable as error:
        got = printable(bytes(raw).decode(errors="replace"))
        shown = got if len(got) <= MOST_SHOWN else f"{got[:MOST_SHOWN]}..."
        raise InstrdError(f"{key}: got {shown}, allowed: {ALLOWED[key]}") from error

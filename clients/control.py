"""Commands to a running daemon: one request, one reply."""

import os
import secrets
import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
import platformdirs
import zmq
from msgspec import Meta, Struct, field

from instrd.clients.protocol import VERSION, Name, Probability, SourceId

MAX_REQUEST_BYTES: Final = 65536


class ControlError(Exception):
    """The daemon did not answer, or answered in another language."""


# A model is asked for by name, never by a path.
BundleName = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,32}\Z")]
ShortText = Annotated[str, Meta(max_length=64)]


KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "ping": (),
    "get_state": ("source",),
    "list_sources": (),
    "list_models": (),
    "set_model": ("model",),
    "set_thresholds": ("thresholds_on", "thresholds_off"),
    "set_mask": ("labels",),
    "pause": ("source",),
    "resume": ("source",),
    "reload": (),
    "shutdown": (),
}
"""The commands, and what each takes; any other key is refused."""


class Request(Struct, frozen=True, kw_only=True):
    """One command; the fields after `cmd` are those that some command takes."""

    v: ShortText = VERSION
    id: ShortText = ""  # chosen by the asker, comes back in the reply
    cmd: ShortText
    source: SourceId | None = None  # null: all sources
    model: BundleName | None = None
    labels: tuple[Name, ...] | None = None  # only these may be reported; null: all
    thresholds_on: dict[Name, Probability] = field(default_factory=dict)
    thresholds_off: dict[Name, Probability] = field(default_factory=dict)


class Reply(Struct, frozen=True, kw_only=True):
    """What became of a request."""

    id: str
    ok: bool
    error: str | None = None  # a sentence where ok is false
    result: dict[str, Any] = field(default_factory=dict)


def default_endpoint() -> str:
    """Return the ipc endpoint that daemon and clients use unless told otherwise."""
    with warnings.catch_warnings():
        # its fallback is as private as the real one, because the daemon checks the directory
        warnings.simplefilter("ignore", platformdirs.RuntimeDirWarning)
        folder = platformdirs.user_runtime_path("instrd")
    return f"ipc://{folder / 'control.ipc'}"


def request(endpoint: str, cmd: str, *, timeout_s: float = 2.0, **fields: Any) -> Reply:
    """Send one command and wait for its reply; ControlError if none can or does come in time."""
    question = {"v": VERSION, "id": secrets.token_hex(4), "cmd": cmd, **fields}
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        try:
            socket.connect(endpoint)
        except (zmq.ZMQError, UnicodeEncodeError) as error:
            raise ControlError(f"cannot connect to {endpoint!r}: {error}") from error
        path = endpoint.removeprefix("ipc://")
        if path.startswith("/") and not os.path.exists(path):  # noqa: PTH110 - it never raises
            raise ControlError(
                f"no answer from {endpoint}: no socket is there, or its folder is closed to you; "
                "is instrd running?"
            )
        socket.send(msgspec.json.encode(question))
        if not socket.poll(round(timeout_s * 1000)):
            raise ControlError(
                f"no answer from {endpoint} within {timeout_s:g} s; is instrd running? If it is, "
                "it may still carry this out"
            )
        answer = socket.recv()
    try:
        return msgspec.json.decode(answer, type=Reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ControlError(f"{endpoint} does not speak instrd control: {error}") from error

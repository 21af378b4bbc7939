"""Messages as they travel: a topic and one JSON object."""

from typing import Final

import msgspec

from instrd.clients.protocol import AnyMessage, Bye, Event, Heartbeat, Hello, Model

ROOT: Final = "instrd/1/"


class ProtocolError(ValueError):
    """A message breaks the contract of the wire."""


_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[AnyMessage]] = msgspec.json.Decoder(AnyMessage)


def topic(message: AnyMessage) -> str:
    """Return the topic; it ends in / because subscriptions match prefixes."""
    kind = type(message).__name__.lower()
    match message:
        case Event(source=source, label=label):
            return f"{ROOT}{kind}/{source}/{label}/"
        case Hello() | Model() | Heartbeat() | Bye():
            return f"{ROOT}sys/{kind}/"
        case _:
            return f"{ROOT}{kind}/{message.source}/"


def encode(message: AnyMessage) -> bytes:
    """Return the JSON; ProtocolError if a reader would not get this very message out of it."""
    payload = _encoder.encode(message)
    # NaN and infinity turn into null, which decodes to None or not at all
    if decode(payload) != message:
        raise ProtocolError(f"{type(message).__name__} holds what JSON does not: {message}")
    return payload


def decode(payload: bytes) -> AnyMessage:
    """Return the message; ProtocolError if it is not one of ours."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not a message of instrd/1: {error}") from error

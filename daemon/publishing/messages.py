"""What the publishing process is told, and what it says to the daemon."""

from typing import TypeAlias

import msgspec

from instrd.daemon.zap import Clients


class Keys(msgspec.Struct, frozen=True):
    """What guards the endpoints that other machines can reach."""

    secret: bytes
    """Ours, in Z85; it goes through the pipe and stands in no command line."""
    clients: Clients


class Setup(msgspec.Struct, frozen=True, tag=True):
    """The first thing it is told: where to publish."""

    plain: tuple[str, ...]
    secured: tuple[str, ...]
    """Endpoints that speak CURVE."""
    keys: Keys | None = None


class Admit(msgspec.Struct, frozen=True, tag=True):
    """From now on let in these clients and no others; who is in stays."""

    clients: Clients


class Publish(msgspec.Struct, frozen=True, tag=True):
    """Send a message to everybody who asked for its topic."""

    topic: str
    payload: bytes
    retained: bytes = b""
    """The copy for those who join later; empty: they get none."""


Told: TypeAlias = Setup | Admit | Publish


class Bound(msgspec.Struct, frozen=True, tag=True):
    """All endpoints are bound, with the ports that they got."""

    plain: tuple[str, ...]
    secured: tuple[str, ...]


class Unbound(msgspec.Struct, frozen=True, tag=True):
    """An endpoint cannot be bound; the process ends."""

    endpoint: str
    reason: str
    in_use: bool
    """Another process holds the address."""


class Alive(msgspec.Struct, frozen=True, tag=True):
    """It takes what it is told, and turns to whoever knocks."""


class Logged(msgspec.Struct, frozen=True, tag=True):
    """For the daemon's log."""

    level: int
    text: str


Said: TypeAlias = Bound | Unbound | Alive | Logged

told_decoder: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)
said_decoder: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)

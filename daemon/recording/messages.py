"""What the process of a microphone is told when it starts, and what it says from then on."""

from typing import TypeAlias

import msgspec

from instrd.daemon.recording.identity import Identity


class Wanted(msgspec.Struct, frozen=True):
    """Which device to record, and how."""

    name: str = ""
    """Part of its name; empty: the default one."""
    channel: int | None = None
    """The one to use, from 1; None: the mean of all."""
    rate_hz: int | None = None
    """None: the device's own."""
    known: Identity | None = None
    """It was open before: this device and no other, whatever `name` fits now."""


class Missing(msgspec.Struct, frozen=True, tag=True):
    """The device cannot be opened; it will be looked for again."""

    reason: str
    lasting: bool
    """Looking again does not help: the address or the installation is wrong."""


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The device is open."""

    rate_hz: int
    name: str
    identity: Identity


class Heard(msgspec.Struct, frozen=True, tag=True):
    """The next samples."""

    samples: bytes
    """float32 of this machine, mono, full scale +-1, one or more."""
    lost: int
    """Samples that the device lost right before these."""
    unread: int
    """Samples left out right before these because the daemon had not read those before."""
    t_end_ns: int
    """When the last one was captured, on the monotonic clock, which all processes share."""


class Nothing(msgspec.Struct, frozen=True, tag=True):
    """The device is open and gives nothing."""


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The process ends, because of this."""

    reason: str


Said: TypeAlias = Missing | Opened | Heard | Nothing | Broken

decoder: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)

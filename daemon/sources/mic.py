"""`mic:NAME`: a microphone or line input."""

from typing import Annotated

import msgspec
from msgspec import Meta

from instrd.daemon.errors import SourceError
from instrd.daemon.recording.messages import Wanted
from instrd.daemon.sources.microphone import Microphone
from instrd.daemon.sources.uri import RateHz, SourceUri


class MicrophoneOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to open a microphone."""

    channel: Annotated[int, Meta(ge=1)] | None = None
    """The one to use, from 1; without it the mean of all."""
    rate: RateHz | None = None
    """Without it the device's own."""


def open_microphone(uri: SourceUri, *, loop: bool) -> Microphone:
    """Start to record an audio input at its own rate with all its channels, which we mix."""
    return Microphone(wanted_of(uri, loop=loop))


def wanted_of(uri: SourceUri, *, loop: bool = False) -> Wanted:
    """Return what an address asks for; raises `SourceError`."""
    if loop:
        raise SourceError(f"source {uri.text}: a microphone cannot be looped")
    options = uri.options(MicrophoneOptions)
    return Wanted(uri.name, options.channel, options.rate)

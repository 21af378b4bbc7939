"""Where sound comes from: one address for a microphone, a file, a pipe or a test tone."""

from instrd.daemon.errors import SourceError
from instrd.daemon.sources.devices import Device, list_devices
from instrd.daemon.sources.file import open_file
from instrd.daemon.sources.mic import open_microphone
from instrd.daemon.sources.pace import Paced
from instrd.daemon.sources.pipe import open_stdin
from instrd.daemon.sources.source import Block, Pace, Source
from instrd.daemon.sources.synth import open_synth
from instrd.daemon.sources.uri import SourceUri, parse

__all__ = [
    "Block",
    "Device",
    "Pace",
    "Source",
    "list_devices",
    "open_source",
    "scheme_of",
]

OPENERS = {
    "mic": open_microphone,
    "file": open_file,
    "stdin": open_stdin,
    "synth": open_synth,
}
EXAMPLES = (
    "mic:, mic:NAME?channel=1, file:PATH, stdin:?rate=48000&channels=2&format=s16le, "
    "synth:?tones=440,660&seconds=2"
)


def open_source(uri: str, *, pace: Pace, loop: bool = False) -> Source:
    """Open the source at an address; a microphone comes at the real pace anyway.

    Raises SourceError where it cannot be opened.
    """
    address = _address(uri)
    source = OPENERS[address.scheme](address, pace, loop=loop)
    return source if address.scheme == "mic" else Paced(source, pace)


def scheme_of(uri: str) -> str:
    """Return the kind of source that an address names; raises SourceError for none we have."""
    return _address(uri).scheme


def _address(uri: str) -> SourceUri:
    address = parse(uri)
    if address.scheme in OPENERS:
        return address
    # A plain path; one letter before a colon is a drive.
    if ":" in uri and address.scheme.isalpha() and len(address.scheme) > 1:
        raise SourceError(
            f"source {uri}: got {address.scheme}:, allowed are {EXAMPLES} or a plain path"
        )
    return SourceUri(uri, "file", uri)

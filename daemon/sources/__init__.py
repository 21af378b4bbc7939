"""Where sound comes from: one address for a microphone, a file, a pipe or a test tone."""

from collections.abc import Callable

from instrd.daemon.config import Pace
from instrd.daemon.errors import DeviceError, SourceError
from instrd.daemon.sources.file import open_file
from instrd.daemon.sources.mic import open_microphone, wanted_of
from instrd.daemon.sources.microphone import Microphone
from instrd.daemon.sources.pace import AT_ONCE_S, Paced
from instrd.daemon.sources.pipe import open_stdin, options_of
from instrd.daemon.sources.source import (
    Block,
    Feed,
    Item,
    Missed,
    Opened,
    Source,
    Standing,
)
from instrd.daemon.sources.synth import open_synth
from instrd.daemon.sources.unbroken import Unbroken
from instrd.daemon.sources.uri import SourceUri, parse

__all__ = [
    "AT_ONCE_S",
    "Block",
    "Feed",
    "Item",
    "Microphone",
    "Missed",
    "Opened",
    "Pace",
    "Source",
    "Standing",
    "Unbroken",
    "check_source",
    "open_feed",
    "open_source",
    "scheme_of",
]

OPENERS = {
    "file": open_file,
    "stdin": open_stdin,
    "synth": open_synth,
}
MICROPHONE = "mic"
EXAMPLES = (
    "mic:, mic:NAME?channel=1, file:PATH, stdin:?rate=48000&channels=2&format=s16le, "
    "synth:?tones=440,660&seconds=2"
)


def open_feed(
    uri: str, *, pace: Pace, loop: bool = False, enough: Callable[[], bool] = lambda: False
) -> Feed:
    """Open any source; a microphone comes at the real pace anyway, and need not be there yet.

    It is waited for as long as its sound system takes to answer, until there is `enough` of it.
    Raises SourceError where it can never be opened so.
    """
    address = _address(uri)
    if address.scheme != MICROPHONE:
        return Unbroken(open_source(uri, pace=pace, loop=loop))
    microphone = open_microphone(address, loop=loop)
    wrong = microphone.first_answer(enough)
    if wrong is None or isinstance(wrong, DeviceError):
        return microphone
    microphone.close()
    raise wrong


def open_source(uri: str, *, pace: Pace, loop: bool = False) -> Source:
    """Open a file, a pipe or a synthesiser. Raises SourceError where it cannot be opened."""
    address = _address(uri)
    return Paced(OPENERS[address.scheme](address, pace, loop=loop), pace)


def check_source(uri: str, *, loop: bool = False) -> None:
    """Raise SourceError where a source can never be opened so; a device is not looked for."""
    address = _address(uri)
    if address.scheme == MICROPHONE:
        wanted_of(address, loop=loop)
    elif address.scheme == "stdin":
        options_of(address, loop=loop)
    else:
        open_source(uri, pace="fast", loop=loop).close()


def scheme_of(uri: str) -> str:
    """Return the kind of source that an address names; raises SourceError for none we have."""
    return _address(uri).scheme


def _address(uri: str) -> SourceUri:
    address = parse(uri)
    if address.scheme in OPENERS or address.scheme == MICROPHONE:
        return address
    # A plain path; one letter before a colon is a drive.
    if ":" in uri and address.scheme.isalpha() and len(address.scheme) > 1:
        raise SourceError(
            f"source {uri}: got {address.scheme}:, allowed are {EXAMPLES} or a plain path"
        )
    return SourceUri(uri, "file", uri)

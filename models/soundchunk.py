"""Files of chunks (wav, RF64, W64, aiff): how much of the promised sound is missing.

libsndfile plays what there is of a file that was cut off and tells nobody. Here the chunk headers
are read up to the sound; its bytes are not.
"""

from collections.abc import Callable
from dataclasses import dataclass

from instrd.models.errors import AudioFileError
from instrd.models.timedfile import TimedFile

MOST_CHUNKS = 1000
UNKNOWN_BYTES = 0x7FFF_0000
"""From here on a 32-bit size means that whoever wrote it into a pipe did not know it."""
COUNTED_IN_BYTES = (8, 36, 44)
"""Some writers count the header of a chunk or of the file in."""
W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")


@dataclass(frozen=True, slots=True)
class Layout:
    """How one family of formats writes its chunks."""

    first: int
    """Bytes before the first chunk."""
    sound: bytes
    """Id of the chunk with the sound."""
    header: int
    """Bytes of a chunk's header."""
    size: Callable[[bytes], int]
    """From a chunk's header to the bytes that follow it."""
    align: int


def _little(header: bytes) -> int:
    return int.from_bytes(header[4:8], "little")


def _big(header: bytes) -> int:
    return int.from_bytes(header[4:8], "big")


def _guid(header: bytes) -> int:
    return int.from_bytes(header[16:24], "little") - 24


LAYOUTS = {
    b"RIFF": Layout(12, b"data", 8, _little, 2),
    b"RF64": Layout(12, b"data", 8, _little, 2),
    b"RIFX": Layout(12, b"data", 8, _big, 2),
    b"FORM": Layout(12, b"SSND", 8, _big, 2),
    b"riff": Layout(40, b"data" + W64_TAIL, 24, _guid, 8),
}


def missing_bytes(file: TimedFile) -> int:
    """Return how many bytes of sound the file lacks; 0 for one that promises no length.

    Raises `AudioFileError` for one that hides its sound behind too many chunks.
    """
    file.seek(0)
    layout = LAYOUTS.get(file.read(4))
    if layout is None:
        return 0
    end = _length(file)
    place, long_size = layout.first, None
    for _ in range(MOST_CHUNKS):
        file.seek(place)
        header = file.read(layout.header)
        if len(header) < layout.header:
            return 0
        size = layout.size(header)
        if header.startswith(b"ds64"):
            # of the whole file, then of the sound
            long_size = int.from_bytes(file.read(16)[8:], "little")
        if header.startswith(layout.sound):
            return _missing(size, long_size, end - place - layout.header, layout)
        if size < 0:
            return 0
        place += layout.header + size + -size % layout.align
    raise AudioFileError(file.path, f"more than {MOST_CHUNKS} chunks before its sound")


def _missing(size: int, long_size: int | None, there: int, layout: Layout) -> int:
    if long_size is not None and size == 0xFFFF_FFFF:
        size = long_size
    elif layout.header == 8 and size >= UNKNOWN_BYTES:
        return 0
    return 0 if size - there in COUNTED_IN_BYTES else max(0, size - there)


def _length(file: TimedFile) -> int:
    file.seek(0, 2)
    return file.tell()

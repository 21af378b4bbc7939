"""`file:PATH`: an audio file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.daemon.config import Pace
from instrd.daemon.errors import SourceError
from instrd.daemon.sources.replay import Replay
from instrd.daemon.sources.source import Source, block_size
from instrd.daemon.sources.uri import SourceUri
from instrd.models.audiofile import AudioFile
from instrd.models.errors import AudioFileError, shown

DECODED_BLOCKS = 10
"""Decoded together: called for every little block, a decoder always works with cold caches."""


def open_file(uri: SourceUri, pace: Pace, *, loop: bool) -> Source:
    """Open an audio file; a question mark belongs to its name."""
    path = Path(uri.rest)
    rate_hz = _rate_of(path)
    size, at_once = block_size(rate_hz, pace), DECODED_BLOCKS if pace == "realtime" else 1
    return Replay(
        lambda: _blocks(path, rate_hz, size, at_once),
        rate_hz,
        f"file {shown(Path(path.name))}",
        loop=loop,
    )


def _rate_of(path: Path) -> int:
    try:
        with AudioFile(path) as file:
            return file.rate_hz
    except AudioFileError as error:
        raise SourceError(str(error)) from error


def _blocks(path: Path, rate_hz: int, size: int, at_once: int) -> Iterator[NDArray[np.float32]]:
    try:
        with AudioFile(path) as file:
            _check_rate(file, rate_hz)
            for decoded in file.blocks(size * at_once):
                for first in range(0, len(decoded), size):
                    yield decoded[first : first + size]
    except AudioFileError as error:
        raise SourceError(str(error)) from error


def _check_rate(file: AudioFile, rate_hz: int) -> None:
    """Refuse a file that was replaced since its rate was told."""
    if file.rate_hz != rate_hz:
        raise AudioFileError(file.path, f"got {file.rate_hz} Hz, allowed as before {rate_hz} Hz")

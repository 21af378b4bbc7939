"""`file:PATH`: an audio file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.daemon.errors import SourceError
from instrd.daemon.sources.replay import Replay
from instrd.daemon.sources.source import Pace, Source, block_size
from instrd.daemon.sources.uri import SourceUri
from instrd.models.audiofile import AudioFile, AudioFileError, shown


def open_file(uri: SourceUri, pace: Pace, *, loop: bool) -> Source:
    """Open an audio file; a question mark belongs to its name."""
    path = Path(uri.rest)
    rate_hz = _rate_of(path)
    size = block_size(rate_hz, pace)
    return Replay(lambda: _blocks(path, size), rate_hz, f"file {shown(Path(path.name))}", loop=loop)


def _rate_of(path: Path) -> int:
    try:
        with AudioFile(path) as file:
            return file.rate_hz
    except AudioFileError as error:
        raise SourceError(str(error)) from error


def _blocks(path: Path, size: int) -> Iterator[NDArray[np.float32]]:
    try:
        yield from AudioFile(path).blocks(size)
    except AudioFileError as error:
        raise SourceError(str(error)) from error

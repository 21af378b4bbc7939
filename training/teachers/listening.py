"""Which sound files a teacher is to hear, short ones in rows, and what is in them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.models.audiofile import SUFFIXES, AudioFile, files_below
from instrd.models.errors import AudioFileError
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import name_below, text_of
from instrd.training.folders.pool import MANIFEST, divide, read_pools, resample
from instrd.training.recipe import Split
from instrd.training.teachers.music import FRONT_END, WINDOW_FRAMES

Floats = NDArray[np.float32]

_ROW_S = 30.0
_WINDOW_S = WINDOW_FRAMES * FRONT_END.hop / FRONT_END.rate_hz


@dataclass(frozen=True, slots=True)
class Recording:
    """What to hear and its place in the bank: a file, or short ones of one folder in a row."""

    paths: tuple[Path, ...]
    origin: str
    file: str
    labelled: bool = False


def find_recordings(folders: Sequence[Path], split: Split | None = None) -> list[Recording]:
    """Return all audio files below the folders, in order; raises `TrainingError`.

    What is shorter than a window is heard in rows; of a pool it is left out.
    """
    origins: dict[str, Path] = {}
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise TrainingError(folder, "is no folder")
        origin = text_of(folder.resolve().name)
        if origin in origins:
            raise TrainingError(folder, f"has the name of {origins[origin]}; got it twice")
        origins[origin] = folder
        labelled = (folder / MANIFEST).is_file()
        rows = _pool_rows(folder, split) if labelled else in_rows(files_below(folder))
        for paths in rows:
            file = f"{origin}/{name_below(folder, paths[0])}.npz"
            found.append(Recording(paths, origin, file, labelled))
    if not found:
        raise TrainingError(folders[0], f"holds no audio file ({', '.join(sorted(SUFFIXES))})")
    return found


def in_rows(paths: Iterable[Path]) -> Iterator[tuple[Path, ...]]:
    """Yield files one by one, but those shorter than a window in rows of half a minute.

    A row is of one folder. What cannot be read stands alone, to be told when it is heard.
    """
    row: list[Path] = []
    lasts_s = 0.0
    for path in paths:
        if row and (lasts_s >= _ROW_S or row[0].parent != path.parent):
            yield tuple(row)
            row, lasts_s = [], 0.0
        own_s = _seconds(path)
        if own_s is None or own_s >= _WINDOW_S:
            yield (path,)
        else:
            row.append(path)
            lasts_s += own_s
    if row:
        yield tuple(row)


def _seconds(path: Path) -> float | None:
    """Return how long a file lasts, at most a window."""
    try:
        sound, rate_hz = listen(path, _WINDOW_S)
    except AudioFileError:
        return None
    return len(sound) / rate_hz


def _pool_rows(folder: Path, split: Split | None) -> list[tuple[Path, ...]]:
    if split is None:
        raise TrainingError(folder, "is a pool; needs a recipe that says what of it is held out")
    known, _ = divide(read_pools([folder]), split)
    return sorted((Path(clip.path),) for clip in known)


def listen(path: Path, most_s: float) -> tuple[Floats, int]:
    """Return the first `most_s` of a file as mono (n,), and its rate in Hz."""
    blocks, count = [], 0
    with AudioFile(path) as file:
        for block in file.blocks(file.rate_hz):
            blocks.append(block)
            count += len(block)
            if count >= most_s * file.rate_hz:
                break
        return np.concatenate(blocks)[: round(most_s * file.rate_hz)], file.rate_hz


def row_of(heard: Iterable[tuple[Floats, int]], rate_hz: int) -> Floats:
    """Return sounds, given with their rates, one after the other at one rate."""
    return np.concatenate([resample(sound, own_hz, rate_hz) for sound, own_hz in heard])

"""Music whose labels nobody knows, with the teacher's opinion of it: what is kept and how."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.frontend import FrontEnd
from instrd.training.errors import TrainingError
from instrd.training.struct_files import read_json

T = TypeVar("T")

FRONT_END = FrontEnd()
INDEX = "music.json"
NAMES = "tags.json"
SECOND_NAMES = "second.json"
WINDOW_FRAMES = 200
"""What the teacher hears at once: 4 s."""
STEP_FRAMES = 100


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recording; `file` is relative to the bank, `origin` the folder that it came from.

    What is `labelled` comes from a pool, which knows better than the teacher what it is. Of what
    has a `second` YAMNet gave its opinion too.
    """

    file: str
    origin: str
    frames: int
    windows: int
    labelled: bool = False
    second: bool = False


@dataclass(frozen=True, slots=True)
class Music:
    """One recording as its frames and the teacher's opinion of its windows.

    `frames` (n, bands) float16 are decibels of `FRONT_END`; `logits` (m, tags) float16 are the
    teacher's. Window j is the sound of frames j * STEP_FRAMES up to that + WINDOW_FRAMES.
    `second` (k, labels) float16 are log-odds of a second teacher (yamnet.py), where one heard it.
    """

    file: str
    origin: str
    frames: NDArray[np.float16]
    logits: NDArray[np.float16]
    labelled: bool = False
    second: NDArray[np.float16] | None = None


def window_count(frames: int) -> int:
    """Return how many whole windows so many frames hold."""
    return max(0, (frames - WINDOW_FRAMES) // STEP_FRAMES + 1)


def read_music(folder: Path) -> list[Music]:
    """Return all that `instrd-train teach` wrote into a folder; raises `TrainingError`."""
    return [
        read_recording(folder / entry.file, entry.origin, labelled=entry.labelled)
        for entry in read_index(folder)
    ]


def read_index(folder: Path) -> list[Entry]:
    """Return what there is in a folder, without reading it; raises `TrainingError`."""
    return _decoded(folder, INDEX, list[Entry])


def read_tags(folder: Path) -> tuple[str, ...]:
    """Return the names of the columns of all logits; raises `TrainingError`."""
    return _decoded(folder, NAMES, tuple[str, ...])


def read_second_labels(folder: Path) -> tuple[str, ...]:
    """Return the columns of what a second teacher said; none where there was no such teacher."""
    if not (folder / SECOND_NAMES).is_file():
        return ()
    return _decoded(folder, SECOND_NAMES, tuple[str, ...])


def read_recording(path: Path, origin: str, *, labelled: bool = False) -> Music:
    """Return one recording of a bank; raises `TrainingError`."""
    try:
        with np.load(path) as arrays:
            second = arrays.get("second")
            return Music(str(path), origin, arrays["frames"], arrays["logits"], labelled, second)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(path, f"is no taught recording: {error}") from error


def _decoded(folder: Path, file: str, kind: type[T]) -> T:
    return read_json(folder / file, kind, "holds no music; run instrd-train teach first")

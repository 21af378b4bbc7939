"""Has the teacher hear folders of music and keeps what it said beside the frames."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from instrd.models.audiofile import AudioFile
from instrd.models.errors import AudioFileError
from instrd.models.frontend import frames_of
from instrd.training.errors import TrainingError
from instrd.training.music import (
    FRONT_END,
    INDEX,
    NAMES,
    STEP_FRAMES,
    WINDOW_FRAMES,
    Entry,
    read_recording,
    window_count,
)
from instrd.training.pool import MANIFEST, divide, read_pools, resample
from instrd.training.recipe import Split
from instrd.training.teacher import RATE_HZ, Teacher

Floats = NDArray[np.float32]

SUFFIXES = frozenset({".ogg", ".mp3", ".flac", ".wav", ".opus"})
_BATCH = 16
_ROW_S = 30.0
_WINDOW_S = WINDOW_FRAMES * FRONT_END.hop / FRONT_END.rate_hz
_SAMPLES_OF_A_FRAME = FRONT_END.hop * RATE_HZ // FRONT_END.rate_hz
"""At the teacher's rate."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What to hear and its place in the bank: a file, or short ones of one folder in a row."""

    paths: tuple[Path, ...]
    origin: str
    file: str
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that is no sound, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Short:
    """So many files that together last less than a window."""

    files: int


Outcome = Entry | Broken | Short
Watch = Callable[[Iterable[Outcome], int], Iterable[Outcome]]


@dataclass(frozen=True, slots=True)
class Taught:
    """What is in the bank, and what is not: files too short, and broken ones."""

    entries: list[Entry]
    short: int
    broken: list[Broken]


def teach(
    folders: Sequence[Path],
    *,
    teacher: Path,
    out: Path,
    most_minutes: float,
    processes: int,
    watch: Watch,
    split: Split | None = None,
) -> Taught:
    """Hear every audio file below `folders` and fill the bank `out`; keeps what is there.

    Of a pool, a folder with a manifest, what the split holds out is not heard.
    """
    tags = Teacher(teacher).tags  # its errors are told before any process starts
    recordings = find_recordings(folders, split)
    out.mkdir(parents=True, exist_ok=True)
    (out / NAMES).write_bytes(msgspec.json.encode(tags))
    hear = partial(_hear, teacher=teacher, out=out, most_s=60.0 * most_minutes)
    outcomes = list(watch(_by_several(hear, recordings, processes), len(recordings)))
    entries = [outcome for outcome in outcomes if isinstance(outcome, Entry)]
    (out / INDEX).write_bytes(msgspec.json.format(msgspec.json.encode(entries), indent=1))
    broken = [outcome for outcome in outcomes if isinstance(outcome, Broken)]
    short = sum(outcome.files for outcome in outcomes if isinstance(outcome, Short))
    return Taught(entries, short, broken)


def find_recordings(folders: Sequence[Path], split: Split | None = None) -> list[Recording]:
    """Return all audio files below the folders, in order; raises `TrainingError`.

    What is shorter than a window is heard in rows; of a pool it is left out.
    """
    origins: dict[str, Path] = {}
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise TrainingError(folder, "is no folder")
        origin = folder.resolve().name
        if origin in origins:
            raise TrainingError(folder, f"has the name of {origins[origin]}; got it twice")
        origins[origin] = folder
        labelled = (folder / MANIFEST).is_file()
        rows = _pool_rows(folder, split) if labelled else in_rows(_files_below(folder))
        for paths in rows:
            file = f"{origin}/{paths[0].relative_to(folder).as_posix()}.npz"
            found.append(Recording(paths, origin, file, labelled))
    if not found:
        raise TrainingError(folders[0], f"holds no audio file ({', '.join(sorted(SUFFIXES))})")
    return found


def _files_below(folder: Path) -> list[Path]:
    below = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in below if path.is_file())


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
        sound, rate_hz = _listen(path, _WINDOW_S)
    except AudioFileError:
        return None
    return len(sound) / rate_hz


def _pool_rows(folder: Path, split: Split | None) -> list[tuple[Path, ...]]:
    if split is None:
        raise TrainingError(folder, "is a pool; needs a recipe that says what of it is held out")
    known, _ = divide(read_pools([folder]), split)
    return sorted((Path(clip.path),) for clip in known)


def _by_several(
    hear: Callable[[Recording], Outcome], recordings: Sequence[Recording], processes: int
) -> Iterator[Outcome]:
    """Yield the outcomes in order; one process is this one, several have one thread each."""
    if processes == 1:
        yield from map(hear, recordings)
        return
    # A child forked from a process with torch's threads could wait for them for ever.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, torch.set_num_threads, (1,)) as pool:
        yield from pool.map(hear, recordings)


def _hear(recording: Recording, *, teacher: Path, out: Path, most_s: float) -> Outcome:
    file = out / recording.file
    if file.is_file():
        music = read_recording(file, recording.origin)
        return _entry(recording, len(music.frames), len(music.logits))
    heard = []
    for path in recording.paths:
        try:
            heard.append(_listen(path, most_s))
        except AudioFileError as error:
            return Broken(path, error.reason)
    frames = frames_of(FRONT_END, _row(heard, FRONT_END.rate_hz))
    if len(frames) < WINDOW_FRAMES:
        return Short(len(recording.paths))
    sound = _row(heard, RATE_HZ)
    logits = _opinion(_teacher_of(teacher), sound, window_count(len(frames)))
    _write(file, frames=frames.astype(np.float16), logits=logits)
    return _entry(recording, len(frames), len(logits))


def _entry(recording: Recording, frames: int, windows: int) -> Entry:
    return Entry(recording.file, recording.origin, frames, windows, recording.labelled)


def _listen(path: Path, most_s: float) -> tuple[Floats, int]:
    """Return the first `most_s` of a file as mono (n,), and its rate in Hz."""
    blocks, count = [], 0
    with AudioFile(path) as file:
        for block in file.blocks(file.rate_hz):
            blocks.append(block)
            count += len(block)
            if count >= most_s * file.rate_hz:
                break
        return np.concatenate(blocks)[: round(most_s * file.rate_hz)], file.rate_hz


def _row(heard: Iterable[tuple[Floats, int]], rate_hz: int) -> Floats:
    """Return sounds, given with their rates, one after the other at one rate."""
    return np.concatenate([resample(sound, own_hz, rate_hz) for sound, own_hz in heard])


def _opinion(teacher: Teacher, sound: Floats, count: int) -> NDArray[np.float16]:
    """Return the logits of `count` windows of a sound at the teacher's rate, (count, tags)."""
    length, step = WINDOW_FRAMES * _SAMPLES_OF_A_FRAME, STEP_FRAMES * _SAMPLES_OF_A_FRAME
    whole = (count - 1) * step + length
    sound = np.pad(sound, (0, max(0, whole - len(sound))))  # resampled, it may lack a sample
    windows = sliding_window_view(sound[:whole], length)[::step]
    parts = [teacher.logits(windows[first : first + _BATCH]) for first in range(0, count, _BATCH)]
    return np.concatenate(parts).astype(np.float16)


def _write(file: Path, **arrays: NDArray[np.float16]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    with unfinished.open("wb") as opened:
        np.savez(opened, **arrays)  # type: ignore[arg-type]  # typed as if allow_pickle were an array
    unfinished.replace(file)


@lru_cache(maxsize=1)
def _teacher_of(folder: Path) -> Teacher:
    return Teacher(folder)

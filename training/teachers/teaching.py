"""Has the teacher hear folders of music and keeps what it said beside the frames."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from instrd.models.errors import AudioFileError
from instrd.models.frontend import frames_of
from instrd.models.new_file import new_file
from instrd.training.progress import Watch
from instrd.training.recipe import Split
from instrd.training.struct_files import write_json
from instrd.training.teachers.listening import Recording, find_recordings, listen, row_of
from instrd.training.teachers.music import (
    FRONT_END,
    INDEX,
    NAMES,
    SECOND_NAMES,
    STEP_FRAMES,
    WINDOW_FRAMES,
    Entry,
    Music,
    read_index,
    read_recording,
    window_count,
)
from instrd.training.teachers.teacher import RATE_HZ, Teacher
from instrd.training.teachers.yamnet import LABELS, YamNet, open_yamnet

Floats = NDArray[np.float32]
Heard = Sequence[tuple[Floats, int]]
"""Sounds (n,) and their rates in Hz."""
Arrays = dict[str, NDArray[np.float16]]

_BATCH = 16
_SAMPLES_OF_A_FRAME = FRONT_END.hop * RATE_HZ // FRONT_END.rate_hz
"""At the teacher's rate."""


@dataclass(frozen=True, slots=True)
class Short:
    """So many files that together last less than a window."""

    files: int


Outcome = Entry | AudioFileError | Short


@dataclass(frozen=True, slots=True)
class Taught:
    """What is in the bank, and what is not: files too short, and broken ones."""

    entries: list[Entry]
    short: int
    broken: list[AudioFileError]


def teach(
    folders: Sequence[Path],
    *,
    teacher: Path,
    out: Path,
    most_minutes: float,
    processes: int,
    watch: Watch,
    split: Split | None = None,
    yamnet: Path | None = None,
) -> Taught:
    """Hear every audio file below `folders` and fill the bank `out`; keeps what is there.

    Of a pool, a folder with a manifest, what the split holds out is not heard. YAMNet, in the
    folder `yamnet`, gives its opinion too, of what is there already as well. What the bank has of
    other folders stays in it.
    """
    tags = Teacher(teacher).tags  # its errors are told before any process starts
    if yamnet is not None:
        open_yamnet(yamnet)
    recordings = find_recordings(folders, split)
    origins = {recording.origin for recording in recordings}
    others = [entry for entry in _index(out) if entry.origin not in origins]
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / NAMES, tags)
    write_json(out / SECOND_NAMES, LABELS)
    most_s = 60.0 * most_minutes
    hear = partial(_hear, teacher=teacher, yamnet=yamnet, out=out, most_s=most_s)
    outcomes = list(watch(_by_several(hear, recordings, processes), "Hearing", len(recordings)))
    entries = [*others, *(outcome for outcome in outcomes if isinstance(outcome, Entry))]
    write_json(out / INDEX, entries)
    broken = [outcome for outcome in outcomes if isinstance(outcome, AudioFileError)]
    short = sum(outcome.files for outcome in outcomes if isinstance(outcome, Short))
    return Taught(entries, short, broken)


def _index(out: Path) -> list[Entry]:
    return read_index(out) if (out / INDEX).is_file() else []


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


def _hear(
    recording: Recording, *, teacher: Path, yamnet: Path | None, out: Path, most_s: float
) -> Outcome:
    file = out / recording.file
    music = read_recording(file, recording.origin) if file.is_file() else None
    if music is None or (music.second is None and yamnet is not None):
        try:
            heard = [listen(path, most_s) for path in recording.paths]
        except AudioFileError as error:
            return AudioFileError(error.path, error.reason)  # without what its traceback holds
        sound = row_of(heard, FRONT_END.rate_hz)
        if len(sound) < WINDOW_FRAMES * FRONT_END.hop:
            return Short(len(recording.paths))
        arrays = _kept(music, sound) or _judged(sound, heard, teacher)
        if yamnet is not None:
            arrays["second"] = _yamnet_of(yamnet).log_odds(sound).astype(np.float16)
        _write(file, arrays)
        music = read_recording(file, recording.origin)
    return Entry(
        recording.file,
        recording.origin,
        len(music.frames),
        len(music.logits),
        labelled=recording.labelled,
        second=music.second is not None,
    )


def _kept(music: Music | None, sound: Floats) -> Arrays | None:
    """Return what was judged before, if it was as much sound as is there now."""
    if music is None or len(music.frames) != len(sound) // FRONT_END.hop:
        return None
    return {"frames": music.frames, "logits": music.logits}


def _judged(sound: Floats, heard: Heard, teacher: Path) -> Arrays:
    """Return the frames of a sound and the teacher's logits, who hears it at its own rate."""
    frames = frames_of(FRONT_END, sound)
    count = window_count(len(frames))
    logits = _opinion(_teacher_of(teacher), row_of(heard, RATE_HZ), count)
    return {"frames": frames.astype(np.float16), "logits": logits}


def _opinion(teacher: Teacher, sound: Floats, count: int) -> NDArray[np.float16]:
    """Return the logits of `count` windows of a sound at the teacher's rate, (count, tags)."""
    length, step = WINDOW_FRAMES * _SAMPLES_OF_A_FRAME, STEP_FRAMES * _SAMPLES_OF_A_FRAME
    whole = (count - 1) * step + length
    sound = np.pad(sound, (0, max(0, whole - len(sound))))  # resampled, it may lack a sample
    windows = sliding_window_view(sound[:whole], length)[::step]
    parts = [teacher.logits(windows[first : first + _BATCH]) for first in range(0, count, _BATCH)]
    return np.concatenate(parts).astype(np.float16)


def _write(file: Path, arrays: Arrays) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file) as opened:
        np.savez(opened, **arrays)  # type: ignore[arg-type]  # typed as if allow_pickle were an array


@lru_cache(maxsize=1)
def _teacher_of(folder: Path) -> Teacher:
    return Teacher(folder)


@lru_cache(maxsize=1)
def _yamnet_of(folder: Path) -> YamNet:
    return open_yamnet(folder)

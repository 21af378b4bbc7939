"""The stem bank: long tracks of one instrument each, kept as frames, made once before training."""

import signal
import tempfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.frontend import FrontEnd, frames_of
from instrd.models.new_file import new_file
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import check_recordings
from instrd.training.progress import Watch, unwatched
from instrd.training.recipe import Part, Recipe, Split
from instrd.training.stems.performances import check_soundfonts
from instrd.training.stems.recordings import recorded
from instrd.training.stems.rooms import room_responses
from instrd.training.stems.stem_jobs import Job, Sounds, stem_jobs
from instrd.training.struct_files import read_json, write_json

Floats = NDArray[np.float32]
BANK = "bank.json"
BANK_SPLIT = "split.json"
_OVERDRIVEN, _SELDOM = {"guitar": 0.4}, 0.12
"""Shares of what is recorded that an amplifier distorts: guitars' often, others' seldom."""
_SILENT_DB = -100.0


class Track(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rendered track: `file` holds (frames, bands + 1) of half precision.

    The last column is the level of the frame's newest hop in dBFS.
    """

    file: str
    label: str
    origin: str
    part: Part
    frames: int


def render_bank(
    recipe: Recipe, sounds: Sounds, *, folder: Path, processes: int, watch: Watch = unwatched
) -> tuple[int, int]:
    """Render every track of the recipe into `folder`; returns how many it rendered and kept.

    A track is kept that would sound the same; one that the bank has no longer is removed. Raises
    `TrainingError`, of a soundfont or a recording that is missing before anything is rendered.
    """
    check_soundfonts(map(Path, recipe.stems.soundfonts))
    if goes_on := any(folder.glob("*.npy")):
        refuse_other_split(folder, recipe)
    for pool in sounds.pools:
        check_recordings(pool)
    jobs = stem_jobs(recipe, sounds)
    files = [folder / job.file(recipe) for job in jobs]
    before = read_tracks(folder) if (folder / BANK).is_file() else []
    folder.mkdir(parents=True, exist_ok=True)
    if not goes_on:
        write_json(folder / BANK_SPLIT, recipe.split)
    wanted = [pair for pair in zip(jobs, files, strict=True) if not _is_whole(pair[1])]
    _render_all(wanted, recipe, processes, watch)
    tracks = [_track(job, file) for job, file in zip(jobs, files, strict=True)]
    write_json(folder / BANK, tracks)
    for gone in {folder / Path(track.file).name for track in before} - set(files):
        gone.unlink(missing_ok=True)
    return len(wanted), len(tracks) - len(wanted)


def refuse_other_split(folder: Path, recipe: Recipe) -> None:
    """Raise `TrainingError` of a bank that holds out other sources than a recipe."""
    missing = f"holds no stems of a known [split]: no {BANK_SPLIT}; render into a new folder"
    if read_json(folder / BANK_SPLIT, Split, missing) != recipe.split:
        reason = f"holds stems of another [split] than the recipe {recipe.name}; render others"
        raise TrainingError(folder, reason)


def read_tracks(folder: Path) -> list[Track]:
    """Return what a bank holds, without reading it; raises `TrainingError`."""
    missing = "holds no stem bank; run instrd-train render first"
    return read_json(folder / BANK, list[Track], missing)


def why_unused(track: Track, recipe: Recipe) -> str:
    """Return why no mixture of a recipe has anything of a track; nothing if mixtures may."""
    if track.label not in recipe.labels:
        return f"recipe {recipe.name} has no such label"
    if track.frames > recipe.mixing.segment_frames:
        return ""
    hop_s = recipe.front_end.hop / recipe.front_end.rate_hz
    got_s, segment_s = track.frames * hop_s, recipe.mixing.segment_frames * hop_s
    return f"got {got_s:.1f} s, allowed more than a segment of {segment_s:.1f} s"


def read_bank(folder: Path, *parts: Part) -> list[tuple[Track, NDArray[np.float16]]]:
    """Return the tracks of some parts, mapped from disk; raises `TrainingError`."""
    tracks = [track for track in read_tracks(folder) if track.part in parts]
    return [(track, _mapped(folder / track.file)) for track in tracks]


def _mapped(file: Path) -> NDArray[np.float16]:
    try:
        return np.asarray(np.load(file, mmap_mode="r"))
    except (OSError, ValueError, EOFError) as error:
        raise TrainingError(file, f"cannot be read ({error}); render it again") from error


def framed(sound: Floats, front_end: FrontEnd) -> NDArray[np.float16]:
    """Return a track's rows, (frames, bands + 1): frames and the level of each newest hop."""
    frames = frames_of(front_end, sound)
    hops = sound[: len(frames) * front_end.hop].reshape(len(frames), front_end.hop)
    powers = np.mean(hops.astype(np.float64) ** 2, axis=1)
    levels = 10.0 * np.log10(np.maximum(powers, 10.0 ** (_SILENT_DB / 10.0)))
    return np.column_stack((frames, levels)).astype(np.float16)


def _render_all(
    wanted: Sequence[tuple[Job, Path]], recipe: Recipe, processes: int, watch: Watch = unwatched
) -> None:
    """Render jobs into their files; those of which none has begun end with the first that fails.

    Where somebody interrupts, all end at once.
    """
    with (
        TemporaryDirectory(prefix="instrd-render-") as scratch,
        ProcessPoolExecutor(processes, initializer=_begin, initargs=(scratch,)) as pool,
    ):
        waiting = [pool.submit(_render, job, recipe, file) for job, file in wanted]
        try:
            for done in watch(as_completed(waiting), "Rendering", len(waiting)):
                done.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():
                worker.terminate()
                worker.join()
            raise
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begin(scratch: str) -> None:
    """Make a process ready to render: an interrupt is its parent's, who ends it and tidies up.

    A handler, since what is ignored is ignored by the programs that it starts too.
    """
    signal.signal(signal.SIGINT, lambda *_: None)
    tempfile.tempdir = scratch


def _render(job: Job, recipe: Recipe, file: Path) -> None:
    rng = np.random.default_rng([recipe.seed, zlib.crc32(job.name.lower().encode())])
    rate_hz = recipe.front_end.rate_hz
    rooms = room_responses(rate_hz, rng)
    overdriven = _OVERDRIVEN.get(job.label, _SELDOM)
    sound = recorded(job.render(rng=rng), rate_hz, rooms, rng, overdriven=overdriven)
    with new_file(file) as out:
        np.save(out, framed(sound, recipe.front_end))


def _is_whole(file: Path) -> bool:
    try:
        _mapped(file)
    except TrainingError:
        return False
    return True


def _track(job: Job, file: Path) -> Track:
    return Track(file.name, job.label, job.origin, job.part, len(_mapped(file)))

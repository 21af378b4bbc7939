"""The stem bank: long tracks of one instrument each, kept as frames, made once before training."""

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.audiofile import files_below
from instrd.models.frontend import FrontEnd, frames_of
from instrd.models.new_file import new_file
from instrd.training.errors import TrainingError
from instrd.training.noises import noises
from instrd.training.organs import play_organs
from instrd.training.performances import check_soundfonts, scores_for
from instrd.training.pool import by_origin, divide, read_pool
from instrd.training.recipe import Part, Recipe, Split
from instrd.training.recordings import recorded
from instrd.training.renders import Source, chained, ringing, sampled, through_soundfont
from instrd.training.rooms import room_responses
from instrd.training.singing import sing
from instrd.training.struct_files import read_json, write_json
from instrd.training.sung_speech import sing_speech
from instrd.training.trained_singing import sing_trained

Floats = NDArray[np.float32]
BANK = "bank.json"
BANK_SPLIT = "split.json"
SINGING = "synthetic singing"
SINSY = "Sinsy"
_OVERDRIVEN, _SELDOM = {"guitar": 0.4}, 0.12
"""Shares of what is recorded that an amplifier distorts: guitars' often, others' seldom."""
SPEAKERS = "singing made of speech"
ORGANS = "synthetic organs"
NOISES = "synthetic noises"
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


@dataclass(frozen=True)
class Job:
    """One track to render, by a function that lacks only its generator, `rng`."""

    label: str
    origin: str
    part: Part
    render: partial[Floats]


@dataclass(frozen=True)
class Sounds:
    """What stems are made of."""

    pools: Sequence[Path]
    """Folders with a manifest; no two have sounds of the same source."""
    midi: Path
    speech: Sequence[Path] = ()
    """Folders of recordings; those that lie in one folder are taken to be of one speaker."""
    sinsy: bool = False
    """Whether Sinsy's singer sings; pysinsy must be installed."""


def render_bank(recipe: Recipe, sounds: Sounds, *, folder: Path, processes: int) -> None:
    """Render every track of the recipe into `folder`; keeps those already there.

    Raises `TrainingError`, of a soundfont that is missing before anything is rendered.
    """
    check_soundfonts(map(Path, recipe.stems.soundfonts))
    if goes_on := any(folder.glob("*.npy")):
        refuse_other_split(folder, recipe)
    jobs = _jobs(recipe, sounds)
    folder.mkdir(parents=True, exist_ok=True)
    if not goes_on:
        write_json(folder / BANK_SPLIT, recipe.split)
    with ProcessPoolExecutor(processes) as pool:
        waiting = [pool.submit(_render, job, recipe, folder) for job in jobs]
        tracks = [future.result() for future in waiting]
    write_json(folder / BANK, tracks)


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


def _render(job: Job, recipe: Recipe, folder: Path) -> Track:
    name = f"{job.label}-{job.origin}-{job.part}".lower()
    file = "".join(c if c.isalnum() else "-" for c in name) + ".npy"
    if not (folder / file).is_file():
        rng = np.random.default_rng([recipe.seed, zlib.crc32(name.encode())])
        rate_hz = recipe.front_end.rate_hz
        rooms = room_responses(rate_hz, rng)
        overdriven = _OVERDRIVEN.get(job.label, _SELDOM)
        sound = recorded(job.render(rng=rng), rate_hz, rooms, rng, overdriven=overdriven)
        with new_file(folder / file) as out:
            np.save(out, framed(sound, recipe.front_end))
    frames = len(np.load(folder / file, mmap_mode="r"))
    return Track(file, job.label, job.origin, job.part, frames)


def _jobs(recipe: Recipe, sounds: Sounds) -> list[Job]:
    jobs: dict[tuple[str, str, Part], Job] = {}
    for pool in sounds.pools:
        own = {(job.label, job.origin, job.part): job for job in _pool_jobs(recipe, pool, sounds)}
        for label, origin, part in jobs.keys() & own.keys():
            raise TrainingError(pool, f"has {label} of {origin} ({part}), as a pool before has")
        jobs |= own
    made_up = (*_synthetic_jobs(recipe, sounds), *_noise_jobs(recipe))
    return [*jobs.values(), *_midi_jobs(recipe, sounds.midi), *made_up]


def _pool_jobs(recipe: Recipe, data: Path, sounds: Sounds) -> Iterator[Job]:
    train, held_out = divide(read_pool(data), recipe.split)
    grooves = scores_for("drum", sounds.midi)
    songs = scores_for("piano", sounds.midi)
    for clips in by_origin(train).values():
        for part, share in _shares(recipe):
            chosen = [c for c in clips if _part_of(c.path, recipe) == part]
            own = [s for s in songs if _part_of(s.name, recipe) == part]
            yield from _source_jobs(Source(recipe, data, chosen, share), part, grooves, own)
    for clips in by_origin(held_out).values():
        yield from _source_jobs(Source(recipe, data, clips, 1.0), "held_out", grooves, songs)


def _source_jobs(
    source: Source, part: Part, grooves: list[Path], songs: list[Path]
) -> Iterator[Job]:
    """Yield all that is made of what one source has of one label."""
    if not source.clips:
        return
    label, name = source.clips[0].label, source.clips[0].source
    yield Job(label, name, part, partial(chained, source, grooves))
    if single := source.of_notes():
        yield Job(label, f"{name}, ringing", part, partial(ringing, single))
        if label != "drum":
            yield Job(label, f"{name}, played", part, partial(sampled, single, songs))


def _midi_jobs(recipe: Recipe, midi: Path) -> Iterator[Job]:
    rate_hz = recipe.front_end.rate_hz
    for label in recipe.labels:
        scores = scores_for(label, midi)
        for soundfont in map(Path, recipe.stems.soundfonts):
            for part, share in _shares(recipe):
                chosen = [s for s in scores if _part_of(s.name, recipe) == part]
                minutes = recipe.stems.minutes_midi * share
                played = partial(through_soundfont, minutes=minutes, rate_hz=rate_hz)
                yield Job(label, soundfont.stem, part, partial(played, soundfont, label, chosen))


def _synthetic_jobs(recipe: Recipe, sounds: Sounds) -> Iterator[Job]:
    songs = scores_for("voice", sounds.midi)
    speakers = [
        (path, _part_of(f"{folder.name}/{path.parent.relative_to(folder)}", recipe))
        for folder in sounds.speech
        for path in _recordings(folder)
    ]
    for part, share in _shares(recipe):
        chosen = [s for s in songs if _part_of(s.name, recipe) == part]
        minutes, rate_hz = recipe.stems.minutes_midi * share * 1.5, recipe.front_end.rate_hz
        spoken = [path for path, own in speakers if own == part]
        for label, origin, play in _synthesisers(spoken, sinsy=sounds.sinsy):
            yield Job(label, origin, part, partial(play, chosen, minutes=minutes, rate_hz=rate_hz))


def _synthesisers(
    spoken: Sequence[Path], *, sinsy: bool
) -> Iterator[tuple[str, str, Callable[..., Floats]]]:
    """Yield label, origin and function of each that makes sound of scores."""
    yield "voice", SINGING, sing
    if sinsy:
        yield "voice", SINSY, sing_trained
    yield "organ", ORGANS, play_organs
    if spoken:
        yield "voice", SPEAKERS, partial(sing_speech, spoken)


def _recordings(folder: Path) -> list[Path]:
    if found := files_below(folder):
        return found
    raise TrainingError(folder, "holds no recording of speech")


def _noise_jobs(recipe: Recipe) -> Iterator[Job]:
    rate_hz = recipe.front_end.rate_hz
    for part, share in _shares(recipe):
        length = int(recipe.stems.minutes_midi * share * 2.0 * 60.0 * rate_hz)
        yield Job("other", NOISES, part, partial(noises, length, rate_hz))


def _shares(recipe: Recipe) -> tuple[tuple[Part, float], ...]:
    share = recipe.stems.calibrate_share
    return (("train", 1.0 - share), ("calibrate", share))


def _part_of(name: str, recipe: Recipe) -> Part:
    drawn = zlib.crc32(os.fsencode(name)) / 2**32
    return "calibrate" if drawn < recipe.stems.calibrate_share else "train"

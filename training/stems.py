"""The stem bank: long tracks of one instrument each, kept as frames, made once before training."""

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.frontend import FrontEnd, frames_of
from instrd.training.drumming import drummed
from instrd.training.errors import TrainingError
from instrd.training.performances import normalised, perform, scores_for
from instrd.training.phrases import chain, trimmed
from instrd.training.pool import Clip, by_origin, divide, listen, read_pool, resample
from instrd.training.recipe import Part, Recipe
from instrd.training.recordings import recorded
from instrd.training.rooms import noises, room_responses
from instrd.training.singing import sing

Floats = NDArray[np.float32]
BANK = "bank.json"
SINGING = "synthetic singing"
NOISES = "synthetic noises"


_SILENT_DB = -100.0
_NOTES = "notes"
"""The kind of clips that are one note or stroke each; others are played as they are."""


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
    """One track to render, by a function of its generator."""

    label: str
    origin: str
    part: Part
    render: Callable[[np.random.Generator], Floats]


def render_bank(recipe: Recipe, *, data: Path, midi: Path, folder: Path, processes: int) -> None:
    """Render every track of the recipe into `folder`, two at a time; keeps those already there."""
    folder.mkdir(parents=True, exist_ok=True)
    made_up = (*_singing_jobs(recipe, midi), *_noise_jobs(recipe))
    jobs = [*_pool_jobs(recipe, data, midi), *_midi_jobs(recipe, midi), *made_up]
    with ProcessPoolExecutor(processes) as pool:
        waiting = [pool.submit(_render, job, recipe, folder) for job in jobs]
        tracks = [future.result() for future in waiting]
    (folder / BANK).write_bytes(msgspec.json.format(msgspec.json.encode(tracks), indent=1))


def read_bank(folder: Path, *parts: Part) -> list[tuple[Track, NDArray[np.float16]]]:
    """Return the tracks of some parts, mapped from disk; raises `TrainingError`."""
    try:
        tracks = msgspec.json.decode((folder / BANK).read_bytes(), type=list[Track])
    except OSError as error:
        raise TrainingError(folder, "holds no stem bank; run instrd-train render first") from error
    mapped = [(t, np.load(folder / t.file, mmap_mode="r")) for t in tracks if t.part in parts]
    return [(track, np.asarray(rows)) for track, rows in mapped]


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
        sound = recorded(job.render(rng), rate_hz, rooms, rng)
        unfinished = folder / f"{file}.part"
        with unfinished.open("wb") as out:
            np.save(out, framed(sound, recipe.front_end))
        unfinished.replace(folder / file)
    frames = len(np.load(folder / file, mmap_mode="r"))
    return Track(file, job.label, job.origin, job.part, frames)


def _pool_jobs(recipe: Recipe, data: Path, midi: Path) -> Iterator[Job]:
    train, held_out = divide(read_pool(data), recipe.split)
    grooves = scores_for("drum", midi)
    for (label, source), clips in by_origin(train).items():
        for part, share in _shares(recipe):
            if chosen := [c for c in clips if _part_of(c.path, recipe) == part]:
                yield Job(label, source, part, PoolRender(recipe, data, chosen, grooves, share))
    for (label, source), clips in by_origin(held_out).items():
        yield Job(label, source, "held_out", PoolRender(recipe, data, clips, grooves, 1.0))


def _midi_jobs(recipe: Recipe, midi: Path) -> Iterator[Job]:
    for label in recipe.labels:
        scores = scores_for(label, midi)
        for soundfont in recipe.stems.soundfonts:
            for part, share in _shares(recipe):
                chosen = [s for s in scores if _part_of(s.name, recipe) == part]
                render = MidiRender(recipe, label, Path(soundfont), chosen, share)
                yield Job(label, Path(soundfont).stem, part, render)


def _singing_jobs(recipe: Recipe, midi: Path) -> Iterator[Job]:
    songs = scores_for("voice", midi)
    for part, share in _shares(recipe):
        chosen = [s for s in songs if _part_of(s.name, recipe) == part]
        yield Job("voice", SINGING, part, SingingRender(recipe, chosen, share))


def _noise_jobs(recipe: Recipe) -> Iterator[Job]:
    for part, share in _shares(recipe):
        yield Job("other", NOISES, part, NoiseRender(recipe, share))


def _shares(recipe: Recipe) -> tuple[tuple[Part, float], ...]:
    share = recipe.stems.calibrate_share
    return (("train", 1.0 - share), ("calibrate", share))


def _part_of(name: str, recipe: Recipe) -> Part:
    drawn = zlib.crc32(name.encode()) / 2**32
    return "calibrate" if drawn < recipe.stems.calibrate_share else "train"


@dataclass(frozen=True)
class PoolRender:
    """Chains the clips of one source; of drums, plays half of the time what a drummer played."""

    recipe: Recipe
    data: Path
    clips: list[Clip]
    grooves: list[Path]
    share: float

    def __call__(self, rng: np.random.Generator) -> Floats:
        rate_hz = self.recipe.front_end.rate_hz
        label, whole = self.clips[0].label, self.clips[0].kind != _NOTES
        sounds = [listen(self.data / clip.path, rate_hz) for clip in self.clips]
        notes = sounds if whole else [trimmed(sound) for sound in sounds]
        notes = [note for note in notes if len(note) > rate_hz // 50]
        most_s = self.recipe.stems.minutes_pool_most * 60.0 * self.share
        own_s = sum(clip.seconds for clip in self.clips) * self.recipe.stems.repeats
        length = int(min(most_s, own_s) * rate_hz)
        if label != "drum" or whole:
            return chain(notes, label=label, whole=whole, length=length, rng=rng)
        strokes = [
            (Path(clip.original).name, s) for clip, s in zip(self.clips, sounds, strict=True)
        ]
        patterns = chain(notes, label=label, whole=False, length=length // 2, rng=rng)
        groove = drummed(strokes, self.grooves, length=length // 2, rate_hz=rate_hz, rng=rng)
        return np.concatenate([patterns, normalised(groove)])


@dataclass(frozen=True)
class MidiRender:
    """Plays scores through a soundfont."""

    recipe: Recipe
    label: str
    soundfont: Path
    scores: list[Path]
    share: float

    def __call__(self, rng: np.random.Generator) -> Floats:
        minutes = self.recipe.stems.minutes_midi * self.share
        sound, rate_hz = perform(
            self.label, soundfont=self.soundfont, scores=self.scores, minutes=minutes, rng=rng
        )
        return normalised(resample(sound, rate_hz, self.recipe.front_end.rate_hz))


@dataclass(frozen=True)
class SingingRender:
    """Sings the melodies of scores."""

    recipe: Recipe
    scores: list[Path]
    share: float

    def __call__(self, rng: np.random.Generator) -> Floats:
        minutes = self.recipe.stems.minutes_midi * self.share * 1.5
        rate_hz = self.recipe.front_end.rate_hz
        return sing(self.scores, minutes=minutes, rate_hz=rate_hz, rng=rng)


@dataclass(frozen=True)
class NoiseRender:
    """Makes noises, hum and tones: what no instrument plays."""

    recipe: Recipe
    share: float

    def __call__(self, rng: np.random.Generator) -> Floats:
        minutes = self.recipe.stems.minutes_midi * self.share
        rate_hz = self.recipe.front_end.rate_hz
        return noises(int(minutes * 60.0 * rate_hz), rate_hz, rng)

"""What stems are rendered of: one job for every track of the bank."""

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from instrd.models.audiofile import files_below
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import by_origin, divide, read_pool, timed
from instrd.training.recipe import Part, Recipe
from instrd.training.stems.noises import noises
from instrd.training.stems.organs import play_organs
from instrd.training.stems.performances import check_labels, scores_for
from instrd.training.stems.renders import Source, chained, ringing, sampled, through_soundfont
from instrd.training.stems.singing import sing
from instrd.training.stems.sung_speech import sing_speech
from instrd.training.stems.tones import tones
from instrd.training.stems.trained_singing import sing_trained

Floats = NDArray[np.float32]
SINGING = "synthetic singing"
SINSY = "Sinsy"
SPEAKERS = "singing made of speech"
ORGANS = "synthetic organs"
NOISES = "synthetic noises"
TONES = "hum, tones and signals"
OF_NOISES = "other"
"""Label of what no instrument plays."""


@dataclass(frozen=True)
class Job:
    """One track to render, by a function that lacks only its generator, `rng`."""

    label: str
    origin: str
    part: Part
    render: partial[Floats]

    @property
    def name(self) -> str:
        return f"{self.label}-{self.origin}-{self.part}"

    def file(self, recipe: Recipe) -> str:
        """Return the name of the track's file, another one for what would sound otherwise."""
        made_of = (self.name, recipe.seed, recipe.front_end, _told(self.render))
        digest = hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()[:12]
        plain = "".join(c if c.isalnum() else "-" for c in self.name.lower())
        return f"{plain}-{digest}.npy"


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


def stem_jobs(recipe: Recipe, sounds: Sounds) -> list[Job]:
    """Return a job for every track of a recipe; raises `TrainingError`."""
    check_labels(f"recipe {recipe.name}", recipe.labels)
    jobs: dict[tuple[str, str, Part], Job] = {}
    for pool in sounds.pools:
        own = {(job.label, job.origin, job.part): job for job in _pool_jobs(recipe, pool, sounds)}
        for label, origin, part in jobs.keys() & own.keys():
            raise TrainingError(pool, f"has {label} of {origin} ({part}), as a pool before has")
        jobs |= own
    made_up = (*_synthetic_jobs(recipe, sounds), *_noise_jobs(recipe))
    return [*jobs.values(), *_midi_jobs(recipe, sounds.midi), *made_up]


def _pool_jobs(recipe: Recipe, data: Path, sounds: Sounds) -> Iterator[Job]:
    clips = [timed(clip, data) for clip in read_pool(data)]
    train, held_out = divide(clips, recipe.split)
    check_labels(data, sorted({clip.label for clip in (*train, *held_out)}))
    grooves = scores_for("drum", sounds.midi)
    songs = scores_for("piano", sounds.midi)
    for own_clips in by_origin(train).values():
        for part, share in _shares(recipe):
            chosen = [c for c in own_clips if _part_of(c.path, recipe) == part]
            own = [s for s in songs if _part_of(s.name, recipe) == part]
            yield from _source_jobs(Source(recipe, data, chosen, share), part, grooves, own)
    for own_clips in by_origin(held_out).values():
        yield from _source_jobs(Source(recipe, data, own_clips, 1.0), "held_out", grooves, songs)


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
        yield Job(OF_NOISES, NOISES, part, partial(noises, length, rate_hz))
        yield Job(OF_NOISES, TONES, part, partial(tones, length, rate_hz))


def _shares(recipe: Recipe) -> tuple[tuple[Part, float], ...]:
    share = recipe.stems.calibrate_share
    return (("train", 1.0 - share), ("calibrate", share))


def _part_of(name: str, recipe: Recipe) -> Part:
    drawn = zlib.crc32(os.fsencode(name)) / 2**32
    return "calibrate" if drawn < recipe.stems.calibrate_share else "train"


def _told(given: object) -> object:
    """Return what a job's function is given as JSON can hold it; of files, what is in them."""
    match given:
        case partial():
            return [given.func.__name__, _told(given.args), _told(list(given.keywords.items()))]
        case Source():
            clips = [(c.path, c.original, c.kind, given.data / c.path) for c in given.clips]
            return [given.length, _told(clips)]
        case Path():
            found = given.stat()
            digest = _digest(given, found.st_size, found.st_mtime_ns)
            return [os.fsencode(given.name), digest]
        case list() | tuple():
            return [_told(part) for part in given]
    return given


@lru_cache(maxsize=100_000)  # the same scores are played by many
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

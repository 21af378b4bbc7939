"""How the stems of a bank are made: of a pool's notes, of scores, by synthesisers, of noise.

Each is called with a generator of its own and returns sound at the front-end's rate, (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instrd.training.drumming import drummed
from instrd.training.performances import normalised, perform
from instrd.training.phrases import chain, trimmed
from instrd.training.pool import Clip, listen, resample
from instrd.training.recipe import Recipe
from instrd.training.rooms import noises
from instrd.training.sampler import instruments, play

Floats = NDArray[np.float32]

NOTES = "notes"
"""The kind of clips that are one note or stroke each; others are played as they are."""


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
        label, whole = self.clips[0].label, self.clips[0].kind != NOTES
        sounds = [listen(self.data / clip.path, rate_hz) for clip in self.clips]
        notes = sounds if whole else [trimmed(sound) for sound in sounds]
        notes = [note for note in notes if len(note) > rate_hz // 50]
        length = int(_most_s(self.recipe, self.clips, self.share) * rate_hz)
        if label != "drum" or whole:
            return chain(notes, label=label, whole=whole, length=length, rng=rng)
        strokes = [
            (Path(clip.original).name, s) for clip, s in zip(self.clips, sounds, strict=True)
        ]
        patterns = chain(notes, label=label, whole=False, length=length // 2, rng=rng)
        groove = drummed(strokes, self.grooves, length=length // 2, rate_hz=rate_hz, rng=rng)
        return np.concatenate([patterns, normalised(groove)])


@dataclass(frozen=True)
class SamplerRender:
    """Plays scores on the notes of one source; of notes without pitch nothing comes."""

    recipe: Recipe
    data: Path
    clips: list[Clip]
    scores: list[Path]
    share: float

    def __call__(self, rng: np.random.Generator) -> Floats:
        rate_hz = self.recipe.front_end.rate_hz
        notes = {
            f"{Path(clip.original).name} {clip.path}": trimmed(
                listen(self.data / clip.path, rate_hz)
            )
            for clip in self.clips
        }
        choice = instruments(notes, rate_hz)
        if not choice:
            return np.zeros(0, np.float32)
        length = int(_most_s(self.recipe, self.clips, self.share) * rate_hz)
        label = self.clips[0].label
        return play(choice, self.scores, label=label, length=length, rate_hz=rate_hz, rng=rng)


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


class Play(Protocol):
    """Makes sound of scores."""

    def __call__(
        self, scores: Sequence[Path], *, minutes: float, rate_hz: int, rng: np.random.Generator
    ) -> Floats:
        """Return `minutes` of sound, (n,)."""


@dataclass(frozen=True)
class SynthRender:
    """Has a synthesiser play or sing scores."""

    recipe: Recipe
    play: Play
    scores: list[Path]
    share: float

    def __call__(self, rng: np.random.Generator) -> Floats:
        minutes = self.recipe.stems.minutes_midi * self.share * 1.5
        rate_hz = self.recipe.front_end.rate_hz
        return self.play(self.scores, minutes=minutes, rate_hz=rate_hz, rng=rng)


@dataclass(frozen=True)
class NoiseRender:
    """Makes noises, hum and tones: what no instrument plays."""

    recipe: Recipe
    share: float

    def __call__(self, rng: np.random.Generator) -> Floats:
        minutes = self.recipe.stems.minutes_midi * self.share
        rate_hz = self.recipe.front_end.rate_hz
        return noises(int(minutes * 60.0 * rate_hz), rate_hz, rng)


def _most_s(recipe: Recipe, clips: Sequence[Clip], share: float) -> float:
    """Return how much is made of clips: as often as the recipe repeats them, and no more."""
    own_s = sum(clip.seconds for clip in clips) * recipe.stems.repeats
    return min(recipe.stems.minutes_pool_most * 60.0 * share, own_s)

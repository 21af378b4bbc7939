"""How the stems of a bank are made: of a pool's notes, of scores, by synthesisers, of noise.

Each is called with a generator of its own and returns sound at the front-end's rate, (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instrd.training.drumming import drummed
from instrd.training.noises import noises
from instrd.training.performances import VOICES, normalised, perform
from instrd.training.phrases import chain, let_ring, trimmed
from instrd.training.pool import Clip, listen, resample
from instrd.training.recipe import Recipe
from instrd.training.sampler import instruments, play

Floats = NDArray[np.float32]

_SHORTEST_S = 0.02

NOTES = "notes"
"""The kind of clips that are one note or stroke each; others are played as they are."""


@dataclass(frozen=True)
class Source:
    """What one source has of one label, or a part of it; never empty when rendered."""

    recipe: Recipe
    data: Path
    clips: Sequence[Clip]
    share: float

    @property
    def label(self) -> str:
        return self.clips[0].label

    @property
    def rate_hz(self) -> int:
        return self.recipe.front_end.rate_hz

    @property
    def length(self) -> int:
        """How much is made of the clips: as often as the recipe repeats them, and no more."""
        stems = self.recipe.stems
        own_s = sum(clip.seconds for clip in self.clips) * stems.repeats
        return int(min(stems.minutes_pool_most * 60.0 * self.share, own_s) * self.rate_hz)

    def of_notes(self) -> "Source | None":
        """Return its single notes or strokes, None where there are none."""
        clips = [clip for clip in self.clips if clip.kind == NOTES]
        return replace(self, clips=clips) if clips else None

    def sounds(self) -> dict[str, Floats]:
        """Return the sound of each clip by its original name, made unique by its path."""
        return {
            f"{Path(clip.original).name} {clip.path}": listen(self.data / clip.path, self.rate_hz)
            for clip in self.clips
        }


@dataclass(frozen=True)
class ChainRender:
    """Chains the clips of one source; of drums, plays half of the time what a drummer played."""

    source: Source
    grooves: list[Path]

    def __call__(self, rng: np.random.Generator) -> Floats:
        source, rate_hz = self.source, self.source.rate_hz
        label, whole = source.label, source.clips[0].kind != NOTES
        sounds = list(source.sounds().values())
        notes = sounds if whole else [trimmed(sound) for sound in sounds]
        notes = [note for note in notes if len(note) > int(_SHORTEST_S * rate_hz)]
        length = source.length
        if label != "drum" or whole:
            return chain(notes, label=label, whole=whole, length=length, rng=rng)
        names = [Path(clip.original).name for clip in source.clips]
        strokes = list(zip(names, sounds, strict=True))
        patterns = chain(notes, label=label, whole=False, length=length // 2, rng=rng)
        groove = drummed(strokes, self.grooves, length=length // 2, rate_hz=rate_hz, rng=rng)
        return np.concatenate([patterns, normalised(groove)])


@dataclass(frozen=True)
class RingingRender:
    """Lets the notes or strokes of one source ring to their ends; of clicks nothing comes."""

    notes: Source

    def __call__(self, rng: np.random.Generator) -> Floats:
        sounds = [trimmed(sound) for sound in self.notes.sounds().values()]
        sounds = [sound for sound in sounds if len(sound) > int(_SHORTEST_S * self.notes.rate_hz)]
        if not sounds:
            return np.zeros(0, np.float32)
        length = self.notes.length // 2
        return let_ring(sounds, label=self.notes.label, length=length, rng=rng)


@dataclass(frozen=True)
class SamplerRender:
    """Plays scores on the notes of one source; of notes without pitch nothing comes."""

    notes: Source
    scores: list[Path]

    def __call__(self, rng: np.random.Generator) -> Floats:
        rate_hz, label, length = self.notes.rate_hz, self.notes.label, self.notes.length
        voice = VOICES[label]
        sounds = {name: trimmed(sound) for name, sound in self.notes.sounds().items()}
        choice = instruments(sounds, rate_hz, lowest=voice.lowest, highest=voice.highest)
        if not choice:
            return np.zeros(0, np.float32)
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
    """Makes what no instrument plays."""

    recipe: Recipe
    share: float

    def __call__(self, rng: np.random.Generator) -> Floats:
        minutes = self.recipe.stems.minutes_midi * self.share * 2.0
        rate_hz = self.recipe.front_end.rate_hz
        return noises(int(minutes * 60.0 * rate_hz), rate_hz, rng)

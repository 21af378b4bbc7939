"""How stems are made of a pool's notes and of scores.

Each function returns sound at the front-end's rate, (n,).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.training.folders.pool import Clip, listen, resample
from instrd.training.recipe import Recipe
from instrd.training.stems.drumming import drummed
from instrd.training.stems.performances import VOICES, normalised, perform
from instrd.training.stems.phrases import chain, let_ring, trimmed
from instrd.training.stems.sampler import instruments, play

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


def chained(source: Source, grooves: Sequence[Path], *, rng: np.random.Generator) -> Floats:
    """Chain the clips of one source; of drums, play half of the time what a drummer played."""
    label, whole, length = source.label, source.clips[0].kind != NOTES, source.length
    sounds = list(source.sounds().values())
    notes = _not_clicks(sounds if whole else map(trimmed, sounds), source.rate_hz)
    if label != "drum" or whole:
        return chain(notes, label=label, whole=whole, length=length, rng=rng)
    names = [Path(clip.original).name for clip in source.clips]
    strokes = list(zip(names, sounds, strict=True))
    patterns = chain(notes, label=label, whole=False, length=length // 2, rng=rng)
    groove = drummed(strokes, grooves, length=length // 2, rate_hz=source.rate_hz, rng=rng)
    return np.concatenate([patterns, normalised(groove)])


def ringing(source: Source, *, rng: np.random.Generator) -> Floats:
    """Let the notes or strokes of one source ring to their ends; of clicks nothing comes."""
    sounds = _not_clicks(map(trimmed, source.sounds().values()), source.rate_hz)
    if not sounds:
        return np.zeros(0, np.float32)
    return let_ring(sounds, label=source.label, length=source.length // 2, rng=rng)


def sampled(source: Source, scores: Sequence[Path], *, rng: np.random.Generator) -> Floats:
    """Play scores on the notes of one source; of notes without pitch nothing comes."""
    rate_hz, label, length = source.rate_hz, source.label, source.length
    voice = VOICES[label]
    sounds = {name: trimmed(sound) for name, sound in source.sounds().items()}
    choice = instruments(sounds, rate_hz, lowest=voice.lowest, highest=voice.highest)
    if not choice:
        return np.zeros(0, np.float32)
    return play(choice, scores, label=label, length=length, rate_hz=rate_hz, rng=rng)


def through_soundfont(
    soundfont: Path,
    label: str,
    scores: Sequence[Path],
    *,
    minutes: float,
    rate_hz: int,
    rng: np.random.Generator,
) -> Floats:
    """Play scores as General MIDI has the instruments of a label."""
    sound, own_hz = perform(label, soundfont=soundfont, scores=scores, minutes=minutes, rng=rng)
    return normalised(resample(sound, own_hz, rate_hz))


def _not_clicks(sounds: Iterable[Floats], rate_hz: int) -> list[Floats]:
    return [sound for sound in sounds if len(sound) > int(_SHORTEST_S * rate_hz)]

"""Training segments: random mixtures of stems, and per frame which labels sound.

All is done to frames, which costs little enough to mix every segment anew: phases taken as random,
stems add up in power, band by band (frame_effects.py).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from instrd.models.frontend import FrontEnd
from instrd.models.mel import hz_to_mel, mel_to_hz
from instrd.training.errors import TrainingError
from instrd.training.frame_effects import (
    FLOOR_DB,
    decibels,
    masked,
    noise,
    paced,
    power,
    summed,
    warped,
)
from instrd.training.mixtures.accompaniment import Accompaniment, Behind
from instrd.training.mixtures.audible import judge, loudness, prominence
from instrd.training.mixtures.reverberation import Room, draw_room
from instrd.training.recipe import Part, Recipe
from instrd.training.stems.rooms import equaliser
from instrd.training.stems.stem_jobs import OF_NOISES, TONES
from instrd.training.stems.stems import read_bank, why_unused

Floats = NDArray[np.float32]

_ROOM_ODDS, _STEM_ROOM_ODDS = 0.35, 0.25
_NOISE_ODDS = 0.65
_NOISE_BELOW_DB = (20.0, 80.0)  # each band below the loudest; the sum of 80 bands is 19 dB more
_MASK_ODDS = 0.3
_STEM_EQUALISER_ODDS = 0.5
_PACE_ODDS, _PACE = 0.3, (0.85, 1.2)
_WARP_ODDS, _WARP_SEMITONES = 0.4, 2.5
_STRUCK_ODDS = 0.15  # the sound begins with the segment
_ONSET_WITHIN, _ONSET_DB, _ONSET_DBFS = 500, 12.0, -40.0
_SECTION_ODDS = 0.12  # two of a kind play together
_SILENT_DBFS = -70.0  # a track has its peaks at -3 dBFS
MASK_TIME_SHARE = 0.03  # longer gaps would teach to hold on to what no longer sounds


class Segment(NamedTuple):
    """What a net learns from; in a batch each has a first axis B."""

    frames: Floats
    """(T, bands) in dB."""
    targets: Floats
    """(T, labels): up to 1 where a label sounds, less where others drown it; else 0."""
    weights: Floats
    """(T, labels): 1 where that is judged, else 0."""


class Mixer:
    """Mixes segments; batch k of a seed is always the same."""

    def __init__(
        self, recipe: Recipe, bank: Path, *parts: Part, accompaniment: Accompaniment | None = None
    ) -> None:
        self._recipe = recipe
        self._accompaniment = accompaniment
        self._length = recipe.mixing.segment_frames
        self._tracks: dict[str, list[NDArray[np.float16]]] = {label: [] for label in recipe.labels}
        self._tones: list[NDArray[np.float16]] = []
        for track, rows in read_bank(bank, *parts):
            if not why_unused(track, recipe):
                self._tracks[track.label].append(rows)
                if track.origin == TONES:
                    self._tones.append(rows)
        if recipe.mixing.tones and not self._tones:
            raise TrainingError(bank, f"holds no {TONES} ([mixing] tones of {recipe.name})")
        self._labels = [label for label in recipe.labels if self._tracks[label]]
        self._centres_hz = band_centres_hz(recipe.front_end)
        self._hop_s = recipe.front_end.hop / recipe.front_end.rate_hz

    def batches(self, steps: Iterable[int], *, count: int, salt: int = 0) -> Iterator[Segment]:
        """Yield the batches of some steps, of `count` segments each."""
        for step in steps:
            rng = np.random.default_rng([self._recipe.seed, salt, step])
            segments = zip(*(self.segment(rng) for _ in range(count)), strict=True)
            yield Segment(*(np.stack(arrays) for arrays in segments))

    def segment(self, rng: np.random.Generator) -> Segment:
        """Mix one segment."""
        mixing, labels = self._recipe.mixing, self._recipe.labels
        alone = mixing.tones > 0.0 and rng.random() < mixing.tones
        chosen = [OF_NOISES] if alone else self._chosen(rng)
        count = len(chosen)
        gains_db = rng.uniform(-mixing.gain_db, mixing.gain_db, count) / 2.0
        stems = [
            self._stem(self._tones if alone else self._tracks[label], rng) + np.float32(gain)
            for label, gain in zip(chosen, gains_db, strict=True)
        ]
        behind = None if alone else self._behind(stems, rng)
        if behind is not None:
            stems.append(behind.rows)
        levels = np.stack([stem[:, -1] for stem in stems], axis=1) if stems else None
        room = self._room(rng) if rng.random() < _ROOM_ODDS else None
        if room is not None and levels is not None:
            levels = room.levels(levels)
        frames = self._through_air([stem[:, :-1] for stem in stems], levels, room, rng)
        shape = (mixing.segment_frames, len(labels))
        targets, weights = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        if levels is not None:
            columns = [labels.index(label) for label in chosen]
            sounding, judged = (values[:, :count] for values in judge(levels, mixing))
            targets[:, columns] = sounding * prominence(levels, mixing.quiet_target)[:, :count]
            weights[:, columns] = judged
        if behind is not None:
            weights *= np.maximum(targets > 0.0, behind.absent)
        return Segment(frames, targets, weights)

    def _chosen(self, rng: np.random.Generator) -> list[str]:
        odds = np.array(self._recipe.mixing.stems_odds)
        count = min(int(rng.choice(len(odds), p=odds / odds.sum())), len(self._labels))
        return list(rng.choice(self._labels, count, replace=False))

    def _behind(self, stems: list[Floats], rng: np.random.Generator) -> Behind | None:
        """Return what plays behind the stems, if anything does."""
        if self._accompaniment is None or not stems:
            return None
        if rng.random() >= self._recipe.mixing.accompanied:
            return None
        if float(loudness(stems[0][:, -1:])[0]) < _SILENT_DBFS:
            return None
        return self._accompaniment.behind(stems[0], rng)

    def _stem(self, tracks: list[NDArray[np.float16]], rng: np.random.Generator) -> Floats:
        """Cut rows (T, bands + 1), their loud frames at 0 dB; often they start or end within."""
        stem = self._cut(tracks, rng)
        if rng.random() < _SECTION_ODDS:
            second = self._cut(tracks, rng)
            stem = decibels(power(stem) + power(second + np.float32(rng.uniform(-10.0, 0.0))))
        loud_dbfs = np.float32(loudness(stem[:, -1:])[0])
        if loud_dbfs < _SILENT_DBFS:
            return np.full_like(stem, FLOOR_DB)
        stem -= loud_dbfs
        if rng.random() < 0.35:
            stem[: int(rng.uniform(0.05, 0.8) * self._length)] = FLOOR_DB
        if rng.random() < 0.25:
            end = int(rng.uniform(0.3, 0.95) * self._length)
            stem[end:] -= (
                np.float32(rng.uniform(4.0, 40.0)) * np.arange(self._length - end)[:, None]
            )
        if rng.random() < _STEM_EQUALISER_ODDS:
            stem[:, :-1] += np.float32(0.7) * equaliser(self._centres_hz, rng)
        if rng.random() < _STEM_ROOM_ODDS:
            stem = self._room(rng).rows(stem)
        return np.maximum(stem, np.float32(FLOOR_DB))

    def _cut(self, tracks: list[NDArray[np.float16]], rng: np.random.Generator) -> Floats:
        """Cut rows (T, bands + 1) out of a track, often at another pace or in another key."""
        track = tracks[int(rng.choice(len(tracks), p=track_odds(tracks)))]
        pace = rng.uniform(*_PACE) if rng.random() < _PACE_ODDS else 1.0
        taken = min(round(pace * self._length), len(track) - 1)
        start = int(rng.integers(len(track) - taken))
        if rng.random() < _STRUCK_ODDS:
            start = onset_after(start, track[: len(track) - taken, -1])
        rows = track[start : start + taken].astype(np.float32)
        if taken != self._length:
            rows = paced(rows, self._length)
        if rng.random() < _WARP_ODDS:
            factor = 2.0 ** (rng.uniform(-_WARP_SEMITONES, _WARP_SEMITONES) / 12.0)
            rows[:, :-1] = warped(rows[:, :-1], self._centres_hz, factor)
        return rows

    def _room(self, rng: np.random.Generator) -> Room:
        return draw_room(len(self._centres_hz), self._hop_s, rng)

    def _through_air(
        self,
        stems: list[Floats],
        levels: Floats | None,
        room: Room | None,
        rng: np.random.Generator,
    ) -> Floats:
        """Add the stems up and return what the front-end sees of them, in a room if in any."""
        level_dbfs = np.float32(rng.uniform(*self._recipe.mixing.level_dbfs))
        shape = (self._length, len(self._centres_hz))
        if stems and levels is not None:
            mix = decibels(np.sum([power(stem) for stem in stems], axis=0))
            mix = mix if room is None else room.frames(mix)
            mix += level_dbfs - np.float32(loudness(summed(levels))[0])
        else:
            mix = np.full(shape, FLOOR_DB, np.float32)
        mix += equaliser(self._centres_hz, rng)
        if rng.random() < _NOISE_ODDS or not stems:
            below_db = rng.uniform(*_NOISE_BELOW_DB) if stems else rng.uniform(0.0, 50.0)
            loudest_db = float(mix.max()) if stems else float(level_dbfs)
            hiss = noise(shape, rng) + np.float32(loudest_db - below_db)
            mix = decibels(power(mix) + power(hiss))
        if rng.random() < _MASK_ODDS:
            mix = masked(mix, rng, time_share=MASK_TIME_SHARE)
        floored: Floats = np.maximum(mix, np.float32(FLOOR_DB))
        return floored


def onset_after(start: int, levels_dbfs: NDArray[np.float16]) -> int:
    """Return the frame after `start` in which the next sound begins, `start` if none does soon."""
    levels = levels_dbfs[start : start + _ONSET_WITHIN].astype(np.float32)
    begins = (levels[2:] > levels[:-2] + _ONSET_DB) & (levels[2:] > _ONSET_DBFS)
    return start + 1 + int(begins.argmax()) if begins.any() else start


def track_odds(tracks: list[NDArray[np.float16]]) -> NDArray[np.float64]:
    """Return how often each track of a label is drawn: more the longer, by the square root."""
    lengths = np.sqrt([len(track) for track in tracks])
    odds: NDArray[np.float64] = lengths / max(lengths.sum(), 1.0)
    return odds


def band_centres_hz(front_end: FrontEnd) -> NDArray[np.float64]:
    """Return the centre of each band of a frame, (bands,)."""
    if front_end.kind == "spectrogram":
        return np.fft.rfftfreq(front_end.fft, 1.0 / front_end.rate_hz).astype(np.float64)
    ends = hz_to_mel(np.array([front_end.fmin_hz, front_end.fmax_hz]), front_end.scale)
    corners = mel_to_hz(np.linspace(ends[0], ends[1], front_end.bands + 2), front_end.scale)
    return corners[1:-1]

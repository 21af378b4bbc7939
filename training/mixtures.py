"""Training segments: random mixtures of stems, and per frame which labels sound."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.models.frontend import FrontEnd, frames_of
from instrd.models.mel import hz_to_mel, mel_to_hz
from instrd.training.recipe import Mixing, Recipe
from instrd.training.rooms import clipped, equaliser, noise, reverberated, room_responses
from instrd.training.stems import Part, read_bank

Floats = NDArray[np.float32]
Batch = tuple[Floats, Floats, Floats]
"""frames (B, T, bands) in dB; targets (B, T, labels) 0 or 1; weights (B, T, labels) 0 or 1."""

_SOUNDING_DB = 40.0  # below its own loud parts a stem is no longer judged present
_SILENT_DB = 60.0  # ... and counts as absent
_AUDIBLE_DB = 25.0  # below the mix a stem is no longer judged present
_MASKED_DB = 40.0  # ... and counts as absent
_STEM_DBFS_LEAST = -50.0  # a stem that is never louder is silent
_LOUD_FRAMES = 10  # their mean is the loudness of a stem, be it one stroke or a held note


class Mixer:
    """Mixes segments; batch k of a seed is always the same."""

    def __init__(self, recipe: Recipe, bank: Path, part: Part) -> None:
        self._recipe = recipe
        self._length = recipe.mixing.segment_frames * recipe.front_end.hop
        self._tracks: dict[str, list[NDArray[np.int16]]] = {label: [] for label in recipe.labels}
        for track, samples in read_bank(bank, part):
            if track.label in self._tracks and track.samples > self._length:
                self._tracks[track.label].append(samples)
        self._labels = [label for label in recipe.labels if self._tracks[label]]
        rate_hz = recipe.front_end.rate_hz
        self._rooms = room_responses(rate_hz, np.random.default_rng(recipe.seed))
        self._centres_hz = band_centres_hz(recipe.front_end)

    def batches(self, first: int, last: int, *, salt: int = 0) -> Iterator[Batch]:
        """Yield batches `first` to `last` - 1."""
        for step in range(first, last):
            rng = np.random.default_rng([self._recipe.seed, salt, step])
            segments = [self.segment(rng) for _ in range(self._recipe.fit.batch)]
            frames, targets, weights = zip(*segments, strict=True)
            yield np.stack(frames), np.stack(targets), np.stack(weights)

    def segment(self, rng: np.random.Generator) -> Batch:
        """Mix one segment; arrays as in `Batch` without B."""
        mixing, labels = self._recipe.mixing, self._recipe.labels
        odds = np.array(mixing.stems_odds)
        count = int(rng.choice(len(odds), p=odds / odds.sum()))
        chosen = list(rng.choice(self._labels, count, replace=False))
        stems = [self._stem(label, rng) for label in chosen]
        gains_db = rng.uniform(-mixing.gain_db, mixing.gain_db, count) / 2.0
        stems = [s * np.float32(10.0 ** (g / 20.0)) for s, g in zip(stems, gains_db, strict=True)]
        targets, weights = judge(stems, self._recipe.front_end.hop, mixing)
        frames = self._through_air(stems, rng)
        shape = (mixing.segment_frames, len(labels))
        all_targets, all_weights = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        columns = [labels.index(label) for label in chosen]
        all_targets[:, columns], all_weights[:, columns] = targets, weights
        return frames, all_targets, all_weights

    def _stem(self, label: str, rng: np.random.Generator) -> Floats:
        """Cut a stem of rms 0.1 over its loud frames; often it starts or ends within."""
        tracks = self._tracks[label]
        track = tracks[rng.integers(len(tracks))]
        start = int(rng.integers(len(track) - self._length))
        stem = track[start : start + self._length].astype(np.float32) / np.float32(32_768.0)
        if rng.random() < 0.35:
            onset = int(rng.uniform(0.05, 0.8) * self._length)
            stem[:onset] = 0.0
            stem[onset : onset + 80] *= np.linspace(0.0, 1.0, len(stem[onset : onset + 80]))
        if rng.random() < 0.25:
            end = int(rng.uniform(0.3, 0.95) * self._length)
            fade = int(rng.uniform(80, 3200))
            stem[end : end + fade] *= np.linspace(1.0, 0.0, len(stem[end : end + fade]))
            stem[end + fade :] = 0.0
        loud = np.sqrt(_loudness(_powers(stem, self._recipe.front_end.hop)))
        return stem * np.float32(0.1 / loud) if loud > 1e-5 else np.zeros_like(stem)

    def _through_air(self, stems: list[Floats], rng: np.random.Generator) -> Floats:
        """Add the stems up and return what the front-end sees of them in some room."""
        one_room = rng.random() < 0.5
        shared = self._rooms[rng.integers(len(self._rooms))] if one_room else None
        mix = np.zeros(self._length, np.float32)
        for stem in stems:
            mix += self._placed(stem, shared, rng)
        level = 10.0 ** (rng.uniform(*self._recipe.mixing.level_dbfs) / 20.0)
        loud = np.sqrt(_loudness(_powers(mix, self._recipe.front_end.hop)))
        mix *= np.float32(level / loud) if loud > 1e-6 else np.float32(0.0)
        if rng.random() < 0.12:
            mix = clipped(mix, rng.uniform(0.5, 4.0))
        if rng.random() < 0.65 or not stems:
            signal_to_noise_db = rng.uniform(10.0, 65.0) if stems else rng.uniform(0.0, 40.0)
            hiss = level * 10.0 ** (-signal_to_noise_db / 20.0)
            mix += noise(self._length, rng) * np.float32(hiss)
        front_end = self._recipe.front_end
        frames = frames_of(front_end, mix) + equaliser(self._centres_hz, rng)
        floored: Floats = np.maximum(frames, np.float32(10.0 * np.log10(front_end.floor)))
        return floored

    def _placed(self, stem: Floats, shared: Floats | None, rng: np.random.Generator) -> Floats:
        if shared is not None:
            return reverberated(stem, shared)
        if rng.random() < 0.3:
            return reverberated(stem, self._rooms[rng.integers(len(self._rooms))])
        return stem


def judge(stems: list[Floats], hop: int, mixing: Mixing) -> tuple[Floats, Floats]:
    """Say in which frames each stem sounds: targets and weights, (frames, stems).

    A stem sounds within `_SOUNDING_DB` of its loud parts and `_AUDIBLE_DB` of the mix, and for
    `hold_frames` after; it is absent when far below either; between, it has no weight.
    """
    if not stems:
        empty = np.zeros((mixing.segment_frames, 0), np.float32)
        return empty, empty
    powers = np.stack([_powers(stem, hop) for stem in stems], axis=1)
    own_db = _decibels(powers)
    mix_db = _decibels(_powers(np.sum(stems, axis=0), hop))[:, None]
    mix_db = np.maximum(mix_db, own_db)
    loud_db = np.maximum(_decibels(_loudness(powers)), _STEM_DBFS_LEAST)
    sounding = (own_db > loud_db - _SOUNDING_DB) & (own_db > mix_db - _AUDIBLE_DB)
    absent = (own_db < loud_db - _SILENT_DB) | (own_db < mix_db - _MASKED_DB)
    targets = _held(sounding, mixing.hold_frames)
    judged = targets | absent
    begun = targets & ~np.roll(targets, 1, axis=0)
    begun[0] = False
    judged &= ~_held(begun, mixing.onset_frames - 1)
    judged &= targets | ~_held(targets, mixing.hold_frames)
    return targets.astype(np.float32), judged.astype(np.float32)


def band_centres_hz(front_end: FrontEnd) -> NDArray[np.float64]:
    """Return the centre of each band of a frame, (bands,)."""
    if front_end.kind == "spectrogram":
        return np.fft.rfftfreq(front_end.fft, 1.0 / front_end.rate_hz).astype(np.float64)
    ends = hz_to_mel(np.array([front_end.fmin_hz, front_end.fmax_hz]), front_end.scale)
    corners = mel_to_hz(np.linspace(ends[0], ends[1], front_end.bands + 2), front_end.scale)
    return corners[1:-1]


def _held(flags: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Stretch every true flag over the `frames` after it."""
    held = flags.copy()
    for late in range(1, frames + 1):
        held[late:] |= flags[:-late]
    return held


def _powers(signal: Floats, hop: int) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.mean(signal.reshape(-1, hop).astype(np.float64) ** 2, axis=1)
    return powers


def _loudness(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the loudest frames along the first axis."""
    loudest: NDArray[np.float64] = np.sort(powers, axis=0)[-_LOUD_FRAMES:].mean(axis=0)
    return loudest


def _decibels(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    decibels: NDArray[np.float64] = 10.0 * np.log10(powers + 1e-12)
    return decibels

"""Scores played on a library's own notes: recorded timbres, in tune and in time.

What `phrases` chains is of any pitch; melodies and chords of scores are what players play.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

from instrd.training.folders.pool import resample
from instrd.training.stems.performances import PIECE_S, VOICES, Note, normalised, piece
from instrd.training.stems.phrases import add, loudness_matched

Floats = NDArray[np.float32]

_PITCH_HZ = (30.0, 3000.0)
_JUDGED_S = 0.8
_STEADY = 0.5  # semitones within which half of a note's frames lie
_CLOSE = 4.5  # semitones that a note may be moved
_MARGIN = 1.5  # semitones that a note may lie outside of what its label plays
_LEAST_NOTES, _LEAST_RANGE = 12, 12.0
_STRUMMED = ("guitar",)
_CHORD_S = 0.03


@dataclass(frozen=True)
class Pitched:
    """The notes of one instrument and their pitches as MIDI note numbers, lowest first."""

    notes: list[Floats]
    pitches: NDArray[np.float64]


def instruments(
    notes: Mapping[str, Floats], rate_hz: int, *, lowest: int = 0, highest: int = 127
) -> list[Pitched]:
    """Sort notes, by name, into instruments.

    Notes without a steady pitch are left out, and those below or above what the label plays: a
    bass that is taken up to where guitars begin teaches to take guitars for basses.

    Libraries write the instrument or the way it is played before the first underscore; where that
    leaves too few notes, they are of one instrument.
    """
    heard = {name: pitch_of(note, rate_hz) for name, note in notes.items()}
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for name, pitch in heard.items():
        if pitch is not None and lowest - _MARGIN <= pitch <= highest + _MARGIN:
            groups[name.partition("_")[0]].append((pitch, name))
    everything = [each for group in groups.values() for each in group]
    whole = [group for group in groups.values() if _is_instrument(group)]
    if 2 * sum(map(len, whole)) < len(everything):
        whole = [everything] if _is_instrument(everything) else []
    return [
        Pitched([notes[name] for _, name in sorted(group)], np.sort([pitch for pitch, _ in group]))
        for group in whole
    ]


def _is_instrument(group: Sequence[tuple[float, str]]) -> bool:
    pitches = [pitch for pitch, _ in group]
    return len(group) >= _LEAST_NOTES and max(pitches) - min(pitches) >= _LEAST_RANGE


def pitch_of(note: Floats, rate_hz: int) -> float | None:
    """Return the MIDI note number of a note (n,), None where there is none that stays."""
    start = int((np.abs(note) > 0.5 * np.abs(note).max()).argmax()) if len(note) else 0
    loud = note[start : start + int(_JUDGED_S * rate_hz)].astype(np.float32)
    if len(loud) < rate_hz // 8:
        return None
    least_hz, most_hz = _PITCH_HZ
    hz = librosa.yin(loud, fmin=least_hz, fmax=most_hz, sr=rate_hz, frame_length=2048)
    pitches = librosa.hz_to_midi(hz)
    lower, middle, upper = np.percentile(pitches, [25.0, 50.0, 75.0])
    return float(middle) if upper - lower < _STEADY else None


def play(
    choice: Sequence[Pitched],
    scores: Sequence[Path],
    *,
    label: str,
    length: int,
    rate_hz: int,
    rng: np.random.Generator,
) -> Floats:
    """Return (length,) of pieces, each on one of the instruments."""
    track = np.zeros(length, np.float32)
    weights = np.sqrt([len(one.notes) for one in choice])
    position = 0
    while position < length:
        chosen = choice[int(rng.choice(len(choice), p=weights / weights.sum()))]
        score = scores[int(rng.integers(len(scores)))]
        notes = piece(label, VOICES[label], score, rng)
        played = _performed(notes, chosen, label=label, rate_hz=rate_hz, rng=rng)
        add(track, played, position)
        position += len(played)
    return normalised(track)


def _performed(
    notes: Sequence[Note], of: Pitched, *, label: str, rate_hz: int, rng: np.random.Generator
) -> Floats:
    """Play one piece, from 0 to its last note."""
    own = np.sort(rng.choice(len(of.notes), max(1, int(0.6 * len(of.notes))), replace=False))
    shift = _octaves(notes, of)
    hold = rng.choice([0.9, 1.0, 1.0, 1.3])
    fade = int(rng.uniform(0.02, 0.2) * rate_hz)
    strum_s = rng.uniform(0.0, 0.04) if label in _STRUMMED else rng.uniform(0.0, 0.006)
    out = np.zeros(int((PIECE_S + 1.0) * rate_hz), np.float32)
    chord_s, voices = -1.0, 0
    for start_s, end_s, pitch, velocity in notes:
        chord_s, voices = (chord_s, voices + 1) if start_s - chord_s < _CHORD_S else (start_s, 0)
        nearest = own[np.argsort(np.abs(of.pitches[own] - (pitch + shift)))[:3]]
        place = int(rng.choice(nearest))
        move = pitch + shift - of.pitches[place]
        if abs(move) > _CLOSE:
            continue
        longest = int((end_s - start_s) * hold * rate_hz) + fade
        note = of.notes[place][: int(longest * 2.0 ** (move / 12.0)) + 1]
        sound = loudness_matched(resample(note, 1.0, 2.0 ** (-move / 12.0)))[:longest]
        sound[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)[-len(sound) :]
        gain = 10.0 ** ((velocity - 100.0) / 50.0 + rng.normal(0.0, 0.05))
        add(out, sound * np.float32(gain), int((chord_s + voices * strum_s) * rate_hz))
    sounding = np.flatnonzero(out)
    return out[: sounding[-1] + 1] if len(sounding) else out[:rate_hz]


def _octaves(notes: Sequence[Note], of: Pitched) -> float:
    """Return the octaves, in semitones, that bring the piece to the middle of the library."""
    if not notes:
        return 0.0
    middle = float(np.median([note[2] for note in notes]))
    return 12.0 * round((float(np.median(of.pitches)) - middle) / 12.0)

"""Performances of the Groove MIDI Dataset played on one-shot recordings of drums."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.training.stems.performances import Note, read_notes
from instrd.training.stems.phrases import add, loudness_matched

Floats = NDArray[np.float32]

# General MIDI pitches of the drums of a kit, and how sample libraries name them in file names.
KIT = {
    "kick": ((35, 36), r"kick|k.?drum|bass.?drum|^kd|^bd"),
    "snare": ((37, 38, 40), r"snare|^sn|^ks|^sd"),
    "closed hi-hat": ((22, 42, 44), r"hi.?hat.?closed|closed|^hc|^hh"),
    "open hi-hat": ((26, 46), r"hi.?hat.?open|^ho"),
    "tom": ((41, 43, 45, 47, 48, 50, 58), r"tom|bobobo|djun|conga|^t\d|^to"),
    "crash": ((49, 52, 55, 57), r"crash|china|splash|cymbal|^cr"),
    "ride": ((51, 53, 59), r"ride|^ri"),
}
_PIECE_S = 16.0
_TAIL_S = 1.5


def drummed(
    strokes: Sequence[tuple[str, Floats]],
    scores: Sequence[Path],
    *,
    length: int,
    rate_hz: int,
    rng: np.random.Generator,
) -> Floats:
    """Return (length,) of drumming; `strokes` are (file name, sound), each piece its own kit.

    A drum that no file name tells is played by any stroke, the same one throughout a piece.
    """
    track = np.zeros(length, np.float32)
    position = 0
    while position < length:
        notes = _passage(read_notes(scores[int(rng.integers(len(scores)))]), rng)
        kit = {
            pitch: _drum_for(pitch, strokes, rng) for pitch in sorted({note[2] for note in notes})
        }
        for start_s, _, pitch, velocity in notes:
            candidates = kit[pitch]
            stroke = loudness_matched(candidates[int(rng.integers(len(candidates)))])
            gain = np.float32((velocity / 127.0) ** 1.5)
            add(track, stroke * gain, position + int(start_s * rate_hz))
        end_s = notes[-1][0] if notes else 0.5
        position += int((end_s + rng.uniform(0.2, _TAIL_S)) * rate_hz)
    return track


def _passage(notes: Sequence[Note], rng: np.random.Generator) -> list[Note]:
    """Return what is played from a random note on, times from 0."""
    if not notes:
        return []
    first_s = notes[int(rng.integers(max(1, len(notes) // 2)))][0]
    return [
        (start_s - first_s, end_s - first_s, pitch, velocity)
        for start_s, end_s, pitch, velocity in notes
        if first_s <= start_s < first_s + _PIECE_S
    ]


def _drum_for(
    pitch: int, strokes: Sequence[tuple[str, Floats]], rng: np.random.Generator
) -> list[Floats]:
    """Return up to four strokes of the drum that General MIDI has at a pitch."""
    pattern = next((names for pitches, names in KIT.values() if pitch in pitches), None)
    named = [
        s
        for name, s in strokes
        if pattern and re.search(pattern, name.lower().lstrip("0123456789-_"))
    ]
    if not named:
        return [strokes[int(rng.integers(len(strokes)))][1]]
    first = int(rng.integers(len(named)))
    return named[first : first + 4]

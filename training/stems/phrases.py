"""Phrases, chords and drum patterns chained from recordings of single notes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from instrd.training.folders.pool import resample
from instrd.training.stems.performances import normalised

Floats = NDArray[np.float32]

CHORDAL = ("guitar", "organ", "piano")
_SILENCE_DB = 50.0


def chain(
    notes: Sequence[Floats], *, label: str, whole: bool, length: int, rng: np.random.Generator
) -> Floats:
    """Return (length,) of music from notes of one instrument, at 16 kHz or any one rate.

    `whole` notes are recordings of phrases or of noises: played one after another as they are.
    """
    track = np.zeros(length, np.float32)
    position = 0
    while position < length:
        if whole:
            event = loudness_matched(notes[int(rng.integers(len(notes)))])
            advance = len(event) + int(rng.uniform(0.0, 0.3) * len(event))
        elif label == "drum":
            event = _pattern(notes, rng)
            advance = len(event)
        else:
            event = _phrase(notes, 4 if label in CHORDAL and rng.random() < 0.4 else 1, rng)
            advance = int(len(event) * rng.uniform(1.0, 1.15))
        add(track, event, position)
        position += advance
    return normalised(track)


def let_ring(
    notes: Sequence[Floats], *, label: str, length: int, rng: np.random.Generator
) -> Floats:
    """Return (length,) of notes, strokes or chords that last as long as they were recorded.

    Music damps or covers nearly all ends of its notes; but what is played alone, slowly or as an
    example is mostly made of them. Some are followed by a rest, others ring on under the next.
    """
    track = np.zeros(length, np.float32)
    position = 0
    while position < length:
        voices = int(rng.integers(2, 5)) if label in CHORDAL and rng.random() < 0.3 else 1
        longest, spread = 0, rng.uniform(0.0, 500.0)
        for voice in range(voices):
            note = notes[int(rng.integers(len(notes)))]
            sound = _shaped(note, 2 * len(note), rng)
            add(track, sound * np.float32(rng.uniform(0.4, 1.0)), position + int(voice * spread))
            longest = max(longest, len(sound))
        advance = longest * rng.uniform(0.4, 1.0) if rng.random() < 0.5 else longest
        rest = rng.uniform(0.0, 16_000.0) if rng.random() < 0.4 else 0.0
        position += int(advance + rest) + 1
    return normalised(track)


def trimmed(note: Floats) -> Floats:
    """Return a note without the silence before and after it."""
    loud = np.flatnonzero(np.abs(note) > np.abs(note).max() * 10.0 ** (-_SILENCE_DB / 20.0))
    return note[loud[0] : loud[-1] + 1] if len(loud) else note[:0]


def _phrase(notes: Sequence[Floats], most_voices: int, rng: np.random.Generator) -> Floats:
    """Chain 4-16 notes of one pulse; neighbours overlap a little or are detached."""
    pulse = int(np.exp(rng.uniform(np.log(2000), np.log(20_000))))
    loudness_db = rng.uniform(-8.0, 0.0)
    overlap = rng.choice([0.7, 1.0, 1.0, 1.15, 2.0])
    phrase = np.zeros(20 * 20_000, np.float32)
    position = 0
    for _ in range(rng.integers(4, 17)):
        duration = int(pulse * rng.choice([0.5, 1.0, 1.0, 1.0, 2.0, 4.0]))
        for voice in range(rng.integers(2, most_voices + 1) if most_voices > 1 else 1):
            note = _shaped(notes[int(rng.integers(len(notes)))], int(duration * overlap) + 800, rng)
            gain = np.float32(10.0 ** ((loudness_db + rng.uniform(-8.0, 0.0)) / 20.0))
            add(phrase, note * gain, position + voice * int(rng.uniform(0, 300)))
        position += duration
        if position > 8 * 20_000:
            break
    return phrase[: position + pulse]


def _shaped(note: Floats, duration: int, rng: np.random.Generator) -> Floats:
    """Return a note shifted within +-2 semitones, at most `duration` long, faded out."""
    if rng.random() < 0.7:
        note = resample(note, 1.0, 2.0 ** (rng.uniform(-2.0, 2.0) / 12.0))
    shaped = loudness_matched(note[:duration])
    fade = min(len(shaped), int(rng.uniform(300, 1600)))
    if fade and len(note) > duration:
        shaped[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return shaped


def _pattern(strokes: Sequence[Floats], rng: np.random.Generator) -> Floats:
    """Play 2 bars of sixteenths on a few drums, each with its own odds per step."""
    step = int(16_000 * 60.0 / rng.uniform(60.0, 170.0) / 4.0)
    pattern = np.zeros(32 * step, np.float32)
    for _ in range(rng.integers(1, 6)):
        stroke = strokes[int(rng.integers(len(strokes)))]
        stroke = loudness_matched(stroke[: int(rng.uniform(2000, 24_000))])
        stroke[-200:] *= np.linspace(1.0, 0.0, 200, dtype=np.float32)[-len(stroke) :]
        odds = rng.random(16) ** rng.uniform(1.0, 5.0)
        for k in np.flatnonzero(rng.random(32) < np.tile(odds, 2)):
            gain = np.float32(10.0 ** (rng.uniform(-12.0, 0.0) / 20.0))
            add(pattern, stroke * gain, int(k) * step + int(rng.normal(0.0, 60.0)))
    return pattern


def loudness_matched(note: Floats) -> Floats:
    """Return a note with its peak at 0.3; silence stays silence."""
    peak = float(np.abs(note).max()) if len(note) else 0.0
    return note * np.float32(0.3 / peak) if peak > 0.0 else note.copy()


def add(track: Floats, event: Floats, position: int) -> None:
    """Add an event to a track from a sample on; what lies outside is cut off."""
    start = max(position, 0)
    end = min(len(track), start + len(event))
    if end > start:
        track[start:end] += event[: end - start]

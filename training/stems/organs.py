"""Organs by addition of sines, since recordings of them are few: tonewheels, pipes and reeds.

Tonewheel organs add near sines by nine drawbars and often play through a rotating speaker and an
amplifier driven hard (Pekonen et al. 2011, "Computationally efficient Hammond organ synthesis");
pipes speak slowly, breathe, are never quite in tune and stand in a hall (Fletcher and Rossing
1998, "The Physics of Musical Instruments", ch. 17).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve  # type: ignore[attr-defined]  # scipy is untyped

from instrd.training.stems.performances import Note, normalised, read_notes
from instrd.training.stems.rooms import clipped

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_DRAWBARS = (0.5, 1.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Pitches of 16', 5 1/3', 8', 4', 2 2/3', 2', 1 3/5', 1 1/3' and 1', as multiples of the key's."""
_REGISTRATIONS = (
    *("888000000", "888800000", "888888888", "808000008", "008888000", "888000008"),
    *("868600000", "800000888", "688600000", "805000000", "006876540", "888876788"),
)
"""Of these drawbars, 0 to 8 each, as players of gospel, jazz, rock and theatre organs pull them."""
_STOPS = (0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 6.0, 8.0)
_PIECE_S = (6.0, 12.0)
_RANGE = (36, 88)
_LEAST_HARMONIC = 0.003


@dataclass(frozen=True)
class Organ:
    """What sounds while a key is down."""

    partials: Doubles
    """(partials, 2): frequency as a multiple of the key's, and amplitude."""
    attack_s: float
    release_s: float
    detune_cents: float
    """How far, in the standard deviation, each partial of each key is out of tune."""
    noise: float
    """Of wind or of the key's contact, as a share of the tone."""
    noise_s: float
    """How long that lasts; wind goes on while the key is down."""


def play_organs(
    scores: Sequence[Path], *, minutes: float, rate_hz: int, rng: np.random.Generator
) -> Floats:
    """Return `minutes` of many organs, some bars or long notes of each."""
    pieces: list[Floats] = []
    left = int(minutes * 60.0 * rate_hz)
    while left > 0:
        notes = _notes(scores[int(rng.integers(len(scores)))], rng)
        if not notes:
            continue
        kind = str(rng.choice(["tonewheel", "pipes", "reeds"], p=[0.4, 0.45, 0.15]))
        piece = _sound(notes, _ORGANS[kind](rng), rate_hz, rng)
        piece = normalised(_heard(piece, kind, rate_hz, rng))
        pieces.append(piece)
        left -= len(piece)
    return np.concatenate(pieces)


def _notes(score: Path, rng: np.random.Generator) -> list[Note]:
    """Return what is played, from 0 s on: an accompaniment, a melody or long notes and chords."""
    length_s = rng.uniform(*_PIECE_S)
    if rng.random() < 0.35:
        return list(_held(length_s, rng))
    notes = read_notes(score, track=str(rng.choice(["PIANO", "PIANO", "MELODY"])))
    if not notes:
        return []
    first_s = notes[int(rng.integers(max(1, len(notes) * 3 // 4)))][0]
    shift = 12 * int(rng.integers(-1, 2)) + int(rng.integers(-5, 7))
    stretch = rng.uniform(0.9, 1.6)  # organists hold their keys
    return [
        (start_s - first_s, start_s - first_s + (end_s - start_s) * stretch, pitch + shift, 100)
        for start_s, end_s, pitch, _ in notes
        if 0.0 <= start_s - first_s < length_s and _RANGE[0] <= pitch + shift <= _RANGE[1]
    ]


def _held(length_s: float, rng: np.random.Generator) -> Iterator[Note]:
    start_s = 0.0
    while start_s < length_s:
        end_s = start_s + rng.uniform(0.5, 6.0)
        root = int(rng.integers(*_RANGE))
        intervals = ((0,), (0,), (0, 7), (0, 4, 7), (0, 3, 7), (0, 5, 9), (-12, 0, 4, 7, 12))
        for interval in intervals[int(rng.integers(len(intervals)))]:
            yield start_s, end_s, root + interval, 100
        start_s = end_s + rng.choice([0.0, 0.1, 0.5])


def _tonewheels(rng: np.random.Generator) -> Organ:
    pulled = np.array([int(digit) for digit in str(rng.choice(_REGISTRATIONS))])
    drawn = np.where(pulled > 0, np.clip(pulled + rng.integers(-2, 3, len(pulled)), 1, 8), 0)
    levels = np.where(drawn > 0, 10.0 ** ((drawn - 8.0) * 3.0 / 20.0), 0.0)  # 3 dB a step
    partials = np.column_stack((_DRAWBARS, levels))
    overtones = np.column_stack((3.0 * partials[:, 0], rng.uniform(0.0, 0.05) * levels))
    return Organ(np.concatenate((partials, overtones)), 0.003, 0.008, 0.3, 0.4, 0.006)


def _pipes(rng: np.random.Generator) -> Organ:
    stops = rng.choice(_STOPS, int(rng.integers(1, 8)))
    parts = []
    for stop in stops:
        order = np.arange(1.0, 25.0)
        timbre = str(rng.choice(["principal", "principal", "flute", "stopped", "string", "reed"]))
        slope = {"flute": 3.0, "string": 0.8, "reed": 0.6}.get(timbre, rng.uniform(1.2, 2.0))
        amplitude = order**-slope * rng.uniform(0.6, 1.4, len(order))
        if timbre == "stopped":  # a closed pipe has odd harmonics
            amplitude = np.where(order % 2 == 0, 0.05 * amplitude, amplitude)
        if timbre == "reed":
            amplitude *= 1.0 + 3.0 * np.exp(-(((order - rng.uniform(2.0, 6.0)) / 2.0) ** 2))
        parts.append(np.column_stack((stop * order, amplitude / amplitude.sum())))
    attack_s, wind = rng.uniform(0.015, 0.12), rng.uniform(0.0, 0.04)
    return Organ(np.concatenate(parts), attack_s, rng.uniform(0.03, 0.15), 2.5, wind, np.inf)


def _reeds(rng: np.random.Generator) -> Organ:
    """Return a harmonium, or the square waves of a transistor organ."""
    order = np.arange(1.0, 30.0)
    amplitude = order ** -rng.uniform(0.7, 1.3)
    if rng.random() < 0.4:
        amplitude = amplitude * (order % 2)
    ranks = rng.choice([0.5, 1.0, 1.0, 2.0], int(rng.integers(1, 4)))
    partials = [np.column_stack((rank * order, amplitude)) for rank in ranks]
    attack_s = rng.uniform(0.005, 0.08)
    return Organ(np.concatenate(partials), attack_s, 0.05, 4.0, rng.uniform(0.0, 0.02), np.inf)


_ORGANS = {"tonewheel": _tonewheels, "pipes": _pipes, "reeds": _reeds}


def _sound(notes: Sequence[Note], organ: Organ, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Add up the partials of all keys."""
    out = np.zeros(int((max(note[1] for note in notes) + 4.0 * organ.release_s) * rate_hz) + 1)
    tone = organ.partials[organ.partials[:, 1] > _LEAST_HARMONIC * organ.partials[:, 1].max()]
    for start_s, end_s, pitch, _ in notes:
        on, held = int(start_s * rate_hz), max(1, int((end_s - start_s) * rate_hz))
        size = min(held + int(4.0 * organ.release_s * rate_hz), len(out) - on)
        time_s = np.arange(size) / rate_hz
        key_hz = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
        key = np.zeros(size)
        for multiple, amplitude in tone:
            hz = key_hz * multiple * 2.0 ** (rng.normal(0.0, organ.detune_cents) / 1200.0)
            if hz < 0.48 * rate_hz:
                key += amplitude * np.sin(2.0 * np.pi * (hz * time_s + rng.random()))
        wind = rng.normal(0.0, organ.noise, size) * np.exp(-time_s / organ.noise_s)
        key += wind * float(np.sqrt(np.mean(key**2)))
        key *= 1.0 - np.exp(-time_s / organ.attack_s)
        key[held:] *= np.exp(-np.arange(size - held) / (organ.release_s * rate_hz))
        out[on : on + size] += key
    sound: Floats = out.astype(np.float32)
    return sound


def _heard(sound: Floats, kind: str, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return the organ through its speaker, or in its hall."""
    if kind == "tonewheel":
        if rng.random() < 0.35:
            sound = clipped(sound, float(np.exp(rng.uniform(0.0, np.log(8.0)))))
        return rotated(sound, rate_hz, rng) if rng.random() < 0.7 else sound
    if rng.random() < 0.15:  # a tremulant
        angle = 2.0 * np.pi * rng.uniform(4.0, 7.0) * np.arange(len(sound)) / rate_hz
        sound = sound * (1.0 - rng.uniform(0.05, 0.3) * np.sin(angle)).astype(np.float32)
    return _in_a_hall(sound, rate_hz, rng) if kind == "pipes" and rng.random() < 0.7 else sound


def rotated(sound: Floats, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return the sound of a speaker whose horn turns: now nearer, now away, slowly or fast."""
    turns_hz = rng.choice([rng.uniform(0.6, 1.0), rng.uniform(5.5, 7.0)])
    place = np.arange(len(sound))
    swing = np.sin(2.0 * np.pi * turns_hz * place / rate_hz)
    away = rng.uniform(0.1, 0.6) * 1e-3 * rate_hz * swing
    level = 1.0 + rng.uniform(0.05, 0.4) * swing
    moved: Floats = (np.interp(place - away, place, sound) * level).astype(np.float32)
    return moved


def _in_a_hall(sound: Floats, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return the sound with a long tail, as in a church."""
    fall_s = rng.uniform(1.2, 4.0)
    time_s = np.arange(int(fall_s * rate_hz)) / rate_hz
    tail = rng.normal(0.0, 1.0, len(time_s)) * 10.0 ** (-3.0 * time_s / fall_s)
    tail *= 10.0 ** (rng.uniform(-12.0, 0.0) / 20.0) / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    wet: Floats = fftconvolve(sound, tail)[: len(sound)].astype(np.float32)
    return wet

"""A formant synthesiser that sings melodies, since recordings of voices are few.

Harmonics of a gliding pitch with vibrato are weighted by the vowels' formants (Peterson and
Barney 1952), with breath noise and consonants between; Klatt (1980) explains the parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter  # type: ignore[attr-defined]  # scipy is untyped

from instrd.training.errors import TrainingError
from instrd.training.stems.performances import Note, read_notes

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# Hz of the first four formants; a female, male and child's tract scale them.
VOWELS = {
    "a": (730, 1090, 2440, 3400),
    "e": (530, 1840, 2480, 3500),
    "i": (270, 2290, 3010, 3700),
    "o": (570, 840, 2410, 3300),
    "u": (300, 870, 2240, 3300),
    "er": (490, 1350, 1690, 3300),
}
LEAST_NOTES = 8
_TRIES = 200
STEP = 80  # samples between values of pitch and formants


def sing(
    scores: Sequence[Path], *, minutes: float, rate_hz: int, rng: np.random.Generator
) -> Floats:
    """Return `minutes` of many singers, one melody each of about ten seconds."""
    songs: list[Floats] = []
    left = int(minutes * 60.0 * rate_hz)
    while left > 0:
        notes = melody(scores, rng)
        first = int(rng.integers(len(notes) - LEAST_NOTES + 1))
        line = _line(notes[first : first + int(rng.integers(LEAST_NOTES, 24))], rate_hz, rng)
        song = _sound(line, rate_hz, rng)
        songs.append(song * np.float32(0.6 / max(float(np.abs(song).max()), 1e-6)))
        left -= len(song)
    return np.concatenate(songs)


def melody(scores: Sequence[Path], rng: np.random.Generator) -> list[Note]:
    """Return the notes of the melody of one of the scores; raises `TrainingError`."""
    for _ in range(_TRIES):
        notes = read_notes(scores[int(rng.integers(len(scores)))], track="MELODY")
        if len(notes) >= LEAST_NOTES:
            return notes
    raise TrainingError(scores[0].parent, f"got no melody of {LEAST_NOTES} notes; needs one")


@dataclass(frozen=True)
class Line:
    """A sung line; one value each `STEP` samples."""

    pitch: Doubles
    """MIDI note number."""
    level: Doubles
    breath: Doubles
    formants_hz: Doubles
    """(steps, formants)."""


def _line(notes: Sequence[Note], rate_hz: int, rng: np.random.Generator) -> Line:
    """Give each note a vowel, at times after a consonant; a low voice has a long tract."""
    begin_s = notes[0][0]
    length = int((min(notes[-1][1] - begin_s, 15.0) + 0.4) * rate_hz) // STEP
    middle = float(np.median([note[2] for note in notes]))
    shift = rng.uniform(43, 76) - middle
    tract = np.interp(middle + shift, [45, 60, 76], [0.95, 1.08, 1.22]) * rng.uniform(0.92, 1.1)
    pitch = np.full(length, notes[0][2] + shift)
    level, breath = np.zeros(length), np.zeros(length)
    formants_hz = np.tile(np.array(VOWELS["a"]) * tract, (length, 1))
    for start_s, end_s, note, velocity in notes:
        on, off = (int((s - begin_s) * rate_hz / STEP) for s in (start_s, end_s))
        if on >= length:
            break
        pitch[on:] = note + shift
        level[on:off] = 10.0 ** ((velocity - 100.0) / 60.0) * rng.uniform(0.7, 1.0)
        formants_hz[on:] = np.array(VOWELS[str(rng.choice(list(VOWELS)))]) * tract
        if rng.random() < 0.5:
            consonant = int(rng.uniform(0.03, 0.1) * rate_hz / STEP)
            level[on : on + consonant] *= rng.uniform(0.0, 0.3)
            breath[on : on + consonant] = rng.uniform(0.1, 0.6)
    return Line(pitch, level, breath, formants_hz)


def _sound(line: Line, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Add up the harmonics and the breath."""
    control_hz = rate_hz / STEP
    frequency_hz = glided(line.pitch, line.level, control_hz, rng)
    formants_hz = np.stack([smoothed(f, 0.03 * control_hz) for f in line.formants_hz.T], axis=1)
    loudness = smoothed(line.level, rng.uniform(0.01, 0.04) * control_hz)
    samples = np.arange(len(line.pitch) * STEP)
    grid = (np.arange(len(line.pitch)) + 0.5) * STEP
    phase = 2.0 * np.pi * np.cumsum(np.interp(samples, grid, frequency_hz)) / rate_hz
    voiced = np.zeros(len(samples))
    tilt = rng.uniform(0.8, 1.6)
    sharpness = rng.uniform(0.06, 0.12)
    for harmonic in range(1, int(0.48 * rate_hz / frequency_hz.min()) + 1):
        at_hz = harmonic * frequency_hz
        weight = _tract(at_hz, formants_hz, sharpness) * harmonic**-tilt * (at_hz < 0.47 * rate_hz)
        voiced += np.interp(samples, grid, weight * loudness) * np.sin(harmonic * phase)
    noise = lfilter([1.0, -0.7], [1.0], rng.normal(0.0, 0.1, len(samples)))
    airy = rng.uniform(0.0, 0.06)
    air = np.interp(samples, grid, smoothed(line.breath, 2.0) + airy * loudness)
    sound: Floats = (voiced / 4.0 + noise * air).astype(np.float32)
    return sound


def glided(pitch: Doubles, level: Doubles, control_hz: float, rng: np.random.Generator) -> Doubles:
    """Return Hz that glide from note to note, with vibrato where it sings and a little wander."""
    time_s = np.arange(len(pitch)) / control_hz
    depth = rng.uniform(0.0, 0.6) * smoothed(level > 0.0, 0.3 * control_hz)
    vibrato = depth * np.sin(2.0 * np.pi * rng.uniform(4.5, 6.5) * time_s)
    wander = 0.15 * smoothed(rng.normal(0.0, 1.0, len(pitch)), 0.05 * control_hz)
    glide = smoothed(pitch, rng.uniform(0.02, 0.06) * control_hz)
    frequency_hz: Doubles = 440.0 * 2.0 ** ((glide + vibrato + wander - 69.0) / 12.0)
    return frequency_hz


def _tract(at_hz: Doubles, formants: Doubles, sharpness: float) -> Doubles:
    """Gain of the vocal tract: a resonance at each formant over a low floor."""
    gain = np.full(len(at_hz), 0.02)
    for order in range(formants.shape[1]):
        centre = formants[:, order]
        width = sharpness * centre + 40.0
        gain += 0.8**order / (1.0 + ((at_hz - centre) / width) ** 2)
    return gain


def smoothed(values: NDArray[np.generic], span: float) -> Doubles:
    """One-pole smoothing over about `span` values, from the first value on."""
    keep = float(np.exp(-1.0 / max(span, 1e-3)))
    start = np.asarray(values, np.float64)
    smoothed: Doubles = lfilter([1.0 - keep], [1.0, -keep], start - start[0]) + start[0]
    return smoothed

"""Speakers who are made to sing, since recordings of singers are few and those of speakers many.

What a vocal tract does while it speaks is kept (linear prediction, Makhoul 1975); vowels are held
as long as notes, and the pitch is that of a melody with glides and vibrato (Saitou et al. 2007,
"Speech-to-singing synthesis"). So the same throats speak and sing, and only singing tells them
apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from instrd.training.errors import TrainingError
from instrd.training.folders.pool import listen
from instrd.training.stems.performances import Note, normalised
from instrd.training.stems.singing import LEAST_NOTES, STEP, glided, melody, smoothed

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.int_]

_WINDOW = 512  # samples, 32 ms at 16 kHz
_ORDER = 18
_EMPHASIS = 0.95
_BINS = 128
_PITCH_HZ = (70.0, 420.0)
_VOICED = 0.55
"""Autocorrelation at the period, as a share of the power, from which a voice is heard."""
_LEAST_SYLLABLE, _CONSONANT = 8, 16  # rows
_LOUD_DB = 35.0  # below its loudest a speaker is silent
_MIDDLE = (43.0, 79.0)  # MIDI note numbers in the middle of a melody
_SONG_S = 15.0
_SPOKEN_S = 12.0
_TRIES = 200


@dataclass(frozen=True)
class Speech:
    """What a vocal tract does, one row each `STEP` samples."""

    tract: Doubles
    """(rows, bins): amplitudes at frequencies from 0 to half the rate."""
    voiced: NDArray[np.bool_]
    pitch: float
    """MIDI note number, the median of what is voiced."""
    syllables: list[tuple[int, int, int]]
    """Rows where each begins, where its vowel begins, and where it ends."""


@dataclass(frozen=True)
class Song:
    """What is sung, one value each `STEP` samples."""

    taken: Rows
    """Which row of the speech sounds."""
    frequency_hz: Doubles
    level: Doubles


def sing_speech(
    recordings: Sequence[Path],
    scores: Sequence[Path],
    *,
    minutes: float,
    rate_hz: int,
    rng: np.random.Generator,
) -> Floats:
    """Return `minutes` of many speakers, one melody each.

    Of `recordings` those that lie in one folder are taken to be of one speaker. Raises
    `TrainingError` where nobody speaks.
    """
    songs: list[Floats] = []
    left = int(minutes * 60.0 * rate_hz)
    while left > 0:
        speech, notes = _speaker(recordings, rate_hz, rng), melody(scores, rng)
        first = int(rng.integers(len(notes) - LEAST_NOTES + 1))
        song = _song(speech, notes[first : first + 24], rate_hz, rng)
        songs.append(normalised(_sound(speech, song, rate_hz, rng)))
        left -= len(songs[-1])
    return np.concatenate(songs)


def _speaker(recordings: Sequence[Path], rate_hz: int, rng: np.random.Generator) -> Speech:
    for _ in range(_TRIES):
        sound = _spoken(recordings, int(rng.integers(len(recordings))), rate_hz)
        if (speech := heard(sound, rate_hz)).syllables:
            return speech
    raise TrainingError(recordings[0].parent, "got no syllable; needs recordings of speech")


def _spoken(recordings: Sequence[Path], first: int, rate_hz: int) -> Floats:
    """Return some seconds of one speaker: a recording and, if it is short, those beside it."""
    pieces, left = [], int(_SPOKEN_S * rate_hz)
    for path in recordings[first:]:
        if left <= 0 or path.parent != recordings[first].parent:
            break
        pieces.append(listen(path, rate_hz)[:left])
        left -= len(pieces[-1])
    return np.concatenate(pieces)


def heard(sound: Floats, rate_hz: int) -> Speech:
    """Say what the vocal tract does in a recording of speech (n,)."""
    if len(sound) < 2 * _WINDOW:
        return Speech(np.empty((0, _BINS)), np.empty(0, np.bool_), 0.0, [])
    correlation = _correlation(sound)
    powers = correlation[:, 0] + 1e-12
    lags = slice(int(rate_hz / _PITCH_HZ[1]), int(rate_hz / _PITCH_HZ[0]))
    # A window that is short beside the period lowers its correlation.
    taper = np.correlate(np.hanning(_WINDOW), np.hanning(_WINDOW), "full")[_WINDOW - 1 :]
    periodic = correlation[:, lags] / (taper / taper[0])[lags] / powers[:, None]
    loud = powers > powers.max() * 10.0 ** (-_LOUD_DB / 10.0)
    voiced = loud & (periodic.max(axis=1) > _VOICED)
    if not voiced.any():
        return Speech(np.empty((0, _BINS)), voiced, 0.0, [])
    period = lags.start + float(np.median(periodic[voiced].argmax(axis=1)))
    pitch = 69.0 + 12.0 * float(np.log2(rate_hz / period / 440.0))
    return Speech(_tract(sound), voiced, pitch, list(_syllables(voiced, loud)))


def _correlation(sound: Floats) -> Doubles:
    """Return the autocorrelation of each window, (rows, lags)."""
    windows = sliding_window_view(sound.astype(np.float64), _WINDOW)[::STEP] * np.hanning(_WINDOW)
    spectra = np.abs(np.fft.rfft(windows, 2 * _WINDOW, axis=1)) ** 2
    return np.fft.irfft(spectra, axis=1)


def _tract(sound: Floats) -> Doubles:
    """Return amplitudes of the all-pole model of each window, (rows, bins)."""
    correlation = _correlation(np.append(sound[0], sound[1:] - np.float32(_EMPHASIS) * sound[:-1]))
    lags = np.abs(np.arange(_ORDER)[:, None] - np.arange(_ORDER)[None, :])
    wanted = correlation[:, 1 : _ORDER + 1]
    power = correlation[:, :1] + 1e-9
    matrices = correlation[:, :_ORDER][:, lags] + 1e-5 * power[..., None] * np.eye(_ORDER)
    taps = np.linalg.solve(matrices, wanted[..., None])[..., 0]
    left = np.maximum(power[:, 0] - (taps * wanted).sum(axis=1), 1e-6 * power[:, 0])
    inverse = np.column_stack((np.ones(len(taps)), -taps))
    response = np.abs(np.fft.rfft(inverse, 2 * _BINS, axis=1))[:, :_BINS]
    response *= np.abs(np.fft.rfft([1.0, -_EMPHASIS], 2 * _BINS))[:_BINS]
    amplitudes: Doubles = np.sqrt(left)[:, None] / np.maximum(response, 1e-4)
    return amplitudes


def _syllables(
    voiced: NDArray[np.bool_], loud: NDArray[np.bool_]
) -> Iterator[tuple[int, int, int]]:
    consonant = loud & ~voiced
    edges = np.flatnonzero(np.diff(voiced.astype(np.int8), prepend=0, append=0))
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if last - first < _LEAST_SYLLABLE:
            continue
        begin = first
        while begin > 0 and first - begin < _CONSONANT and consonant[begin - 1]:
            begin -= 1
        yield begin, first, last


def _song(speech: Speech, notes: Sequence[Note], rate_hz: int, rng: np.random.Generator) -> Song:
    """Give each note a syllable, in the order of the recording."""
    begin_s = notes[0][0]
    notes = [note for note in notes if note[0] - begin_s < _SONG_S]
    rows = int((min(notes[-1][1] - begin_s, _SONG_S + 2.0) + 0.3) * rate_hz) // STEP
    wanted = np.clip(speech.pitch + rng.uniform(-4.0, 14.0), *_MIDDLE)
    shift = float(wanted - np.median([note[2] for note in notes]))
    pitch = np.full(rows, notes[0][2] + shift)
    level, taken = np.zeros(rows), np.zeros(rows, np.int_)
    place = int(rng.integers(len(speech.syllables)))
    for start_s, end_s, note, velocity in notes:
        on, off = (min(int((s - begin_s) * rate_hz / STEP), rows) for s in (start_s, end_s))
        if off - on < 4:
            continue
        pitch[on:] = note + shift
        level[on:off] = 10.0 ** ((velocity - 100.0) / 60.0) * rng.uniform(0.7, 1.0)
        taken[on:off] = _stretched(speech.syllables[place % len(speech.syllables)], off - on, rng)
        place += int(rng.random() < 0.85)  # else one syllable is sung on two notes
    return Song(taken, glided(pitch, level, rate_hz / STEP, rng), level)


def _stretched(syllable: tuple[int, int, int], length: int, rng: np.random.Generator) -> Rows:
    """Return the rows of a syllable that lasts `length`: it is the vowel's middle that is held."""
    begin, vowel, end = syllable
    consonant = np.arange(begin, vowel)[: length // 3]
    u = np.linspace(-1.0, 1.0, length - len(consonant))
    held = np.sign(u) * np.abs(u) ** rng.uniform(1.5, 4.0)
    places = vowel + (held + 1.0) / 2.0 * (end - 1 - vowel)
    places += smoothed(rng.normal(0.0, 12.0, len(places)), 10.0)  # no vowel stands quite still
    rows: Rows = np.concatenate((consonant, np.clip(places, vowel, end - 1).astype(np.int_)))
    return rows


def _sound(speech: Speech, song: Song, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Add up the harmonics and the breath, weighted by the tract."""
    control_hz = rate_hz / STEP
    taken, frequency_hz, level = song.taken, song.frequency_hz, song.level
    tract = speech.tract[taken]
    tract /= np.sqrt(np.mean(tract**2, axis=1, keepdims=True)) ** 0.7 + 1e-9
    size = rng.uniform(0.88, 1.15)  # of the throat
    ring = rng.uniform(0.0, 3.0) if rng.random() < 0.4 else 0.0  # the singer's formant
    loudness = smoothed(level, rng.uniform(0.01, 0.04) * control_hz)
    tone = smoothed(speech.voiced[taken] & (level > 0.0), 0.01 * control_hz)
    samples = np.arange(len(taken) * STEP)
    grid = (np.arange(len(taken)) + 0.5) * STEP
    phase = 2.0 * np.pi * np.cumsum(np.interp(samples, grid, frequency_hz)) / rate_hz
    voiced = np.zeros(len(samples))
    row = np.arange(len(taken))
    for harmonic in range(1, int(0.48 * rate_hz / frequency_hz.min()) + 1):
        at_hz = harmonic * frequency_hz
        column = np.minimum((at_hz / size / (rate_hz / 2.0) * _BINS).astype(int), _BINS - 1)
        weight = tract[row, column] * (1.0 + ring * np.exp(-(((at_hz - 2900.0) / 400.0) ** 2)))
        weight = smoothed(weight, 0.01 * control_hz) * tone * loudness * (at_hz < 0.47 * rate_hz)
        voiced += np.interp(samples, grid, weight) * np.sin(harmonic * phase)
    breath = rng.uniform(0.0, 0.08) + (1.0 - tone) * 0.7
    air = _breathed(tract * (breath * loudness)[:, None], rng)
    sound: Floats = (voiced + air[: len(voiced)]).astype(np.float32)
    return sound


def _breathed(amplitudes: Doubles, rng: np.random.Generator) -> Doubles:
    """Return noise whose spectrum each `STEP` samples is a row of (rows, bins)."""
    length = 2 * _BINS
    phases = np.exp(2j * np.pi * rng.random(amplitudes.shape))
    pieces = np.fft.irfft(amplitudes * phases, length, axis=1) * np.hanning(length)
    out = np.zeros(len(amplitudes) * STEP + length)
    for row, piece in enumerate(pieces):
        out[row * STEP : row * STEP + length] += piece
    out *= np.sqrt(length)
    return out

"""What no instrument plays: noise, hum, tones and signals, hands that clap, engines that pass."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter  # type: ignore[attr-defined]  # scipy is untyped

from instrd.training.stems.rooms import hum, noise

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_PIECE_S = (1.0, 6.0)
_FULL = 0.3
_HANDS = 24
_CLAPS_PER_S = (3.0, 400.0)
_CLAP_HZ = (500.0, 3000.0)
_ENGINE_HZ = (30.0, 120.0)
_SLOWER_AFTER = (0.0, 0.08)  # by so much the pitch of an engine falls while it passes
_HARMONICS = 30
_KEY_ROWS_HZ, _KEY_COLUMNS_HZ = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0)
_CALLS_HZ = ((425.0, 425.0), (350.0, 440.0), (440.0, 480.0), (480.0, 620.0), (400.0, 450.0))
_BEEP_HZ = (300.0, 4000.0)


def noises(length: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (length,) of pieces of 1 to 6 s each, most of them fading in or out."""
    kinds, odds = zip(*_KINDS, strict=True)
    track = np.zeros(length, np.float32)
    start = 0
    while start < length:
        size = min(int(rng.uniform(*_PIECE_S) * rate_hz), length - start)
        piece = kinds[int(rng.choice(len(kinds), p=odds))](size, rate_hz, rng)
        first, last = rng.uniform(0.1, 1.0, 2)
        track[start : start + size] = piece * np.linspace(first, last, size, dtype=np.float32)
        start += size
    return track


def applause(size: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (size,) of a few or many who clap in a room, each at a distance of their own.

    A clap is a burst of noise that the hollow of the hands colours (Repp 1987, "The sound of two
    hands clapping").
    """
    rate = np.exp(rng.uniform(*np.log(_CLAPS_PER_S)))
    mix = np.zeros(size)
    for _ in range(_HANDS):
        times = rng.integers(size, size=rng.poisson(rate * size / rate_hz / _HANDS))
        strokes = np.zeros(size)
        strokes[times] = np.exp(rng.normal(0.0, 0.3, len(times)))
        mix += fftconvolve(strokes, _clap(rate_hz, rng))[:size] * np.exp(rng.normal(0.0, 0.7))
    decay_s = rng.uniform(0.1, 1.5)
    tail = rng.normal(0.0, 1.0, int(decay_s * rate_hz))
    tail *= 10.0 ** (-3.0 * np.arange(len(tail)) / len(tail))
    tail *= rng.uniform(0.2, 1.5) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return _full(fftconvolve(mix, tail)[:size])


def _clap(rate_hz: int, rng: np.random.Generator) -> Doubles:
    time_s = np.arange(int(0.05 * rate_hz)) / rate_hz
    burst = rng.normal(0.0, 1.0, len(time_s)) * np.exp(-time_s / rng.uniform(0.002, 0.008))
    radius, angle = rng.uniform(0.6, 0.95), 2.0 * np.pi * rng.uniform(*_CLAP_HZ) / rate_hz
    poles = [1.0, -2.0 * radius * np.cos(angle), radius**2]
    coloured: Doubles = lfilter([1.0], poles, burst)
    return coloured


def traffic(size: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (size,) of vehicles that pass or stand: engines, tyres and the rumble of others."""
    time_s = np.arange(size) / rate_hz
    mix = 0.05 * lfilter([1.0], [1.0, -0.98], rng.normal(0.0, 1.0, size))
    for _ in range(rng.integers(1, 4)):
        closest_s, near_s = rng.uniform(-1.0, time_s[-1] + 1.0), rng.uniform(0.5, 4.0)
        away = (time_s - closest_s) / near_s
        fall = rng.uniform(*_SLOWER_AFTER) * np.tanh(away)
        phase = 2.0 * np.pi * np.cumsum(rng.uniform(*_ENGINE_HZ) * (1.0 - fall)) / rate_hz
        orders = np.arange(1, _HARMONICS + 1)
        strengths = rng.random(_HARMONICS) / orders ** rng.uniform(0.4, 1.2)
        engine = np.sin(phase[:, None] * orders + rng.uniform(0.0, 6.0, _HARMONICS)) @ strengths
        tyres = lfilter([1.0], [1.0, -1.4, 0.6], rng.normal(0.0, 1.0, size))
        passing = (1.0 + away**2) ** -0.75 * rng.uniform(0.2, 1.0)
        mix += passing * (rng.uniform(0.0, 0.6) * engine + rng.uniform(0.2, 1.0) * tyres)
    return _full(mix)


def _steady(size: int, _: int, rng: np.random.Generator) -> Floats:
    return np.float32(0.1) * noise(size, rng)


def _tone(size: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    ends_hz = np.exp(rng.uniform(np.log(60.0), np.log(6000.0), 2))
    hz = np.linspace(ends_hz[0], ends_hz[int(rng.random() < 0.5)], size)
    tone: Floats = (0.1 * np.sin(2.0 * np.pi * np.cumsum(hz) / rate_hz)).astype(np.float32)
    return tone


def signals(size: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (size,) of what machines call with: dialling and its tones, alarms that beep.

    Of telephones the frequencies are those of ITU-T Q.23 (keys) and, among others, E.180 (tones).
    """
    kind = (_keys, _call, _beeps)[int(rng.choice(3, p=(0.3, 0.2, 0.5)))]
    sound = kind(size, rate_hz, rng)
    if rng.random() < 0.8:
        turns = np.arange(size) / rate_hz * rng.uniform(0.5, 10.0)
        sound = sound * (turns % 1.0 < rng.uniform(0.2, 0.8))
    return _full(sound)


def _keys(size: int, rate_hz: int, rng: np.random.Generator) -> Doubles:
    pressed = (np.arange(size) / rate_hz // rng.uniform(0.08, 0.4)).astype(np.int64)
    keys = rng.integers(12, size=int(pressed.max(initial=0)) + 1)[pressed]
    rows_hz, columns_hz = np.array(_KEY_ROWS_HZ), np.array(_KEY_COLUMNS_HZ)
    return _sine(rows_hz[keys // 3], rate_hz) + _sine(columns_hz[keys % 3], rate_hz)


def _call(size: int, rate_hz: int, rng: np.random.Generator) -> Doubles:
    low_hz, high_hz = _CALLS_HZ[rng.integers(len(_CALLS_HZ))]
    return _sine(np.full(size, low_hz), rate_hz) + _sine(np.full(size, high_hz), rate_hz)


def _beeps(size: int, rate_hz: int, rng: np.random.Generator) -> Doubles:
    """Return one pitch or two in turn, as sines or with the corners of a square wave."""
    hz = np.full(size, np.exp(rng.uniform(*np.log(_BEEP_HZ))))
    if rng.random() < 0.3:
        turns = np.arange(size) / rate_hz * rng.uniform(1.0, 10.0)
        hz *= np.where(turns % 1.0 < 0.5, 1.0, rng.uniform(0.6, 1.6))
    beeps = _sine(hz, rate_hz)
    return np.tanh(beeps * rng.uniform(1.0, 30.0)) if rng.random() < 0.6 else beeps


def _hum(size: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    return np.float32(0.1) * hum(size, rate_hz, rng)


def _sine(hz: Doubles, rate_hz: int) -> Doubles:
    sine: Doubles = np.sin(2.0 * np.pi * np.cumsum(hz) / rate_hz)
    return sine


def _full(sound: Doubles) -> Floats:
    peak = float(np.abs(sound).max(initial=0.0))
    loud: Floats = (sound * (_FULL / max(peak, 1e-9))).astype(np.float32)
    return loud


_KINDS = (
    (_steady, 0.25),
    (_hum, 0.2),
    (_tone, 0.15),
    (signals, 0.1),
    (applause, 0.15),
    (traffic, 0.15),
)
"""What there is of noises, and how much of each."""

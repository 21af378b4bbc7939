"""What has a pitch and yet no instrument plays: hum of the mains, tones, signals of machines."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from instrd.training.stems.rooms import hum

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Kind = Callable[[int, int, np.random.Generator], Floats]

_PIECE_S = (1.0, 6.0)
_FULL = 0.3
_KEY_ROWS_HZ, _KEY_COLUMNS_HZ = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0)
_CALLS_HZ = ((425.0, 425.0), (350.0, 440.0), (440.0, 480.0), (480.0, 620.0), (400.0, 450.0))
_BEEP_HZ = (300.0, 4000.0)


def tones(length: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (length,) of hum, tones and signals in turn."""
    return in_turn(((_hum, 0.5), (tone, 0.25), (signals, 0.25)), length, rate_hz, rng)


def in_turn(
    kinds: Sequence[tuple[Kind, float]], length: int, rate_hz: int, rng: np.random.Generator
) -> Floats:
    """Return (length,) of pieces of 1 to 6 s each, most of them fading in or out.

    `kinds` are what makes a piece of some size, and how often.
    """
    makers, odds = zip(*kinds, strict=True)
    track = np.zeros(length, np.float32)
    start = 0
    while start < length:
        size = min(int(rng.uniform(*_PIECE_S) * rate_hz), length - start)
        piece = makers[int(rng.choice(len(makers), p=odds))](size, rate_hz, rng)
        first, last = rng.uniform(0.1, 1.0, 2)
        track[start : start + size] = piece * np.linspace(first, last, size, dtype=np.float32)
        start += size
    return track


def tone(size: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (size,) of a sine, every other one of which glides."""
    ends_hz = np.exp(rng.uniform(np.log(60.0), np.log(6000.0), 2))
    hz = np.linspace(ends_hz[0], ends_hz[int(rng.random() < 0.5)], size)
    return (0.1 * _sine(hz, rate_hz)).astype(np.float32)


def signals(size: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (size,) of what machines call with: dialling and its tones, alarms that beep.

    Of telephones the frequencies are those of ITU-T Q.23 (keys) and, among others, E.180 (tones).
    """
    kind = (_keys, _call, _beeps)[int(rng.choice(3, p=(0.3, 0.2, 0.5)))]
    sound = kind(size, rate_hz, rng)
    if rng.random() < 0.8:
        turns = np.arange(size) / rate_hz * rng.uniform(0.5, 10.0)
        sound = sound * (turns % 1.0 < rng.uniform(0.2, 0.8))
    return full(sound)


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


def full(sound: Doubles) -> Floats:
    """Return a sound with its peak at 0.3."""
    peak = float(np.abs(sound).max(initial=0.0))
    loud: Floats = (sound * (_FULL / max(peak, 1e-9))).astype(np.float32)
    return loud

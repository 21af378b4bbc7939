"""What no instrument plays: noise, hands that clap, engines that pass, now and then a tone."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter  # type: ignore[attr-defined]  # scipy is untyped

from instrd.training.stems.rooms import noise
from instrd.training.stems.tones import full, in_turn, tone

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_HANDS = 24
_CLAPS_PER_S = (3.0, 400.0)
_CLAP_HZ = (500.0, 3000.0)
_ENGINE_HZ = (30.0, 120.0)
_SLOWER_AFTER = (0.0, 0.08)  # by so much the pitch of an engine falls while it passes
_HARMONICS = 30


def noises(length: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (length,) of noise, applause, traffic and single tones in turn."""
    kinds = ((_steady, 0.45), (tone, 0.15), (applause, 0.2), (traffic, 0.2))
    return in_turn(kinds, length, rate_hz, rng)


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
    return full(fftconvolve(mix, tail)[:size])


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
    return full(mix)


def _steady(size: int, _: int, rng: np.random.Generator) -> Floats:
    return np.float32(0.1) * noise(size, rng)

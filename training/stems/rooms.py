"""What happens to sound between an instrument and the front-end: rooms, noise, microphones."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter  # type: ignore[attr-defined]  # scipy is untyped

Floats = NDArray[np.float32]

_ROOMS = 64
_PHONE_HZ = (300.0, 3400.0)
_HUMS = ((1, 1), (1, 2), (2, 2))
"""Lowest harmonic and the steps between."""


def room_responses(rate_hz: int, rng: np.random.Generator) -> list[Floats]:
    """Return impulse responses: a direct sound, a few reflections, an exponential tail.

    Reverberation times run from 0.1 to 1.3 s; against the direct sound the tail is from 20 dB
    weaker, close to the instrument, to 10 dB stronger, far from it.
    """
    return [_room_response(rate_hz, rng) for _ in range(_ROOMS)]


def reverberated(signal: Floats, response: Floats) -> Floats:
    """Return the signal in that room, as long as before."""
    wet: Floats = fftconvolve(signal, response)[: len(signal)].astype(np.float32)
    return wet


def noise(length: int, rng: np.random.Generator) -> Floats:
    """Return white, pink-like, brown-like or mains noise of rms 1, (length,)."""
    colour = rng.integers(4)
    if colour == 3:
        return hum(length, 16_000, rng)
    pole = (0.0, 0.9, 0.99)[colour]
    return _of_rms_one(lfilter([1.0], [1.0, -pole], rng.normal(0.0, 1.0, length)))


def hum(length: int, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return hum of the mains of rms 1, (length,), with a little hiss.

    All harmonics of 50 or 60 Hz, as of a bad earth, the odd ones, as of a transformer, or the even
    ones, as of a rectifier, which fall by 3 to 18 dB an octave.
    """
    time_s = np.arange(length) / rate_hz
    mains_hz = rng.choice([50.0, 60.0]) * rng.uniform(0.998, 1.002)
    first, step = _HUMS[rng.integers(len(_HUMS))]
    orders = np.arange(first, rng.integers(8, 41), step)
    strengths = rng.uniform(rng.random(), 1.0, len(orders)) / orders ** rng.uniform(0.5, 3.0)
    phases = rng.uniform(0.0, 2.0 * np.pi, len(orders))
    sound = np.zeros(length)
    for order, strength, phase in zip(orders, strengths, phases, strict=True):
        sound += strength * np.sin(2.0 * np.pi * mains_hz * order * time_s + phase)
    hiss = rng.normal(0.0, 1.0, length) * 10.0 ** rng.uniform(-3.0, -1.0)
    return _of_rms_one(_of_rms_one(sound) + hiss)


def _of_rms_one(sound: NDArray[np.floating]) -> Floats:
    scaled: Floats = (sound / (np.sqrt(np.mean(sound**2)) + 1e-9)).astype(np.float32)
    return scaled


def clipped(signal: Floats, drive: float) -> Floats:
    """Return the signal through a soft clipper, its peak the same as before."""
    peak = np.float32(max(float(np.abs(signal).max()), 1e-9))
    driven: Floats = np.tanh(signal / peak * np.float32(drive)) * peak / np.float32(np.tanh(drive))
    return driven


def equaliser(centres_hz: NDArray[np.float64], rng: np.random.Generator) -> Floats:
    """Return gains in dB per band: a smooth random curve, at times a band limit."""
    place = np.linspace(0.0, 1.0, len(centres_hz))
    gains = rng.normal(0.0, 5.0) * (place - 0.5)
    for cycles in (1.0, 2.0, 3.0):
        phase = rng.uniform(0.0, 2.0 * np.pi)
        gains = gains + rng.normal(0.0, 2.5) * np.cos(np.pi * cycles * place + phase)
    drawn = rng.random()
    if drawn < 0.05:
        gains = gains + _limits(centres_hz, *_PHONE_HZ, slope_db=rng.uniform(18.0, 60.0))
    elif drawn < 0.25:
        low_hz = np.exp(rng.uniform(np.log(30.0), np.log(250.0)))
        high_hz = np.exp(rng.uniform(np.log(3000.0), np.log(8000.0)))
        gains = gains + _limits(centres_hz, low_hz, high_hz, slope_db=rng.uniform(6.0, 48.0))
    curve: Floats = gains.astype(np.float32)
    return curve


def _limits(
    centres_hz: NDArray[np.float64], low_hz: float, high_hz: float, *, slope_db: float
) -> NDArray[np.float64]:
    """Return gains that fall by `slope_db` an octave outside low..high."""
    below = np.maximum(0.0, np.log2(low_hz / np.maximum(centres_hz, 1.0)))
    above = np.maximum(0.0, np.log2(np.maximum(centres_hz, 1.0) / high_hz))
    return -slope_db * (below + above)


def _room_response(rate_hz: int, rng: np.random.Generator) -> Floats:
    decay_s = np.exp(rng.uniform(np.log(0.1), np.log(1.3)))
    length = int(min(decay_s, 0.8) * rate_hz)
    envelope = 10.0 ** (-3.0 * np.arange(length) / (decay_s * rate_hz))
    tail = rng.normal(0.0, 1.0, length) * envelope
    tail = lfilter([1.0], [1.0, -rng.uniform(0.0, 0.7)], tail)
    tail[: int(rng.uniform(0.002, 0.02) * rate_hz)] = 0.0
    tail *= 10.0 ** (-rng.uniform(-10.0, 20.0) / 20.0) / (np.sqrt(np.sum(tail**2)) + 1e-9)
    for _ in range(rng.integers(2, 7)):
        tail[rng.integers(int(0.03 * rate_hz))] += rng.uniform(-0.4, 0.4)
    tail[0] = 1.0
    response: Floats = tail.astype(np.float32)
    return response

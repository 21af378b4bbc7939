"""How a performance came to be recorded: rooms, amplifiers, compressors, equalisers, codecs.

These act on sound, once, before frames are computed; what can be done to frames is done anew for
every segment of the training (frame_effects.py).
"""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.ndimage import (  # type: ignore[attr-defined]  # scipy is untyped
    maximum_filter1d,
    uniform_filter1d,
)
from scipy.signal import butter, sosfilt  # type: ignore[attr-defined]  # scipy is untyped

from instrd.training.folders.pool import resample
from instrd.training.stems.rooms import clipped, reverberated

Floats = NDArray[np.float32]

_PIECE_S = (4.0, 14.0)
_FADE_S = 0.01
_CODECS = (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"))
_LEAST_PEAK = 1e-4


def recorded(
    sound: Floats,
    rate_hz: int,
    rooms: list[Floats],
    rng: np.random.Generator,
    *,
    overdriven: float,
) -> Floats:
    """Return a performance (n,) cut into pieces, each recorded in some other way; peak 0.7.

    That share of the pieces goes through an overdriven amplifier.
    """
    pieces, start = [], 0
    while start < len(sound):
        end = start + int(rng.uniform(*_PIECE_S) * rate_hz)
        pieces.append(_take(sound[start:end], rate_hz, rooms, rng, overdriven))
        start = end
    return np.concatenate(pieces) if pieces else sound


def _take(
    piece: Floats,
    rate_hz: int,
    rooms: list[Floats],
    rng: np.random.Generator,
    overdriven: float,
) -> Floats:
    if float(np.abs(piece).max()) < _LEAST_PEAK:
        return piece
    if rng.random() < overdriven:
        drive = np.exp(rng.uniform(np.log(0.5), np.log(12.0)))
        piece = _filtered(clipped(piece, drive), rate_hz, "lowpass", rng.uniform(3e3, 7.5e3))
    if rng.random() < 0.2:
        piece = compressed(piece, rate_hz, rng)
    if rng.random() < 0.5:
        piece = reverberated(piece, rooms[int(rng.integers(len(rooms)))])
    if rng.random() < 0.2:
        piece = _filtered(piece, rate_hz, "highpass", np.exp(rng.uniform(np.log(40), np.log(300))))
    if rng.random() < 0.25:
        piece = coded(piece, rate_hz, rng)
    piece = piece * np.float32(0.7 / max(float(np.abs(piece).max()), _LEAST_PEAK))
    ramp = np.linspace(0.0, 1.0, min(int(_FADE_S * rate_hz), len(piece)), dtype=np.float32)
    piece[: len(ramp)] *= ramp
    piece[-len(ramp) :] *= ramp[::-1]
    return piece


def compressed(sound: Floats, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (n,) with its dynamics above a random threshold reduced by 2 to 8, peak kept."""
    peak = float(np.abs(sound).max())
    window = int(rng.uniform(0.005, 0.1) * rate_hz)
    envelope = uniform_filter1d(maximum_filter1d(np.abs(sound), window), window)
    threshold = peak * 10.0 ** (-rng.uniform(10.0, 35.0) / 20.0)
    exponent = 1.0 / rng.uniform(2.0, 8.0) - 1.0
    gain = (np.maximum(envelope, threshold) / threshold) ** exponent
    squeezed: Floats = (sound * gain).astype(np.float32)
    return squeezed * np.float32(peak / max(float(np.abs(squeezed).max()), _LEAST_PEAK))


def coded(sound: Floats, rate_hz: int, rng: np.random.Generator) -> Floats:
    """Return (n,) after a lossy codec of a random rate, as libsndfile writes and reads it."""
    kind, subtype = _CODECS[int(rng.integers(len(_CODECS)))]
    file = io.BytesIO()
    bounded = np.clip(sound, -1.0, 1.0)
    level = float(rng.uniform(0.3, 1.0))
    soundfile.write(file, bounded, rate_hz, format=kind, subtype=subtype, compression_level=level)
    file.seek(0)
    heard, heard_hz = soundfile.read(file, dtype="float32")
    heard = resample(heard.astype(np.float32), heard_hz, rate_hz)[: len(sound)]
    return np.pad(heard, (0, len(sound) - len(heard)))


def _filtered(sound: Floats, rate_hz: int, kind: str, corner_hz: float) -> Floats:
    corner = min(corner_hz, 0.49 * rate_hz)
    filtered: Floats = sosfilt(butter(2, corner, kind, fs=rate_hz, output="sos"), sound)
    return filtered.astype(np.float32)

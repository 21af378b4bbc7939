"""Small audio files of every kind that instrd reads, made by code and known to the sample."""

import io
from functools import cache

import numpy as np
import soundfile
from numpy.typing import NDArray

Floats = NDArray[np.float32]
RATE_HZ = 16_000
FRAMES = 6_000
KINDS: dict[str, tuple[str, str, int]] = {
    "pcm8.wav": ("WAV", "PCM_U8", 1),
    "pcm16.wav": ("WAV", "PCM_16", 2),
    "pcm24.wav": ("WAVEX", "PCM_24", 2),
    "float.wav": ("WAV", "FLOAT", 1),
    "double.wav": ("WAV", "DOUBLE", 1),
    "ulaw.wav": ("WAV", "ULAW", 1),
    "ima.wav": ("WAV", "IMA_ADPCM", 1),
    "ms.wav": ("WAV", "MS_ADPCM", 1),
    "rf64.wav": ("RF64", "PCM_16", 1),
    "pcm16.w64": ("W64", "PCM_16", 1),
    "pcm16.aiff": ("AIFF", "PCM_16", 2),
    "float.aiff": ("AIFF", "FLOAT", 1),
    "pcm16.flac": ("FLAC", "PCM_16", 2),
    "pcm24.flac": ("FLAC", "PCM_24", 1),
    "vorbis.ogg": ("OGG", "VORBIS", 2),
    "opus.ogg": ("OGG", "OPUS", 1),
    "mono.mp3": ("MP3", "MPEG_LAYER_III", 1),
    "stereo.mp3": ("MP3", "MPEG_LAYER_III", 2),
}
"""Name -> libsndfile's format and subtype, and channels."""


def melody(frames: int = FRAMES, channels: int = 1) -> Floats:
    """Return a sound (frames, channels) of which no two stretches are alike, nor are its zeros."""
    rng = np.random.default_rng(7)
    seconds = np.arange(frames) / RATE_HZ
    sweep = 0.4 * np.sin(2 * np.pi * (200.0 + 900.0 * seconds) * seconds)
    noise = rng.uniform(0.05, 0.1, (frames, channels)) * rng.choice([-1, 1], (frames, channels))
    sound: Floats = (sweep[:, None] + noise).astype(np.float32)
    return sound


@cache
def good_file(name: str) -> bytes:
    """Return the bytes of a file that is all right; `name` is a key of `KINDS`."""
    kind, subtype, channels = KINDS[name]
    file = io.BytesIO()
    soundfile.write(file, melody(channels=channels), RATE_HZ, format=kind, subtype=subtype)
    return file.getvalue()


@cache
def read_by_library(name: str) -> Floats:
    """Return the sound (n,) of a good file, read at once and by soundfile alone."""
    file = io.BytesIO(good_file(name))
    sound: Floats = soundfile.read(file, dtype="float32", always_2d=True)[0].mean(axis=1)
    return sound

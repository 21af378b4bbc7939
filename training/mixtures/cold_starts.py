"""Streams that begin in the middle of a sound: their first frames are unlike all others.

Stems and lessons are kept as frames of which each saw its whole window. The first ones of a stream
see silence before it, and a sound that is cut into spreads over all bands there, as if it were
struck.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from instrd.models.frontend import FrameStream, FrontEnd
from instrd.training.frame_effects import FLOOR_DB, power
from instrd.training.mixtures.mixtures import band_centres_hz

Floats = NDArray[np.float32]

_SEED = 0
_TONES = 64


@lru_cache(maxsize=1)
def spreads(front_end: FrontEnd) -> Floats:
    """Return where the power of each band goes in the first frames of a stream, (n, bands, bands).

    Frame k sees about `powers @ spreads[k]` of the powers that it has in the middle of a stream;
    after n frames, of which each lacks a hop or more of its window, next to nothing changes. Found
    by tones within each band, at any phase, the mean of many.
    """
    rng = np.random.default_rng(_SEED)
    stream, fft, hop = FrameStream(front_end), front_end.fft, front_end.hop
    centres_hz = band_centres_hz(front_end)
    between_hz = np.sqrt(centres_hz[1:] * centres_hz[:-1])
    edges_hz = np.concatenate([centres_hz[:1], between_hz, centres_hz[-1:]])
    time_s = np.arange(fft) / front_end.rate_hz
    found = np.zeros(((fft - hop) // hop, len(centres_hz), len(centres_hz)), np.float32)
    for band, (low_hz, high_hz) in enumerate(pairwise(edges_hz)):
        hz, phase = rng.uniform(low_hz, high_hz, (_TONES, 1)), rng.random((_TONES, 1))
        tones = np.sin(2.0 * np.pi * (hz * time_s + phase)).astype(np.float32)
        whole = power(stream.describe(tones)).mean(axis=0).sum()
        for frame, spread in enumerate(found):
            tones_begun = tones.copy()
            tones_begun[:, : fft - (frame + 1) * hop] = 0.0
            spread[band] = power(stream.describe(tones_begun)).mean(axis=0) / whole
    return found


def begun(frames: Tensor, spread: Tensor) -> Tensor:
    """Return frames (B, T, bands) in dB as of streams that begin with the first one.

    What began just there has little power in the first frames, and spreads as little.
    """
    count = min(len(spread), frames.shape[1])
    seen = torch.einsum("bti,tij->btj", 10.0 ** (frames[:, :count] / 10.0), spread[:count])
    first = 10.0 * torch.log10(seen + 10.0 ** (FLOOR_DB / 10.0))
    return torch.cat([first, frames[:, count:]], dim=1)

"""Clips as they sound in rooms that no model has heard."""

import zlib
from functools import cache

import numpy as np
import pyroomacoustics
from mixes import Hear
from numpy.typing import NDArray
from scipy.signal import fftconvolve  # type: ignore[attr-defined]  # scipy is untyped

from instrd.training.folders.pool import Clip, resample

Floats = NDArray[np.float32]
ROOMS = 32
_SEED = 20261126
_RATE_HZ = 32_000
_LEAST_M, _MOST_M = (3.0, 3.0, 2.4), (10.0, 8.0, 4.0)
_DECAY_S = (0.2, 0.9)
_FROM_WALLS_M = 0.5


def in_a_room(hear: Hear) -> Hear:
    """Have each clip sound in one of `ROOMS` rooms, which its path decides, as long as it is."""

    def wet(clip: Clip, rate_hz: int) -> Floats:
        dry = hear(clip, rate_hz)
        response = room(zlib.crc32(clip.path.encode()) % ROOMS, rate_hz)
        sound: Floats = fftconvolve(dry, response)[: len(dry)].astype(np.float32)
        return sound

    return wet


@cache
def room(number: int, rate_hz: int) -> Floats:
    """Return the impulse response of a room, (n,), of energy 1, beginning with the direct sound.

    Allen and Berkley 1979, "Image method for efficiently simulating small-room acoustics", as
    pyroomacoustics has it. Reverberation takes 0.2 to 0.9 s; source and microphone are anywhere.
    """
    rng = np.random.default_rng([_SEED, number])
    size_m = rng.uniform(_LEAST_M, _MOST_M)
    absorbed, order = pyroomacoustics.inverse_sabine(rng.uniform(*_DECAY_S), size_m)
    walls = pyroomacoustics.Material(absorbed)
    shoebox = pyroomacoustics.ShoeBox(size_m, fs=_RATE_HZ, materials=walls, max_order=order)
    shoebox.add_source(rng.uniform(_FROM_WALLS_M, size_m - _FROM_WALLS_M))
    shoebox.add_microphone(rng.uniform(_FROM_WALLS_M, size_m - _FROM_WALLS_M))
    shoebox.compute_rir()
    response: NDArray[np.float64] = shoebox.rir[0][0]  # type: ignore[index]  # computed just now
    direct = int(np.argmax(np.abs(response) > np.abs(response).max() / 4.0))
    heard = resample(response[direct:].astype(np.float32), _RATE_HZ, rate_hz)
    return heard / np.float32(np.sqrt(np.sum(heard**2)))

"""Rooms that frames are heard in: the tail of what has sounded, band by band, in power."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter  # type: ignore[attr-defined]  # scipy is untyped

from instrd.training.frame_effects import decibels, power

Floats = NDArray[np.float32]

_DECAY_S = (0.1, 1.3)
_FAINT_DB = (-25.0, -3.0)
_WET_DB = (-25.0, 10.0)  # above 0 most of what is heard has come by way of the walls
_DAMPED_MOST = 0.7
_RIPPLE_DB_MOST = 5.0
_PARTS = 4


@dataclass(frozen=True)
class Room:
    """How a room answers; what it sends back falls by 60 dB in its reverberation time.

    High bands fade sooner. The direct sound and what the walls send back are taken to add up in
    power; as a tone meets a room's modes by chance (Schroeder 1962, "Frequency-correlation
    functions of frequency responses in rooms"), each band comes back with a gain of its own.
    """

    decay_s: float
    damped: float
    """By which share the highest band fades sooner than the lowest."""
    wet: float
    """Power of what comes back of a steady sound, that of the direct sound being 1."""
    ripple: Floats
    """(bands,): by what the power that comes back is multiplied."""
    hop_s: float

    def frames(self, dry: Floats) -> Floats:
        """Return frames (T, bands) in dB as they are heard in the room."""
        heard, place = power(dry), np.linspace(0.0, 1.0, dry.shape[1])
        for part in np.array_split(np.arange(dry.shape[1]), _PARTS):
            decay_s = self.decay_s * (1.0 - self.damped * place[part].mean())
            heard[:, part] += self._tail(heard[:, part], decay_s) * self.ripple[part]
        return decibels(heard)

    def levels(self, dry: Floats) -> Floats:
        """Return levels (T, n) in dB as they are in the room."""
        powers = power(dry)
        return decibels(powers + self._tail(powers, self.decay_s * (1.0 - self.damped / 2.0)))

    def rows(self, dry: Floats) -> Floats:
        """Return rows (T, bands + 1), frames and a level, as they are in the room."""
        return np.concatenate((self.frames(dry[:, :-1]), self.levels(dry[:, -1:])), axis=1)

    def _tail(self, powers: Floats, decay_s: float) -> Floats:
        kept = 10.0 ** (-6.0 * self.hop_s / decay_s)
        gain = self.wet * (1.0 - kept)
        tail: Floats = lfilter([0.0, gain], [1.0, -kept], powers, axis=0).astype(np.float32)
        return tail


def draw_room(bands: int, hop_s: float, rng: np.random.Generator) -> Room:
    """Return a room of any size, heard from any distance."""
    ripple_db = rng.uniform(0.0, _RIPPLE_DB_MOST) * rng.standard_normal(bands)
    return Room(
        decay_s=float(np.exp(rng.uniform(*np.log(_DECAY_S)))),
        damped=rng.uniform(0.0, _DAMPED_MOST),
        wet=10.0 ** (rng.uniform(*_WET_DB) / 10.0),
        ripple=(10.0 ** (ripple_db / 10.0)).astype(np.float32),
        hop_s=hop_s,
    )


def in_a_room(window: Floats, hop_s: float, rng: np.random.Generator) -> Floats:
    """Return a window (T, bands) in a room near its source, whose bands all fade alike."""
    decay_s = float(np.exp(rng.uniform(*np.log(_DECAY_S))))
    wet = 10.0 ** (rng.uniform(*_FAINT_DB) / 10.0)
    alike = np.ones(window.shape[1], np.float32)
    return Room(decay_s, damped=0.0, wet=wet, ripple=alike, hop_s=hop_s).frames(window)

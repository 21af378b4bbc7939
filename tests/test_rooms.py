"""Rooms for the comparison: sound that decays, the same whoever asks and at every rate."""

import numpy as np
import pytest
from numpy.typing import NDArray
from rooms import ROOMS, in_a_room, room
from sounds import silence, tone

from instrd.training.folders.pool import Clip, resample

RATE_HZ = 16_000


def stroke(_clip: Clip, rate_hz: int) -> NDArray[np.float32]:
    return np.concatenate([tone(440.0, 0.1, rate_hz), silence(0.9, rate_hz)])


def clip(name: str) -> Clip:
    return Clip(name, "drum", "made up", "", "CC0", "", "notes", 1.0)


def decay_s(response: NDArray[np.float32]) -> float:
    """Return three times what the energy still to come takes from -5 to -25 dB."""
    left = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]
    left_db = 10.0 * np.log10(left / left[0] + 1e-12)
    return float(3.0 * (np.argmax(left_db < -25.0) - np.argmax(left_db < -5.0)) / RATE_HZ)


def test_rooms_begin_with_the_direct_sound_and_ring_between_a_tenth_and_one_and_a_half_s() -> None:
    for number in range(0, ROOMS, 4):
        response = room(number, RATE_HZ)
        assert np.abs(response[:16]).max() > np.abs(response).max() / 5.0
        assert np.sum(response**2) == pytest.approx(1.0, abs=1e-3)
        assert 0.1 < decay_s(response) < 1.5


def test_a_clip_rings_on_in_a_room_that_its_path_decides_and_keeps_its_length() -> None:
    wet = in_a_room(stroke)
    first = wet(clip("a.wav"), RATE_HZ)
    np.testing.assert_array_equal(first, wet(clip("a.wav"), RATE_HZ))
    assert len(first) == RATE_HZ
    after = slice(RATE_HZ // 8, RATE_HZ // 4)
    assert not stroke(clip("a.wav"), RATE_HZ)[after].any()
    assert np.abs(first[after]).max() > 1e-3
    assert not np.array_equal(first, wet(clip("b.wav"), RATE_HZ))


def test_peers_of_other_rates_hear_the_same_room() -> None:
    wet = in_a_room(stroke)
    half, whole = wet(clip("a.wav"), RATE_HZ), wet(clip("a.wav"), 2 * RATE_HZ)
    again = resample(whole, 2 * RATE_HZ, RATE_HZ)
    assert np.corrcoef(half, again)[0, 1] > 0.99
    assert np.sum(half**2) == pytest.approx(np.sum(again**2), rel=0.1)

"""What is done to the frames of a window, each within the limits that it states."""

import numpy as np
import pytest
from numpy.typing import NDArray

from instrd.training.frame_effects import (
    FLOOR_DB,
    chained,
    decibels,
    masked,
    noise,
    noisy,
    paced,
    power,
    warped,
)

Floats = NDArray[np.float32]
SEEDS = range(20)
HOP_S = 0.016


def steady(level_db: float, frames: int = 60, bands: int = 16) -> Floats:
    return np.full((frames, bands), level_db, np.float32)


def silence(frames: int = 60) -> Floats:
    return steady(FLOOR_DB, frames)


def test_two_sounds_add_up_in_power() -> None:
    both = decibels(power(steady(-20.0)) + power(steady(-20.0)))
    np.testing.assert_allclose(both, -20.0 + 10.0 * np.log10(2.0), atol=1e-3)
    np.testing.assert_allclose(decibels(np.zeros((2, 2), np.float32)), FLOOR_DB, atol=1e-3)


def test_another_pace_moves_what_happens_and_keeps_begin_and_end() -> None:
    rows = silence(60)
    rows[30] = 0.0
    slower = paced(rows, 119)
    assert slower.shape == (119, 16)
    assert slower[:, 0].argmax() == 60
    np.testing.assert_array_equal(slower[[0, -1]], rows[[0, -1]])
    np.testing.assert_allclose(paced(slower, 60), rows, atol=1e-4)


def test_a_warp_moves_a_tone_to_the_band_of_its_new_frequency() -> None:
    centres_hz = np.linspace(100.0, 1600.0, 16)
    frames = silence(4)
    frames[:, 7] = 0.0  # 800 Hz
    assert np.all(warped(frames, centres_hz, 1.25).argmax(axis=1) == 9)
    assert np.all(warped(frames, centres_hz, 0.75).argmax(axis=1) == 5)
    np.testing.assert_allclose(warped(frames, centres_hz, 1.0), frames, atol=1e-4)


def test_a_warp_makes_up_nothing_louder_than_there_was() -> None:
    rng = np.random.default_rng(3)
    frames = rng.uniform(-60.0, 0.0, (5, 16)).astype(np.float32)
    for factor in (0.5, 0.9, 1.1, 2.0):
        bent = warped(frames, np.linspace(100.0, 1600.0, 16), factor)
        assert bent.shape == frames.shape
        assert bent.max() <= frames.max() + 1e-4
        assert bent.min() >= frames.min() - 1e-4


def test_noise_has_its_loudest_band_at_about_0_db() -> None:
    levels = [noise((400, 16), np.random.default_rng(seed)) for seed in SEEDS]
    loudest = [float(decibels(power(one).mean(axis=0)).max()) for one in levels]
    np.testing.assert_allclose(loudest, 0.0, atol=0.8)


def test_noise_lies_5_to_60_db_below_the_loudest() -> None:
    below = []
    for seed in range(60):
        window = silence(400)
        window[0] = -12.0
        heard = noisy(window, np.random.default_rng(seed))
        below.append(-12.0 - float(decibels(power(heard[1:]).mean(axis=0)).max()))
    assert 4.0 < min(below) < 12.0
    assert 50.0 < max(below) < 61.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mask_blanks_one_stretch_of_time_and_one_of_bands_and_nothing_else(seed: int) -> None:
    window = np.random.default_rng(1000 + seed).uniform(-50.0, 0.0, (60, 20)).astype(np.float32)
    blanked = masked(window, np.random.default_rng(seed))
    gone = blanked == FLOOR_DB
    times, bands = np.flatnonzero(gone.all(axis=1)), np.flatnonzero(gone.all(axis=0))
    assert 1 <= len(times) <= 60 // 4
    assert 1 <= len(bands) <= 20 // 5
    assert np.all(np.diff(times) == 1)
    assert np.all(np.diff(bands) == 1)
    expected = np.zeros_like(gone)
    expected[times] = expected[:, bands] = True
    np.testing.assert_array_equal(gone, expected)
    np.testing.assert_array_equal(blanked[~gone], window[~gone])


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_chained_begins_as_the_first_window_does(seed: int) -> None:
    window, clip = steady(-30.0), steady(-20.0, 40).astype(np.float16)
    clip[:, 1:] = FLOOR_DB
    heard = chained(window, [clip], np.random.default_rng(seed))
    changed = np.flatnonzero(np.abs(heard - window).max(axis=1) > 0.01)
    first = int(changed[0]) if len(changed) else len(window)
    np.testing.assert_allclose(heard[:first], window[:first], atol=0.01)
    begins = heard[first:, 0]
    if 0 < first < len(window):  # 0 to 10 dB below the window's loudest, over it or in its place
        assert -40.1 < begins[0] < -26.9


def test_chained_clips_take_turns_or_lie_over_each_other() -> None:
    window, clip = steady(-30.0), silence(60).astype(np.float16)
    clip[0] = 0.0
    alone = over = 0
    for seed in range(60):
        heard = chained(window, [clip], np.random.default_rng(seed))
        alone += bool(heard[-1, 0] < -55.0)
        over += bool(heard[-1, 0] > -31.0)
    assert alone > 10
    assert over > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_the_silence_behind_a_chained_clip_stays_silent(seed: int) -> None:
    window, hit = steady(-30.0), silence(60).astype(np.float16)
    hit[:2] = -10.0
    heard = chained(window, [hit] * 3, np.random.default_rng(seed))
    assert np.count_nonzero(heard.max(axis=1) > -29.9) <= 6

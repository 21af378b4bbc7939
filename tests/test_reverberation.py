"""Rooms that mixtures are heard in: tails of the right length, and levels that tell of them."""

import numpy as np
import pytest
from small_run import small_recipe

from instrd.training.frame_effects import FLOOR_DB
from instrd.training.mixtures.audible import judge
from instrd.training.mixtures.reverberation import Room, draw_room, in_a_room

HOP_S = 0.02
BANDS = 40
FRAMES = 200


def plain_room(*, decay_s: float = 0.5, damped: float = 0.0, wet: float = 1.0) -> Room:
    return Room(decay_s, damped, wet, np.ones(BANDS, np.float32), HOP_S)


def stroke(columns: int, frames: int = FRAMES) -> np.ndarray:
    rows = np.full((frames, columns), FLOOR_DB, np.float32)
    rows[0] = 0.0
    return rows


def fall_db_per_s(tail: np.ndarray) -> float:
    return float((tail[1] - tail[11]) / (10 * HOP_S))


def test_what_comes_back_falls_by_60_db_in_the_reverberation_time() -> None:
    tail = plain_room(decay_s=0.5).frames(stroke(BANDS))
    assert tail[0] == pytest.approx(0.0, abs=0.01)
    assert fall_db_per_s(tail[:, 0]) == pytest.approx(120.0, rel=0.01)


def test_high_bands_fade_sooner_in_a_damped_room() -> None:
    tail = plain_room(damped=0.5).frames(stroke(BANDS))
    falls = [fall_db_per_s(tail[:, band]) for band in (0, BANDS // 2, BANDS - 1)]
    assert 120.0 < falls[0] < falls[1] < falls[2] < 240.0


def test_of_a_steady_sound_comes_back_what_the_room_says_and_each_band_has_its_own_gain() -> None:
    steady = np.zeros((FRAMES, BANDS), np.float32)
    ripple = np.linspace(0.1, 4.0, BANDS, dtype=np.float32)
    heard = Room(0.5, 0.0, 2.0, ripple, HOP_S).frames(steady)
    np.testing.assert_allclose(heard[-1], 10.0 * np.log10(1.0 + 2.0 * ripple), atol=0.05)


def test_levels_ring_as_bands_do() -> None:
    room = plain_room(wet=3.0)
    rows = room.rows(stroke(BANDS + 1))
    np.testing.assert_allclose(rows[:, -1], rows[:, 0], atol=1e-3)
    np.testing.assert_allclose(room.levels(stroke(2))[:, 1], rows[:, 0], atol=1e-3)


def test_a_stroke_counts_as_sounding_while_the_room_rings() -> None:
    mixing = small_recipe().mixing
    dry = stroke(1)
    wet = plain_room(decay_s=1.0, wet=10.0).levels(dry)
    sounding = [int(judge(levels, mixing)[0].sum()) for levels in (dry, wet)]
    assert sounding[0] <= 1 + mixing.hold_frames
    assert sounding[1] > 25


def test_drawn_rooms_are_small_and_large_near_and_far() -> None:
    rng = np.random.default_rng(3)
    rooms = [draw_room(BANDS, HOP_S, rng) for _ in range(200)]
    assert 0.1 <= min(room.decay_s for room in rooms) < 0.15
    assert 1.0 < max(room.decay_s for room in rooms) <= 1.3
    assert min(room.wet for room in rooms) < 0.01
    assert 5.0 < max(room.wet for room in rooms) <= 10.0
    frames = rng.uniform(-60.0, 0.0, (60, BANDS)).astype(np.float32)
    for room in rooms[:20]:
        assert np.all(room.frames(frames) > frames - 0.01)


@pytest.mark.parametrize("seed", range(20))
def test_the_tail_of_a_room_falls_by_60_db_in_a_tenth_to_13_tenths_of_a_second(seed: int) -> None:
    rng = np.random.default_rng(seed)
    click = np.full((200, 16), FLOOR_DB, np.float32)
    click[0] = 0.0
    tail = in_a_room(click, HOP_S, rng)
    assert tail[0, 0] == pytest.approx(0.0, abs=0.01)
    audible = np.flatnonzero(tail[1:, 0] > FLOOR_DB + 20.0) + 1
    steps = np.diff(tail[audible, 0])
    decays_s = -60.0 * HOP_S / steps
    assert np.all((decays_s > 0.099) & (decays_s < 1.35))
    np.testing.assert_allclose(steps, steps[0], atol=0.2)


@pytest.mark.parametrize("seed", range(20))
def test_a_room_adds_and_never_takes_away(seed: int) -> None:
    rng = np.random.default_rng(seed)
    window = rng.uniform(-60.0, 0.0, (60, 16)).astype(np.float32)
    assert np.all(in_a_room(window, HOP_S, rng) > window - 0.01)

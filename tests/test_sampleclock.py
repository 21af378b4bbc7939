import time

import numpy as np
import pytest

from instrd.daemon.sampleclock import SampleClock, wall_ahead_us

RATE_HZ = 48_000
BLOCK = 960
BEGAN_US = 1e12


def follow(
    seconds: float, *, ppm: float = 0.0, jitter_us: float = 0.0, ahead_us: list[int] | None = None
) -> SampleClock:
    ahead = ahead_us or [0]
    clock = SampleClock(RATE_HZ, lambda: ahead[0])
    random = np.random.default_rng(4)
    for position in range(BLOCK, int(seconds * RATE_HZ), BLOCK):
        late = abs(random.normal(0.0, jitter_us)) if jitter_us else 0.0
        t_us = BEGAN_US + position / RATE_HZ * 1e6 * (1 + ppm * 1e-6) + late
        clock.stamp(position, round(1e3 * t_us))
    return clock


def test_a_steady_device_is_told_exactly() -> None:
    clock = follow(20)
    assert clock.time_us(RATE_HZ * 5) == pytest.approx(BEGAN_US + 5e6, abs=1)
    assert clock.drift_ppm == pytest.approx(0.0, abs=0.1)


def test_jitter_of_milliseconds_is_averaged_away() -> None:
    clock = follow(60, jitter_us=3000.0)
    errors = [clock.time_us(s * RATE_HZ) - (BEGAN_US + s * 1e6) for s in range(50, 60)]
    assert max(errors) - min(errors) <= 1
    assert abs(np.mean(errors)) < 4000


def test_a_drifting_crystal_is_followed_and_named() -> None:
    clock = follow(600, ppm=80.0)
    true_us = BEGAN_US + 599e6 * (1 + 80e-6)
    assert clock.time_us(599 * RATE_HZ) == pytest.approx(true_us, abs=1500)
    assert clock.drift_ppm == pytest.approx(80.0, rel=0.1)


def test_what_stood_still_begins_anew_and_what_came_before_keeps_its_times() -> None:
    clock = follow(60, jitter_us=3000.0)
    stood_still_at = 60 * RATE_HZ - BLOCK
    before_us = clock.time_us(59 * RATE_HZ)
    for position in range(60 * RATE_HZ, 120 * RATE_HZ, BLOCK):
        came_us = round(BEGAN_US + 3600e6 + position / RATE_HZ * 1e6)
        clock.stamp(position, 1000 * came_us, anew=position == 60 * RATE_HZ)
        assert clock.time_us(position) == came_us
    assert clock.time_us(stood_still_at) == pytest.approx(BEGAN_US + 3659.98e6, abs=1)
    assert clock.time_us(59 * RATE_HZ) == before_us
    assert abs(clock.drift_ppm) < 100.0


def test_what_came_before_each_of_many_pauses_keeps_its_times() -> None:
    clock = SampleClock(RATE_HZ, lambda: 0)
    came_us, t_us = {}, BEGAN_US
    for n in range(1, 21):
        t_us += 20_000.0 if n % 3 else 300_000.0
        came_us[n * BLOCK] = t_us
        clock.stamp(n * BLOCK, round(1e3 * t_us), anew=n % 3 == 0)
    for position, t_us in came_us.items():
        assert clock.time_us(position - 1) == pytest.approx(t_us, abs=1e6 / RATE_HZ + 1)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 0.9, -0.9, 0.128, -0.05])
def test_a_wall_clock_that_is_set_moves_what_follows_and_is_no_drift(step_s: float) -> None:
    ahead_us = [round(1e15)]
    clock = follow(60, jitter_us=3000.0, ahead_us=ahead_us)
    before_us, newest_us = clock.time_us(59 * RATE_HZ), clock.time_us(60 * RATE_HZ - BLOCK)
    ahead_us[0] += round(step_s * 1e6)
    for position in range(60 * RATE_HZ, 200 * RATE_HZ, BLOCK):
        clock.stamp(position, round(1e3 * BEGAN_US + position / RATE_HZ * 1e9))
        passed_us = (position - 60 * RATE_HZ + BLOCK) / RATE_HZ * 1e6
        assert clock.time_us(position) == pytest.approx(
            newest_us + step_s * 1e6 + passed_us, abs=4000
        )
    assert clock.time_us(59 * RATE_HZ) == before_us
    assert abs(clock.drift_ppm) < 100.0


def test_how_far_the_wall_clock_is_ahead_is_looked_up_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The first look is interrupted for a second between the two clocks.
    monotonic_ns = iter([0, 10**9, 10**9, 10**9 + 2000, 2 * 10**9, 2 * 10**9 + 4000])
    wall_ns = iter([10**15, 10**15 + 10**9 + 1000, 10**15 + 2 * 10**9])
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(monotonic_ns))
    monkeypatch.setattr(time, "time_ns", lambda: next(wall_ns))
    assert wall_ahead_us() == 10**12


def test_a_backlog_that_comes_late_is_caught_up_with_and_is_no_drift() -> None:
    clock = follow(60)
    for position in range(60 * RATE_HZ, 120 * RATE_HZ, BLOCK):
        late_s = max(0.0, 61.8 - position / RATE_HZ)  # nothing for 1.8 s, then all at once
        clock.stamp(position, round(1e3 * BEGAN_US + (position / RATE_HZ + late_s) * 1e9))
        assert abs(clock.time_us(position) - (BEGAN_US + position / RATE_HZ * 1e6)) < 200_000
    assert abs(clock.drift_ppm) < 100.0


def test_a_device_at_half_its_rate_is_drift() -> None:
    assert follow(120, ppm=500_000.0).drift_ppm == pytest.approx(500_000.0, rel=0.2)

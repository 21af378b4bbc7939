import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instrd.daemon.driftmeter import DriftMeter
from instrd.daemon.sampleclock import LASTS_S, LATE_US, STEP_US, SampleClock, wall_ahead_us

RATE_HZ = 48_000
BLOCK = 960
BEGAN_US = 1e12
BLOCKS = 600


def date_ns(after_s: float) -> int:
    return round(1e3 * BEGAN_US + 1e9 * after_s)


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


@pytest.mark.parametrize("hung_s", [0.3, 1.8, 2.8, 8.0])
def test_a_backlog_that_comes_late_is_caught_up_with_and_is_no_drift(hung_s: float) -> None:
    clock = follow(60)
    for position in range(60 * RATE_HZ, 120 * RATE_HZ, BLOCK):
        # Nothing for a while, then ten times as fast as the sound.
        late_s = max(0.0, hung_s - 0.9 * (position / RATE_HZ - 60))
        clock.stamp(position, date_ns(position / RATE_HZ + late_s))
        assert clock.time_us(position) == pytest.approx(
            BEGAN_US + position / RATE_HZ * 1e6, abs=500
        )
    assert clock.drift_ppm == pytest.approx(0.0, abs=0.1)


def test_a_lateness_that_lasts_is_believed_and_is_no_drift() -> None:
    clock = follow(60)
    for position in range(60 * RATE_HZ, 200 * RATE_HZ, BLOCK):
        clock.stamp(position, date_ns(position / RATE_HZ + 0.7))
        late_us = clock.time_us(position) - BEGAN_US - position / RATE_HZ * 1e6
        lasted_s = position / RATE_HZ - 60
        if abs(lasted_s - LASTS_S) > 0.05:
            assert late_us == pytest.approx(0.0 if lasted_s < LASTS_S else 0.7e6, abs=1)
    assert clock.drift_ppm == pytest.approx(0.0, abs=0.1)


def test_a_block_that_comes_earlier_than_the_average_proves_it_wrong_but_no_time_runs_back() -> (
    None
):
    clock, newest_us = SampleClock(RATE_HZ, lambda: 0), 0
    for n in range(1, 200):
        late_s = 1.4 if n <= 20 else 0.0  # as the first blocks of an idle virtual device
        clock.stamp(n * BLOCK, date_ns(n * BLOCK / RATE_HZ + late_s))
        assert clock.time_us(n * BLOCK) >= newest_us
        newest_us = clock.time_us(n * BLOCK)
    assert newest_us == pytest.approx(BEGAN_US + 199 * BLOCK / RATE_HZ * 1e6, abs=1)


@pytest.mark.parametrize("ppm", [500_000.0, 88_435.0, -81_250.0, 6000.0])
def test_a_device_at_another_rate_than_it_claims_is_drift_and_its_times_are_near(
    ppm: float,
) -> None:
    clock = follow(120, ppm=ppm)
    assert clock.drift_ppm == pytest.approx(ppm, rel=0.01)
    position = 120 * RATE_HZ - BLOCK
    true_us = BEGAN_US + position / RATE_HZ * 1e6 * (1 + ppm * 1e-6)
    assert abs(clock.time_us(position) - true_us) < 100_000 + abs(ppm) * (LASTS_S + 0.1)


def test_a_rate_that_turns_wrong_or_right_is_noticed_however_long_the_other_lasted() -> None:
    drift, position_s, t_s = DriftMeter(), 0.0, 0.0

    def play(seconds: float, ppm: float) -> None:
        nonlocal position_s, t_s
        for _ in range(int(seconds)):
            drift.feed(1.0, 1e6 * (t_s - position_s))
            position_s, t_s = position_s + 1.0, t_s + 1.0 + ppm * 1e-6

    play(20_000, 20.0)
    assert drift.ppm == pytest.approx(20.0)
    play(120, 88_435.0)
    assert drift.ppm > 5000.0
    play(20_000, 88_435.0)
    assert drift.ppm == pytest.approx(88_435.0)
    play(630, 20.0)
    assert drift.ppm == pytest.approx(20.0, abs=0.01)


class World:
    """Blocks of a device that fares as drawn, and when their sound was really captured."""

    def __init__(self, draw: st.DataObject) -> None:
        self.ppm = draw.draw(st.floats(-300.0, 300.0))
        random = np.random.default_rng(draw.draw(st.integers(0, 1000)))
        self._jitter_s = random.uniform(0.0, draw.draw(st.sampled_from([0.0, 0.003, 0.04])), BLOCKS)
        fates = st.sampled_from(["hangs", "pauses", "is set"])
        fated = st.tuples(fates, st.integers(50, BLOCKS), st.floats(-3.0, 3.0))
        self._fates = {block: (fate, by_s) for fate, block, by_s in draw.draw(st.lists(fated))}

    def blocks(self) -> Iterator[tuple[int, float, float, bool, float]]:
        """Yield position, when captured and when come, whether anew, and the wall clock's lead."""
        captured_s = hung_s = ahead_s = 0.0
        for n in range(1, BLOCKS):
            fate, by_s = self._fates.get(n, ("", 0.0))
            captured_s += BLOCK / RATE_HZ * (1 + self.ppm * 1e-6)
            hung_s = max(0.0, hung_s - 0.6 * BLOCK / RATE_HZ)
            if fate == "hangs":
                hung_s = max(hung_s, abs(by_s))
            if fate == "pauses":
                captured_s, hung_s = captured_s + max(abs(by_s), hung_s), 0.0
            if fate == "is set":
                ahead_s += by_s
            late_s = hung_s + float(self._jitter_s[n])
            yield n * BLOCK, captured_s, captured_s + late_s, fate == "pauses", ahead_s


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_however_a_device_fares_its_times_are_near_and_do_not_run_back(draw: st.DataObject) -> None:
    ahead_us = [0]
    clock, newest_us, before_us = SampleClock(RATE_HZ, lambda: ahead_us[0]), 0, 0
    for position, captured_s, came_s, anew, ahead_s in World(draw).blocks():
        before_us, ahead_us[0] = ahead_us[0], round(1e6 * ahead_s)
        clock.stamp(position, date_ns(came_s), anew=anew)
        time_us = clock.time_us(position)
        error_us = time_us - (BEGAN_US + 1e6 * captured_s + ahead_us[0])
        assert -STEP_US - 5000 < error_us < LATE_US + 40_000 + STEP_US + 5000
        assert time_us >= newest_us or ahead_us[0] < before_us
        newest_us = time_us

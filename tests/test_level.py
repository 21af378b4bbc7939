import numpy as np
import pytest

from instrd.clients.protocol import SILENCE_DBFS
from instrd.daemon.level import Gate, joined, measure


def sine(amplitude: float, samples: int = 4800) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * 100 * np.arange(samples) / 48_000)).astype(np.float32)


def test_a_sine_of_full_scale_has_its_rms_3_db_below_its_peak() -> None:
    level = measure(sine(1.0))
    assert level.rms_dbfs == pytest.approx(-3.01, abs=0.01)
    assert level.peak_dbfs == pytest.approx(0.0, abs=0.01)
    assert level.clipped > 0


def test_digital_silence_is_the_floor_not_infinity() -> None:
    level = measure(np.zeros(10, np.float32))
    assert (level.rms_dbfs, level.peak_dbfs, level.clipped) == (SILENCE_DBFS, SILENCE_DBFS, 0)


@pytest.mark.parametrize("cuts", [[], [1], [100, 4000], [10, 11, 4799]])
def test_levels_of_stretches_make_the_level_of_all(cuts: list[int]) -> None:
    sound = sine(1.0) * np.linspace(0.01, 1.0, 4800, dtype=np.float32)
    level = joined([(measure(part), len(part)) for part in np.split(sound, cuts)])
    whole = measure(sound)
    assert level.rms_dbfs == pytest.approx(whole.rms_dbfs, abs=1e-6)
    assert (level.peak_dbfs, level.clipped) == (whole.peak_dbfs, whole.clipped)


def gate() -> Gate:
    return Gate(open_dbfs=-50.0, close_dbfs=-56.0, hold=300)


def test_the_gate_opens_at_once_and_closes_after_the_hold() -> None:
    levels = [-60.0, -49.0, -60.0, -60.0, -60.0, -60.0]
    one = gate()
    states = [one.feed(level, 100) for level in levels]
    assert states == ["closed", "open", "open", "open", "closed", "closed"]


def test_between_its_levels_the_gate_keeps_its_state() -> None:
    one = gate()
    assert one.feed(-53.0, 1000) == "closed"
    one.feed(-40.0, 100)
    assert one.feed(-53.0, 100_000) == "open"


def test_a_short_dip_does_not_close_the_gate() -> None:
    one = gate()
    states = [one.feed(level, 100) for level in (-40.0, -70.0, -70.0, -52.0, -70.0, -70.0)]
    assert set(states) == {"open"}

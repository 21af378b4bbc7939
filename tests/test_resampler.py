"""Live resampling: the same whatever the cuts, true to the signal, and soon."""

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from instrd.daemon.resampler import Resampler

Floats = NDArray[np.float32]
MODEL_HZ = 16_000
RATES_HZ = (44_100, 48_000, 96_000)


def resample(samples: Floats, from_hz: int, cuts: list[int]) -> Floats:
    resampler = Resampler(from_hz, MODEL_HZ)
    fed = [resampler.feed(piece) for piece in np.split(samples, sorted(cuts))]
    whole: Floats = np.concatenate((*fed, resampler.flush()))
    return whole


def tone(freq_hz: float, rate_hz: int, count: int) -> Floats:
    phase = 2.0 * np.pi * freq_hz / rate_hz * np.arange(count)
    samples: NDArray[np.float32] = (0.5 * np.sin(phase)).astype(np.float32)
    return samples


def rms(samples: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@settings(max_examples=40, deadline=None)
@given(
    from_hz=st.sampled_from(RATES_HZ),
    count=st.integers(1, 9000),
    cuts=st.lists(st.integers(0, 9000), max_size=20),
)
def test_cutting_the_signal_anywhere_gives_the_same_samples(
    from_hz: int, count: int, cuts: list[int]
) -> None:
    samples = np.random.default_rng(0).normal(0.0, 0.1, count).astype(np.float32)
    samples.flags.writeable = False  # as hops are
    whole = resample(samples, from_hz, [])
    assert np.array_equal(resample(samples, from_hz, cuts), whole)
    assert abs(len(whole) - count * MODEL_HZ / from_hz) <= 2.0


@pytest.mark.parametrize("from_hz", RATES_HZ)
def test_the_spectrum_is_that_of_the_offline_result(from_hz: int) -> None:
    rng = np.random.default_rng(1)
    samples = rng.normal(0.0, 0.1, 2 * from_hz).astype(np.float32)
    live = resample(samples, from_hz, list(range(0, 2 * from_hz, from_hz // 20)))
    offline = soxr.resample(samples, from_hz, MODEL_HZ)[: len(live)]
    window = np.hanning(len(offline))
    power = [
        np.abs(np.fft.rfft(signal[: len(offline)] * window)) ** 2 for signal in (live, offline)
    ]
    freqs_hz = np.fft.rfftfreq(len(offline), 1.0 / MODEL_HZ)
    for low_hz in range(100, 7100, 500):
        band = (freqs_hz >= low_hz) & (freqs_hz < low_hz + 500)
        assert abs(10.0 * np.log10(power[0][band].sum() / power[1][band].sum())) < 0.02


@pytest.mark.parametrize("from_hz", RATES_HZ)
@pytest.mark.parametrize("freq_hz", [100.0, 1000.0, 4000.0, 7400.0])
def test_a_tone_comes_out_90_db_above_its_error(from_hz: int, freq_hz: float) -> None:
    middle = resample(tone(freq_hz, from_hz, from_hz), from_hz, [])[2000:-2000]
    phase = 2.0 * np.pi * freq_hz / MODEL_HZ * np.arange(len(middle))
    basis = np.stack((np.sin(phase), np.cos(phase)), axis=1)
    fit, *_ = np.linalg.lstsq(basis, middle.astype(np.float64), rcond=None)
    assert np.hypot(*fit) == pytest.approx(0.5, rel=0.001)
    assert rms(middle - basis @ fit) < rms(middle) * 10.0 ** (-90.0 / 20.0)


@pytest.mark.parametrize("from_hz", RATES_HZ)
@pytest.mark.parametrize("freq_hz", [8600.0, 12_000.0, 20_000.0])
def test_a_tone_above_the_models_band_vanishes(from_hz: int, freq_hz: float) -> None:
    samples = tone(freq_hz, from_hz, from_hz)
    assert rms(resample(samples, from_hz, [])[2000:-2000]) < rms(samples) * 1e-5


@pytest.mark.parametrize("from_hz", RATES_HZ)
def test_the_output_is_always_less_than_15_ms_late_and_always_the_same(from_hz: int) -> None:
    resampler = Resampler(from_hz, MODEL_HZ)
    late_s = []
    came = 0
    for hop in range(1, 100):
        came += len(resampler.feed(np.zeros(from_hz // 100, np.float32)))
        late_s.append(hop / 100 - came / MODEL_HZ)
    settled = late_s[5:]
    assert max(settled) < 0.015
    assert max(settled) - min(settled) < 0.0002


def test_equal_rates_pass_through_untouched() -> None:
    resampler = Resampler(MODEL_HZ, MODEL_HZ)
    samples = tone(440.0, MODEL_HZ, 100)
    assert resampler.feed(samples) is samples
    assert len(resampler.flush()) == 0

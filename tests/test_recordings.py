import numpy as np
import pytest
from sounds import tone

from instrd.training.stems.recordings import coded, compressed, recorded
from instrd.training.stems.rooms import room_responses

RATE_HZ = 16_000


def generator(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_recording_is_as_long_as_the_performance_and_below_full_scale() -> None:
    performance = tone(440.0, 40.0, RATE_HZ, 0.2)
    rooms = room_responses(RATE_HZ, generator())
    heard = recorded(performance, RATE_HZ, rooms, generator(), overdriven=0.12)
    assert heard.shape == performance.shape
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() == pytest.approx(0.7, abs=0.01)


def test_silence_stays_silence_in_every_recording() -> None:
    rooms = room_responses(RATE_HZ, generator())
    silent = np.zeros(20 * RATE_HZ, np.float32)
    assert not recorded(silent, RATE_HZ, rooms, generator(), overdriven=0.5).any()


def test_the_same_seed_makes_the_same_recording_and_another_one_another() -> None:
    performance = tone(440.0, 20.0, RATE_HZ, 0.2)
    rooms = room_responses(RATE_HZ, generator())
    first, again, other = (
        recorded(performance, RATE_HZ, rooms, generator(seed), overdriven=0.12)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_overdriven_amplifier_adds_overtones_to_its_share_of_the_pieces() -> None:
    performance = tone(440.0, 60.0, RATE_HZ, 0.2)
    rooms = room_responses(RATE_HZ, generator())
    never, always = (
        third_overtone(recorded(performance, RATE_HZ, rooms, generator(), overdriven=share))
        for share in (0.0, 1.0)
    )
    assert always > 10.0 * never


def third_overtone(sound: np.ndarray) -> float:
    """Return the power at 1320 Hz as a share of that at 440 Hz."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    near = [
        slice(round((hz - 5) * len(sound) / RATE_HZ), round((hz + 5) * len(sound) / RATE_HZ))
        for hz in (440, 1320)
    ]
    return float(power[near[1]].sum() / power[near[0]].sum())


@pytest.mark.parametrize("seed", range(6))
def test_a_codec_keeps_length_and_place_of_a_sound(seed: int) -> None:
    wave = tone(440.0, 1.0, RATE_HZ, 0.2)
    wave[: RATE_HZ // 2] = 0.0
    heard = coded(wave, RATE_HZ, generator(seed))
    assert heard.shape == wave.shape
    assert np.corrcoef(wave, heard)[0, 1] > 0.9


def test_a_compressor_keeps_the_peak_and_lifts_what_is_quiet() -> None:
    wave = np.concatenate([tone(440.0, 0.5, RATE_HZ, 0.5), tone(440.0, 0.5, RATE_HZ, 0.05)])
    squeezed = compressed(wave, RATE_HZ, generator())
    quiet = slice(3 * RATE_HZ // 4, RATE_HZ)
    assert np.abs(squeezed).max() == pytest.approx(0.5, rel=0.02)
    assert np.abs(squeezed[quiet]).max() > 1.2 * np.abs(wave[quiet]).max()

"""Test tones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from instrd.daemon.sources import Block, Pace, open_source


def make(uri: str, pace: Pace = "fast") -> NDArray[np.float32]:
    source = open_source(uri, pace=pace)
    blocks = []
    while isinstance(block := source.read(), Block):
        blocks.append(block.samples)
    whole: NDArray[np.float32] = np.concatenate(blocks)
    return whole


def test_tones_have_their_frequencies_and_together_their_level() -> None:
    heard = make("synth:?tones=500,1250&seconds=2&rate=16000&level_dbfs=-12")
    assert heard.dtype == np.float32
    assert len(heard) == 32_000
    assert 20.0 * np.log10(np.sqrt(np.mean(heard**2))) == pytest.approx(-12.0, abs=0.01)
    spectrum = np.abs(np.fft.rfft(heard))
    assert sorted(np.argsort(spectrum)[-2:] / 2.0) == [500.0, 1250.0]


def test_the_same_address_gives_the_same_samples_at_any_pace() -> None:
    uri = "synth:?tones=440&seconds=0.1&seed=3"
    assert np.array_equal(make(uri), make(uri))
    assert np.array_equal(make(uri), make(uri, "realtime"))
    assert not np.array_equal(make(uri), make("synth:?tones=440&seconds=0.1&seed=4"))


def test_a_seed_adds_noise_at_its_level() -> None:
    tone = make("synth:?tones=440&seconds=1")
    noisy = make("synth:?tones=440&seconds=1&seed=1&noise_dbfs=-40")
    assert 20.0 * np.log10(np.std(noisy - tone)) == pytest.approx(-40.0, abs=0.2)

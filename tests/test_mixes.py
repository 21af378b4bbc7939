"""Mixtures for the comparison of peers: one piece is the loudest, at every rate alike."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from mixes import Mix, Piece, as_recorded, draw_mixes
from sounds import tone

from instrd.training.folders.pool import Clip

RATE_HZ = 16_000
HZ = {"flute": 2000.0, "piano": 440.0, "violin": 1000.0}


def clip(label: str) -> Clip:
    return Clip(f"{label}.wav", label, "made up", "", "CC0", "", "notes", 4.0)


@pytest.fixture
def pieces(tmp_path: Path) -> list[Piece]:
    """Write one tone a label, each at a level of its own."""
    for number, (label, hz) in enumerate(HZ.items()):
        sound = tone(hz, 4.0, RATE_HZ, amplitude=0.1 * 2.0**number)
        soundfile.write(tmp_path / f"{label}.wav", sound, RATE_HZ, subtype="FLOAT")
    rms = [0.1 * 2.0**number / np.sqrt(2.0) for number in range(3)]
    return [Piece(clip(label), 0.5, 3.5, own) for label, own in zip(HZ, rms, strict=True)]


def levels_db(mix: Mix, data: Path, rate_hz: int) -> dict[str, float]:
    spectrum = np.abs(np.fft.rfft(mix.sound(as_recorded(data), rate_hz))) / rate_hz
    return {label: 20.0 * np.log10(spectrum[round(3 * hz)] + 1e-9) for label, hz in HZ.items()}


def test_the_predominant_instrument_is_3_to_12_db_louder_than_any_other(
    pieces: list[Piece], tmp_path: Path
) -> None:
    for mix in draw_mixes(pieces, 12):
        levels = levels_db(mix, tmp_path, RATE_HZ)
        own = levels.pop(mix.predominant.label)
        below = [own - level for level in levels.values() if level > -60.0]
        assert len(below) == len(mix.pieces) - 1
        assert 3.0 - 0.1 < min(below) <= max(below) < 12.0 + 0.1


def test_every_label_is_as_often_the_predominant_one(pieces: list[Piece]) -> None:
    labels = [mix.predominant.label for mix in draw_mixes(pieces, 12)]
    assert {label: labels.count(label) for label in HZ} == dict.fromkeys(HZ, 4)


def test_peers_of_other_rates_hear_the_same_mixture(pieces: list[Piece], tmp_path: Path) -> None:
    (mix,) = draw_mixes(pieces, 1)
    half, whole = (levels_db(mix, tmp_path, rate_hz) for rate_hz in (RATE_HZ, 2 * RATE_HZ))
    assert len(mix.sound(as_recorded(tmp_path), 2 * RATE_HZ)) == 6 * RATE_HZ
    assert list(half.values()) == pytest.approx(list(whole.values()), abs=0.5)


def test_one_label_alone_makes_no_mixture(pieces: list[Piece]) -> None:
    assert list(draw_mixes(pieces[:1])) == []

from pathlib import Path

import mido
import numpy as np
import pytest

from instrd.training.stems.drumming import drummed

RATE_HZ = 16_000
KICK, SNARE = 36, 38


@pytest.fixture
def groove(tmp_path: Path) -> Path:
    """Kick and snare in turn, half a second apart."""
    track = mido.MidiTrack()
    for k in range(8):
        pitch = KICK if k % 2 == 0 else SNARE
        track.append(mido.Message("note_on", channel=9, note=pitch, velocity=127, time=0))
        track.append(mido.Message("note_off", channel=9, note=pitch, time=480))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(tmp_path / "groove.mid")
    return tmp_path / "groove.mid"


def click(amplitude: float) -> np.ndarray:
    stroke = np.zeros(400, np.float32)
    stroke[0] = amplitude
    return stroke


def test_strokes_fall_where_the_drummer_struck(groove: Path) -> None:
    strokes = [("Kick-1.wav", click(1.0)), ("Snare-1.wav", click(-1.0))]
    rng = np.random.default_rng(0)
    track = drummed(strokes, [groove], length=3 * RATE_HZ, rate_hz=RATE_HZ, rng=rng)
    struck = np.flatnonzero(track)
    assert len(track) == 3 * RATE_HZ
    assert np.diff(struck[:4]) == pytest.approx([RATE_HZ // 2] * 3, abs=2)


def test_a_file_name_tells_which_drum_a_stroke_is_of(groove: Path) -> None:
    strokes = [("12-KdrumL.flac", click(1.0)), ("12-Snare.flac", click(-1.0))]
    rng = np.random.default_rng(0)
    track = drummed(strokes, [groove], length=2 * RATE_HZ, rate_hz=RATE_HZ, rng=rng)
    signs = np.sign(track[np.flatnonzero(track)])
    assert (signs[1:] == -signs[:-1]).all()


def test_without_telling_names_any_stroke_will_do(groove: Path) -> None:
    rng = np.random.default_rng(0)
    track = drummed([("a.wav", click(1.0))], [groove], length=RATE_HZ, rate_hz=RATE_HZ, rng=rng)
    assert track.any()

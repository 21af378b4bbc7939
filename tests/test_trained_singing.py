"""Sinsy's singer gets melodies as scores; the singer itself is an extra and made up here."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import mido
import numpy as np
import pytest
from sounds import tone

from instrd.training.errors import TrainingError
from instrd.training.stems.trained_singing import score_of, sing_trained

RATE_HZ = 16_000
MELODY = [(1.0, 1.5, 60, 90), (1.5, 2.6, 63, 90), (2.5, 2.55, 64, 90), (3.0, 4.0, 58, 90)]


def generator() -> np.random.Generator:
    return np.random.default_rng(3)


def pitch_of(note: ET.Element) -> int | None:
    if note.find("rest") is not None:
        return None
    step = "C D EF G A B".index(note.findtext("pitch/step", ""))
    octave, alter = (int(note.findtext(f"pitch/{name}", "")) for name in ("octave", "alter"))
    return 12 * (octave + 1) + step + alter


def test_a_score_has_the_notes_of_the_melody_in_some_key_with_rests_around() -> None:
    measure = ET.fromstring(score_of(MELODY, generator())).find("part/measure")
    assert measure is not None
    notes = measure.findall("note")
    pitches = [pitch_of(note) for note in notes]
    assert [pitch is None for pitch in pitches] == [True, False, False, True, False, True]
    sung = [pitch for pitch in pitches if pitch is not None]
    assert np.diff(sung).tolist() == [3, -5]  # the note of 50 ms is too short to be sung
    assert 58 - 5 <= np.median(sung) <= 74 + 5
    durations = [int(note.findtext("duration", "")) for note in notes]
    assert durations[:5] == [48, 48, 96, 48, 96]  # a quarter is 48 and lasts half a second
    assert sum(durations) == 48 * int(measure.findtext("attributes/time/beats", ""))


def test_every_note_has_a_syllable() -> None:
    notes = ET.fromstring(score_of(MELODY, generator())).iter("note")
    words = [note.findtext("lyric/text") for note in notes]
    assert [bool(word) for word in words] == [False, True, True, False, True, False]


class MadeUpSinsy:
    """Sings a tone for as long as the score lasts."""

    def setLanguages(self, language: str, folder: str) -> bool:  # noqa: N802 - Sinsy's names
        return language == "j" and folder == "words"

    def loadVoices(self, voice: str) -> bool:  # noqa: N802
        return voice == "voice"

    def setAlpha(self, alpha: float) -> None:  # noqa: N802
        assert 0.0 < alpha < 1.0

    def clearScore(self) -> None:  # noqa: N802
        self._beats = 0

    def loadScoreFromMusicXML(self, path: str) -> bool:  # noqa: N802
        score = ET.fromstring(Path(path).read_text(encoding="utf-8"))
        self._beats = int(score.findtext("part/measure/attributes/time/beats", ""))
        return True

    def synthesize(self) -> tuple[Any, int]:
        return tone(220.0, 0.5 * self._beats, 48_000).astype(np.float64) * 30_000.0, 48_000


@pytest.fixture
def scores(tmp_path: Path) -> list[Path]:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="MELODY")])
    for pitch in (60, 62, 64, 65, 67, 69, 71, 72, 74):
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        track.append(mido.Message("note_off", note=pitch, time=480))
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(tmp_path / "score.mid")
    return [tmp_path / "score.mid"]


def test_songs_fill_the_minutes_below_full_scale_in_many_keys(
    scores: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = SimpleNamespace(
        Sinsy=MadeUpSinsy,
        get_default_dic_dir=lambda: "words",
        get_default_htsvoice=lambda: "voice",
    )
    monkeypatch.setitem(sys.modules, "pysinsy", package)
    track = sing_trained(scores, minutes=0.5, rate_hz=RATE_HZ, rng=generator())
    assert len(track) >= 30 * RATE_HZ
    assert np.abs(track).max() == pytest.approx(0.7, abs=1e-3)
    loudest = [np.abs(np.fft.rfft(s)).argmax() for s in track[: 28 * RATE_HZ].reshape(28, -1)]
    assert min(loudest) > 220.0 * 2.0 ** (-9.5 / 12.0)
    assert max(loudest) < 220.0 * 2.0 ** (4.5 / 12.0)
    assert len(set(loudest)) > 2


def test_without_sinsy_the_error_says_what_to_install(
    scores: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pysinsy", None)
    with pytest.raises(TrainingError, match=r"pip install 'instrd\[singing\]'"):
        sing_trained(scores, minutes=0.1, rate_hz=RATE_HZ, rng=generator())

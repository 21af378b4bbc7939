"""The benchmark of false alarms counts what every recording sets off."""

import sys
from pathlib import Path

import false_alarms
import numpy as np
import pytest
import soundfile
from sounds import tone
from tone_bundle import tone_bundle


def test_folders_of_one_name_are_counted_each_and_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tone_bundle(tmp_path / "bundles" / "tones")
    folders = [tmp_path / name for name in ("a/speech", "b/speech", "b/street")]
    for folder, tone_hz in zip(folders, (440.0, 2000.0, 440.0), strict=True):
        folder.mkdir(parents=True)
        soundfile.write(folder / "one.wav", tone(tone_hz, 1.0, 16_000), 16_000)
    options = ["--hours", "0.001", "--model", "tones", "--folder", tmp_path / "bundles"]
    monkeypatch.setattr(sys, "argv", ["false_alarms.py", *map(str, [*options, *folders])])
    false_alarms.main()
    told = [line.split() for line in capsys.readouterr().out.splitlines()[7:]]
    assert [(name, label) for name, *_, label, _, _, _ in told] == [
        (str(folders[0]), "{'low':"),
        (str(folders[1]), "{'high':"),
        ("street", "{'low':"),
    ]


def test_hum_is_of_its_level_and_of_the_mains() -> None:
    sound = np.concatenate(list(false_alarms.hum(40, 1600, 60.0)))
    assert 20.0 * np.log10(np.sqrt(np.mean(sound**2))) == pytest.approx(-40.0, abs=0.1)
    spectrum = np.abs(np.fft.rfft(sound))
    hz = np.fft.rfftfreq(len(sound), 1.0 / false_alarms.RATE_HZ)
    assert hz[spectrum.argmax()] == 60.0
    assert set(hz[spectrum > 0.04 * spectrum.max()]) == {60.0 * order for order in range(1, 20)}


def test_tones_are_steady_or_go_on_and_off_with_silence_between() -> None:
    levels_dbfs = []
    for square in (False, True):
        sound = np.concatenate(list(false_alarms.tones(700, 160, square=square)))
        assert sound.shape == (700 * 160,)
        parts = sound[: 64 * 1600].reshape(64, -1)
        levels_dbfs.append(10.0 * np.log10(np.mean(parts**2, axis=1)))
    steady, beeping = (levels > -60.0 for levels in levels_dbfs)
    assert 0.5 < steady.mean() < 0.9
    assert 0.2 < beeping.mean() < steady.mean()
    assert (levels_dbfs[0][steady] < -15.0).all()

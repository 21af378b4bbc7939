import json
import os
from pathlib import Path

import numpy as np
import pytest
from labelled_audio import RATE_HZ, Floats, hiss, kaggle, write
from sounds import tone
from train_program import train

from instrd.models.audiofile import read_audio
from instrd.models.frontend import frames_of
from instrd.training.audit.audit import audit
from instrd.training.audit.findings import Report
from instrd.training.audit.fingerprint import (
    ALIKE,
    PICTURE,
    SAME,
    fingerprint,
    likeness,
    same_sounds,
)
from instrd.training.folders.labelled_folder import LayoutError


def clean(root: Path) -> Path:
    """Write two classes in train and test, each file a sound of its own."""
    seed = 0
    for part, count in (("train", 8), ("test", 3)):
        for label in ("drum", "violin"):
            for number in range(count):
                seed += 1
                write(root / part / label / f"piece{seed}{chr(97 + number)}x.wav", hiss(seed))
    return root


def found(report: Report, kind: str) -> list[str]:
    return [finding.what for finding in report.findings if finding.kind == kind]


def test_nothing_is_found_in_a_clean_folder(tmp_path: Path) -> None:
    report = audit(clean(tmp_path))
    assert report.findings == ()
    assert report.rows == {"drum": {"test": 3, "train": 8}, "violin": {"test": 3, "train": 8}}
    assert report.seconds == pytest.approx(22 * 0.6)


def test_a_file_under_two_labels_is_found_and_so_is_a_class_that_has_no_other(
    tmp_path: Path,
) -> None:
    doubled = [
        (f"beat-{k}0000.wav", f"Sound_{label}") for k in (1, 2) for label in ("Drum", "Violin")
    ]
    kaggle(tmp_path, [*doubled, ("bang-30000.wav", "Sound_Drum")], [])
    write(tmp_path / "Train_submission" / "violin_sound (1).wav", hiss(99))
    report = audit(tmp_path)
    assert len(found(report, "file under two labels")) == 2
    (throughout,) = found(report, "class contradicted throughout")
    assert "class violin: each of its 2 files" in throughout
    assert len(found(report, "file without row")) == 1
    assert audit(tmp_path, "corrected").findings == ()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_one_sound_under_two_labels_is_found_at_another_gain_format_and_offset(
    tmp_path: Path, suffix: str
) -> None:
    clean(tmp_path)
    copy = np.concatenate((np.zeros(300, np.float32), -0.3 * hiss(1)))
    write(tmp_path / "train" / "violin" / f"other.{suffix}", copy)
    (what,) = found(audit(tmp_path), "sound under two labels")
    assert "drum and violin" in what


def test_one_sound_in_train_and_test_is_found(tmp_path: Path) -> None:
    clean(tmp_path)
    write(tmp_path / "test" / "drum" / "again.wav", 0.5 * hiss(1))
    report = audit(tmp_path)
    assert found(report, "sound in train and test") == [
        "test/drum/again.wav and train/drum/piece1ax.wav: one sound, in train and test"
    ]
    assert not found(report, "sound under two labels")


def test_one_sound_twice_in_a_class_is_a_warning(tmp_path: Path) -> None:
    clean(tmp_path)
    write(tmp_path / "train" / "drum" / "again.wav", hiss(1))
    report = audit(tmp_path)
    assert len(found(report, "sound twice")) == 1
    assert not report.contradicts


def test_takes_of_one_recording_on_both_sides_are_found(tmp_path: Path) -> None:
    clean(tmp_path)
    write(tmp_path / "train" / "drum" / "WaveDrum02_39KD (1).wav", hiss(500))
    write(tmp_path / "test" / "drum" / "WaveDrum02_39KD (2).wav", hiss(501))
    (what,) = found(audit(tmp_path), "takes in train and test")
    assert what == "takes of drum: wavedrum02 39kd: 1 in train, 1 in test"


def test_a_class_of_which_nothing_can_be_read_is_found(tmp_path: Path) -> None:
    clean(tmp_path)
    (tmp_path / "train" / "harp").mkdir()
    (tmp_path / "train" / "harp" / "bad.wav").write_text("no sound")
    (tmp_path / "train" / "lute").mkdir()
    report = audit(tmp_path)
    assert found(report, "class without a file") == [
        "class harp: none of its 1 file can be read",
        "class lute: no file",
    ]
    (unreadable,) = found(report, "unreadable file")
    assert "not readable as audio" in unreadable


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_a_silent_or_constant_file_is_found(tmp_path: Path, level: float) -> None:
    clean(tmp_path)
    write(tmp_path / "train" / "drum" / "flat.wav", np.full(4000, level, np.float32))
    (what,) = found(audit(tmp_path), "silent file")
    assert "flat.wav" in what


def test_a_clipped_file_is_found(tmp_path: Path) -> None:
    clean(tmp_path)
    write(tmp_path / "train" / "drum" / "hot.wav", np.clip(30.0 * hiss(700), -1.0, 1.0))
    report = audit(tmp_path)
    assert len(found(report, "clipped file")) == 1
    assert not report.contradicts


def test_rows_without_files_are_found(tmp_path: Path) -> None:
    kaggle(tmp_path, [("a-10000.wav", "Sound_Drum"), ("b-20000.wav", "Sound_Piano")], [])
    (tmp_path / "Train_submission" / "b-20000.wav").unlink()
    report = audit(tmp_path)
    assert found(report, "row without file") == ["train: b-20000.wav has a row and no file"]
    assert found(report, "class without a file") == ["class piano: no file"]


@pytest.mark.parametrize(
    ("measure", "changed"),
    [
        ("length", lambda seed: (hiss(seed, 0.9), RATE_HZ)),
        ("sample rate", lambda seed: (hiss(seed, 0.3), 2 * RATE_HZ)),
        ("loudness", lambda seed: (0.2 * hiss(seed), RATE_HZ)),
    ],
)
def test_a_shortcut_to_the_label_is_found(tmp_path: Path, measure: str, changed: object) -> None:
    assert callable(changed)
    for seed in range(16):
        write(tmp_path / "drum" / f"take{seed}.wav", hiss(seed))
        sound, rate_hz = changed(seed + 100)
        write(tmp_path / "harp" / f"take{seed}.wav", sound, rate_hz)
    shortcuts = found(audit(tmp_path), "shortcut to the label")
    assert [what for what in shortcuts if what.startswith(f"{measure} alone names 100%")]


def test_odd_spellings_are_found(tmp_path: Path) -> None:
    kaggle(tmp_path, [("a-10000.wav", "sound_guiatr")], [])
    assert found(audit(tmp_path), "odd spelling") == ["guitar is spelt sound_guiatr"]


def test_audio_of_formats_that_are_not_read_is_found(tmp_path: Path) -> None:
    write(tmp_path / "drum" / "a.wav", hiss(1))
    (tmp_path / "drum" / "b.m4a").touch()
    told = "drum/b.m4a: of a format that is not read (convert to WAV or FLAC)"
    assert found(audit(tmp_path), "unreadable file") == [told]
    (tmp_path / "drum" / "a.wav").unlink()
    with pytest.raises(LayoutError, match=r"no labelled audio here; .*; 1 file of a format"):
        audit(tmp_path)


def test_a_class_that_no_recipe_can_name_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path / "Große Trommel" / "a.wav", hiss(1))
    write(tmp_path / "drum" / "a.wav", hiss(2))
    told = "class große_trommel: allowed in a recipe: 1 to 32 of a to z, 0 to 9, _ and -"
    assert found(audit(tmp_path), "class that no recipe can name") == [told]


def test_the_exit_code_tells_clean_from_contradicting_from_bad_input(tmp_path: Path) -> None:
    clean(tmp_path / "good")
    clean(tmp_path / "bad")
    write(tmp_path / "bad" / "test" / "drum" / "again.wav", hiss(1))
    assert train("audit", "--data", tmp_path / "good")[0] == 0
    code, output = train("audit", "--data", tmp_path / "bad")
    assert code == 1
    assert "sound in train and test" in output
    assert ", 0 minutes, layout folders: 1 contradiction, 0 warnings" in " ".join(output.split())
    code, output = train("audit", "--data", tmp_path / "nowhere")
    assert code == 2
    assert "looked for" in output
    assert train("audit", "--data", tmp_path / "good", "--labels", "corrected")[0] == 2
    assert train("audit", "--data", tmp_path / "good", "--json", tmp_path)[0] == 2


def test_the_report_is_written_as_json(tmp_path: Path) -> None:
    clean(tmp_path / "data")
    write(tmp_path / "data" / "test" / "drum" / "again [1].wav", hiss(1))
    train("audit", "--data", tmp_path / "data", "--json", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    (finding,) = report["findings"]
    assert finding["kind"] == "sound in train and test"
    assert "test/drum/again [1].wav" in finding["files"]


def test_names_that_are_no_text_are_told_and_written(tmp_path: Path) -> None:
    data = clean(tmp_path / "data")
    write(tmp_path / "again.wav", hiss(1))
    (tmp_path / "again.wav").rename(data / "test" / "drum" / os.fsdecode(b"again\xe9.wav"))
    (data / "train" / os.fsdecode(b"fl\xfbte")).mkdir()
    code, output = train("audit", "--data", data, "--json", tmp_path / "report.json")
    assert code == 1
    assert r"fl\xfbte" in output
    report = json.loads((tmp_path / "report.json").read_text())
    files = [file for finding in report["findings"] for file in finding["files"]]
    assert r"test/drum/again\xe9.wav" in files


def test_two_sounds_are_not_one() -> None:
    one, other = fingerprint(hiss(1), RATE_HZ), fingerprint(hiss(2), RATE_HZ)
    assert likeness(one, other) < SAME / 2
    assert same_sounds([one, other]) == []


def test_the_waveforms_of_sounds_with_one_picture_decide() -> None:
    # Two tones with the same envelope, one with a phase that wanders: alike, but not the same.
    rng = np.random.default_rng(0)
    drift = np.cumsum(rng.normal(0.0, 0.02, 2 * RATE_HZ))
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    steady = tone(440.0, 2.0, RATE_HZ)
    wandering: Floats = (0.3 * np.sin(2 * np.pi * 440.0 * time_s + drift)).astype(np.float32)
    one, other = fingerprint(steady, RATE_HZ), fingerprint(wandering, RATE_HZ)
    assert float((one.picture * other.picture).sum()) > ALIKE
    assert same_sounds([one, other]) == []


def test_a_fingerprint_survives_lossy_coding_and_a_little_noise(tmp_path: Path) -> None:
    sound = tone(220.0, 1.5, 44_100, 0.1) + tone(660.0, 1.5, 44_100, 0.1)
    noise = np.random.default_rng(0).normal(0.0, 1e-3, len(sound)).astype(np.float32)
    write(tmp_path / "coded.ogg", 0.4 * (sound + noise), 44_100)
    coded, rate_hz = read_audio(tmp_path / "coded.ogg")
    prints = [
        fingerprint(sound, 44_100),
        fingerprint(hiss(1), RATE_HZ),
        fingerprint(coded, rate_hz),
    ]
    assert same_sounds(prints) == [[0, 2]]


def test_a_picture_is_made_of_the_frames_that_models_hear() -> None:
    kept = fingerprint(hiss(3), RATE_HZ)
    frames = frames_of(PICTURE, kept.onset.astype(np.float32))
    assert kept.picture.shape == frames.shape
    assert np.linalg.norm(kept.picture) == pytest.approx(1.0, abs=1e-4)

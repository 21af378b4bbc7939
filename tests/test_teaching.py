"""Music is kept as frames and the teacher's opinion of the same moments, file by file."""

import sys
from pathlib import Path

import numpy as np
import pytest
from labelled_audio import hiss, write
from made_up_teacher import made_up_teacher

from instrd.models.frontend import frames_of
from instrd.training.cli import main
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import resample
from instrd.training.progress import unwatched
from instrd.training.recipe import Split
from instrd.training.teachers import teaching
from instrd.training.teachers.listening import Recording, find_recordings, in_rows, listen
from instrd.training.teachers.music import (
    FRONT_END,
    INDEX,
    STEP_FRAMES,
    WINDOW_FRAMES,
    Entry,
    Music,
    read_music,
    read_recording,
    window_count,
)
from instrd.training.teachers.teacher import RATE_HZ, Teacher

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_teacher(tmp_path_factory.mktemp("teacher"))


def teach(
    teacher: Path,
    folders: list[Path],
    out: Path,
    *,
    processes: int = 1,
    split: Split | None = None,
) -> teaching.Taught:
    return teaching.teach(
        folders,
        teacher=teacher,
        out=out,
        most_minutes=1.0,
        processes=processes,
        watch=unwatched,
        split=split,
    )


def hear(teacher: Path, out: Path, path: Path, most_s: float = 720.0) -> teaching.Outcome:
    """Hear one file in this process."""
    recording = Recording((path,), path.parent.name, f"{path.parent.name}/{path.name}.npz")
    return teaching._hear(recording, teacher=teacher, yamnet=None, out=out, most_s=most_s)


def read(out: Path, outcome: teaching.Outcome) -> Music:
    assert isinstance(outcome, Entry)
    return read_recording(out / outcome.file, outcome.origin)


def test_folders_become_a_bank_that_is_read_back(teacher: Path, tmp_path: Path) -> None:
    write(tmp_path / "songs" / "deep" / "a.wav", hiss(1, 8.1))
    write(tmp_path / "songs" / "b.FLAC", hiss(2, 4.0))
    write(tmp_path / "games" / "a.wav", hiss(3, 6.0))
    write(tmp_path / "games" / "short.wav", hiss(4, 3.9))
    (tmp_path / "games" / "broken.ogg").write_bytes(b"OggS no more")
    (tmp_path / "games" / "readme.txt").write_text("no sound")
    taught = teach(teacher, [tmp_path / "songs", tmp_path / "games"], tmp_path / "bank")
    assert taught.short == 1
    assert [file.path.name for file in taught.broken] == ["broken.ogg"]
    music = read_music(tmp_path / "bank")
    assert [(m.origin, m.frames.shape, m.logits.shape) for m in music] == [
        ("songs", (200, 80), (1, 527)),
        ("songs", (405, 80), (3, 527)),
        ("games", (300, 80), (2, 527)),
    ]
    assert {m.frames.dtype for m in music} == {m.logits.dtype for m in music} == {np.dtype("f2")}


def test_short_files_of_a_folder_are_heard_in_rows(teacher: Path, tmp_path: Path) -> None:
    words = tmp_path / "words"
    for name in ("a", "b", "c"):
        write(words / "one" / f"{name}.wav", hiss(1, 2.0))
    write(words / "one" / "long.wav", hiss(2, 5.0))
    write(words / "two" / "alone.wav", hiss(3, 1.0))
    (words / "two" / "broken.wav").write_bytes(b"no sound")
    taught = teach(teacher, [words], tmp_path / "bank")
    heard = {entry.file: entry.frames for entry in taught.entries}
    assert heard == {"words/one/a.wav.npz": 300, "words/one/long.wav.npz": 250}
    assert taught.short == 1
    assert [file.path.name for file in taught.broken] == ["broken.wav"]


def test_a_row_lasts_half_a_minute(tmp_path: Path) -> None:
    for number in range(22):
        write(tmp_path / f"{number:02}.wav", hiss(1, 3.0))
    rows = list(in_rows(sorted(tmp_path.iterdir())))
    assert [len(row) for row in rows] == [10, 10, 2]


@pytest.mark.parametrize(
    ("frames", "windows"), [(0, 0), (199, 0), (200, 1), (299, 1), (300, 2), (1000, 9)]
)
def test_only_whole_windows_count(frames: int, windows: int) -> None:
    assert window_count(frames) == windows


@pytest.mark.parametrize("rate_hz", [FRONT_END.rate_hz, RATE_HZ])
def test_window_and_frames_hold_the_same_moment(
    rate_hz: int, teacher: Path, tmp_path: Path
) -> None:
    sound = np.zeros(10 * rate_hz, np.float32)
    count = rate_hz // 2
    start = 5 * rate_hz + count // 2  # a frame begins 44 ms before its hop
    sound[start : start + count] = np.random.default_rng(0).normal(0.0, 0.1, count)
    write(tmp_path / "songs" / "a.wav", sound, rate_hz)
    music = read(tmp_path, hear(teacher, tmp_path, tmp_path / "songs" / "a.wav"))
    loud = music.frames.max(axis=1) > -60.0
    windows = [
        loud[j * STEP_FRAMES :][:WINDOW_FRAMES].any() for j in range(window_count(len(loud)))
    ]
    assert windows == [False, True, True, False]
    silent = Teacher(teacher).logits(np.zeros((1, 4 * RATE_HZ), np.float32))[0]
    told = [not np.allclose(logits, silent, atol=1e-2) for logits in music.logits]
    assert told == windows


def test_frames_and_logits_are_those_of_the_whole_sound(teacher: Path, tmp_path: Path) -> None:
    sound = np.repeat(hiss(5, 7.0), RATE_HZ // 8000)
    write(tmp_path / "songs" / "a.wav", sound, RATE_HZ)
    heard, _ = listen(tmp_path / "songs" / "a.wav", 60.0)
    music = read(tmp_path, hear(teacher, tmp_path, tmp_path / "songs" / "a.wav"))
    expected = frames_of(FRONT_END, resample(heard, RATE_HZ, FRONT_END.rate_hz))
    np.testing.assert_allclose(music.frames, expected, atol=0.05)
    second = heard[2 * RATE_HZ : 6 * RATE_HZ]
    np.testing.assert_allclose(music.logits[1], Teacher(teacher).logits(second[None])[0], atol=1e-2)


@pytest.mark.timeout(900)  # a process loads torch before it hears anything
def test_several_processes_fill_the_bank_that_one_would(teacher: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        write(tmp_path / "songs" / name, hiss(1, 4.5))
    (tmp_path / "songs" / "c.wav").write_bytes(b"no sound")
    for processes in (1, 2):
        taught = teach(
            teacher, [tmp_path / "songs"], tmp_path / f"by-{processes}", processes=processes
        )
        assert [file.path.name for file in taught.broken] == ["c.wav"]
    alone, together = (read_music(tmp_path / f"by-{processes}") for processes in (1, 2))
    assert len(alone) == len(together) == 2
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-2)


def test_of_a_long_file_only_the_beginning_is_heard(teacher: Path, tmp_path: Path) -> None:
    write(tmp_path / "songs" / "a.wav", hiss(6, 12.0))
    outcome = hear(teacher, tmp_path, tmp_path / "songs" / "a.wav", most_s=5.5)
    assert outcome == Entry("songs/a.wav.npz", "songs", 275, 1)


def test_what_is_there_already_is_not_heard_again(teacher: Path, tmp_path: Path) -> None:
    write(tmp_path / "songs" / "a.wav", hiss(7, 5.0))
    first = hear(teacher, tmp_path, tmp_path / "songs" / "a.wav")
    (tmp_path / "songs" / "a.wav").write_bytes(b"gone")
    assert hear(teacher, tmp_path, tmp_path / "songs" / "a.wav") == first


def test_the_same_sound_gives_the_same_bytes(teacher: Path, tmp_path: Path) -> None:
    write(tmp_path / "songs" / "a.wav", hiss(8, 5.0))
    for bank in ("one", "two"):
        hear(teacher, tmp_path / bank, tmp_path / "songs" / "a.wav")
    files = [tmp_path / bank / "songs" / "a.wav.npz" for bank in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert list((tmp_path / "one").rglob("*.*")) == [files[0]]


def test_what_the_bank_has_of_other_folders_stays_in_it(teacher: Path, tmp_path: Path) -> None:
    for folder in ("songs", "games"):
        write(tmp_path / folder / "a.wav", hiss(1, 5.0))
        teach(teacher, [tmp_path / folder], tmp_path / "bank")
    assert [music.origin for music in read_music(tmp_path / "bank")] == ["songs", "games"]
    (tmp_path / "songs" / "a.wav").rename(tmp_path / "songs" / "b.wav")
    taught = teach(teacher, [tmp_path / "songs"], tmp_path / "bank")
    assert [entry.file for entry in taught.entries] == ["games/a.wav.npz", "songs/b.wav.npz"]


def test_two_origins_of_one_name_are_refused(tmp_path: Path) -> None:
    for parent in ("one", "two"):
        write(tmp_path / parent / "songs" / "a.wav", hiss(9, 5.0))
    with pytest.raises(TrainingError, match="got it twice"):
        find_recordings([tmp_path / "one" / "songs", tmp_path / "two" / "songs"])


def test_of_a_pool_only_known_sources_are_heard_and_said_to_be_labelled(
    teacher: Path, tmp_path: Path
) -> None:
    pool = tmp_path / "pool"
    for source in ("known", "kept"):
        write(pool / f"{source}.wav", hiss(1, 4.1))
    rows = [f"{source}.wav,drum,{source},,,,notes,4.1" for source in ("known", "kept")]
    fields = "path,label,source,original,licence,credit,kind,seconds"
    (pool / "manifest.csv").write_text("\n".join([fields, *rows]))
    split = Split(sources=("kept",))
    taught = teach(teacher, [pool], tmp_path / "bank", split=split)
    assert [entry.file for entry in taught.entries] == ["pool/known.wav.npz"]
    assert [music.labelled for music in read_music(tmp_path / "bank")] == [True]
    with pytest.raises(TrainingError, match="is a pool; needs a recipe"):
        find_recordings([pool])


def test_folders_without_sound_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no audio file"):
        find_recordings([tmp_path])
    with pytest.raises(TrainingError, match="is no folder"):
        find_recordings([tmp_path / "none"])


def test_a_folder_that_is_no_bank_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="run instrd-train teach first"):
        read_music(tmp_path)
    (tmp_path / INDEX).write_text('[{"file": 1}]')
    with pytest.raises(TrainingError, match="file"):
        read_music(tmp_path)
    entry = '{"file": "a.npz", "origin": "songs", "frames": 200, "windows": 1}'
    (tmp_path / INDEX).write_text(f"[{entry}]")
    (tmp_path / "a.npz").write_bytes(b"PK no zip")
    with pytest.raises(TrainingError, match="is no taught recording"):
        read_music(tmp_path)


def test_the_command_tells_what_came_out_and_what_was_left_out(
    teacher: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path / "songs" / "a.wav", hiss(1, 9.0))
    (tmp_path / "songs" / "b.wav").write_bytes(b"no sound")
    arguments = ["teach", tmp_path / "songs", "--teacher", teacher, "--out", tmp_path / "bank"]
    monkeypatch.setattr(sys, "argv", ["instrd-train", *map(str, arguments), "--processes", "1"])
    with pytest.raises(SystemExit, match="0"):
        main()
    told = capsys.readouterr()
    assert told.out.strip() == (
        f"{tmp_path / 'bank'}: 1 files, 0.00 h; left out: 0 shorter than a window, 1 broken"
    )
    assert f"left out: {tmp_path / 'songs' / 'b.wav'}: not readable as audio" in told.err

from pathlib import Path

import numpy as np
import pytest
import soundfile

from instrd.training.errors import TrainingError
from instrd.training.folders.layouts import read_folder
from instrd.training.folders.pool import (
    Clip,
    by_origin,
    check_recordings,
    credits_of,
    divide,
    listen,
    read_pool,
    timed,
)
from instrd.training.recipe import Split

MANIFEST = """path,label,source,original,licence,credit,kind,seconds
a/1.wav,piano,A,1.wav,CC0,Ann,notes,1.5
a/2.wav,piano,A,2.wav,CC0,Bob,notes,2.5
b/1.wav,violin,B,1.wav,CC-BY-4.0,Cem,notes,1.0
"""


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    return tmp_path


def test_no_source_lies_on_both_sides_of_the_split(pool: Path) -> None:
    train, test = divide(read_pool(pool), Split(("B",)))
    assert {clip.source for clip in train} == {"A"}
    assert {clip.source for clip in test} == {"B"}


def test_clips_are_grouped_by_label_and_source(pool: Path) -> None:
    groups = by_origin(read_pool(pool))
    assert {key: len(clips) for key, clips in groups.items()} == {
        ("piano", "A"): 2,
        ("violin", "B"): 1,
    }


def test_a_source_is_credited_once_with_all_its_names(pool: Path) -> None:
    clips = read_pool(pool)
    credited = credits_of((clip.source, clip.licence, clip.credit) for clip in clips)
    assert [(c.source, c.licence, c.credit) for c in credited] == [
        ("A", "CC0", "Ann; Bob"),
        ("B", "CC-BY-4.0", "Cem"),
    ]


def test_a_folder_without_a_manifest_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"manifest\.csv: cannot be read"):
        read_pool(tmp_path)


def test_a_manifest_may_come_from_a_spreadsheet_and_have_columns_of_its_own(pool: Path) -> None:
    clips = read_pool(pool)
    first, *rows = MANIFEST.splitlines()
    lines = [f"{first},part,notes", *(f"{row},train," for row in rows)]
    text = "\r\n".join(lines).replace("piano", "Piano")
    (pool / "manifest.csv").write_bytes(text.encode("utf-8-sig"))
    assert read_pool(pool) == clips


def test_a_manifest_needs_no_more_than_paths_labels_and_sources(pool: Path) -> None:
    (pool / "manifest.csv").write_text("path,label,source,seconds\na/1.wav,piano,My keys,\n")
    (clip,) = read_pool(pool)
    assert clip == Clip("a/1.wav", "piano", "My keys", original="a/1.wav")
    (pool / "a").mkdir()
    soundfile.write(pool / "a/1.wav", np.zeros(2_000, np.float32), 8_000)
    assert timed(clip, pool).seconds == 0.25
    (pool / "manifest.csv").write_text("name,kind\na/1.wav,notes\n")
    with pytest.raises(TrainingError, match="got columns name, kind; lacks path, label, source"):
        read_pool(pool)


def test_what_a_spreadsheet_adds_to_a_manifest_is_no_matter(pool: Path) -> None:
    clips = read_pool(pool)
    with (pool / "manifest.csv").open("a") as manifest:
        manifest.write(",,,,,,,\n\n")
    assert read_pool(pool) == clips
    (pool / "manifest.csv").write_text(MANIFEST.replace("1.5\n", "1.5,,a note\n"))
    assert read_pool(pool) == clips


def test_a_manifest_in_utf_16_is_an_error(pool: Path) -> None:
    (pool / "manifest.csv").write_text(MANIFEST, encoding="utf-16")
    with pytest.raises(TrainingError, match=r"manifest\.csv: cannot be read as a table"):
        read_pool(pool)


@pytest.mark.parametrize("path", ["../a.wav", "a/../../b.wav", "/a.wav"])
def test_a_manifest_is_of_files_below_its_folder(pool: Path, path: str) -> None:
    (pool / "manifest.csv").write_text(MANIFEST.replace("a/1.wav", path))
    for read in (read_pool, read_folder):
        with pytest.raises(TrainingError, match=rf"got {path}, allowed below the folder"):
            read(pool)


def test_a_manifest_with_a_wrong_value_is_an_error(pool: Path) -> None:
    (pool / "manifest.csv").write_text(MANIFEST.replace("1.5", "long"))
    with pytest.raises(TrainingError, match="seconds"):
        read_pool(pool)


def test_a_stereo_file_is_heard_as_mono_at_the_rate_of_the_model(tmp_path: Path) -> None:
    left = np.full(48_000, 0.5, np.float32)
    soundfile.write(tmp_path / "two.wav", np.stack([left, 0 * left], axis=1), 48_000)
    heard = listen(tmp_path / "two.wav", 16_000)
    assert heard.shape == (16_000,)
    assert heard[8_000] == pytest.approx(0.25, abs=1e-3)


def test_recordings_that_are_not_there_or_no_sound_are_told_at_once(pool: Path) -> None:
    for name in ("a/1.wav", "a/2.wav", "b/1.wav"):
        (pool / name).parent.mkdir(exist_ok=True)
        soundfile.write(pool / name, np.zeros(800, np.float32), 8_000)
    check_recordings(pool)
    (pool / "a/1.wav").unlink()
    (pool / "b/1.wav").write_bytes(b"no sound at all")
    told = r"recordings that cannot be read: .*a/1\.wav: no such file.*; .*b/1\.wav: not readable"
    with pytest.raises(TrainingError, match=told):
        check_recordings(pool)
    (pool / "a/2.wav").unlink()
    with pytest.raises(TrainingError, match=r"a/1\.wav: .*a/2\.wav: .*; and 1 more$"):
        check_recordings(pool)

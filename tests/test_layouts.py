from pathlib import Path

import pytest
from labelled_audio import hiss, kaggle, table, write

from instrd.training.folders.labelled_folder import LayoutError, label_of
from instrd.training.folders.layouts import read_folder
from instrd.training.folders.takes import take_group

DRUMS = [("WaveDrum01 (1).wav", "Sound_Drum"), ("thump-12345.wav", "Sound_Drum")]
VIOLINS = ["violin_sound (1).wav", "Vn-ord-A4-ff-1c.wav", "3_some-body_bwv1004_mov2.wav"]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The paper's fault in small: violin rows repeat the drums, the violins have no row."""
    violins = [(name, "Sound_Violin") for name, _ in DRUMS]
    guitars = [("lick.wav", "sound_guiatr"), ("riff.wav", "Sound_Guitar")]
    kaggle(tmp_path, DRUMS + violins + guitars, [("Va-ord-E4-mf-1c.wav", "Sound_Violin")])
    for seed, name in enumerate(VIOLINS, 90):
        write(tmp_path / "Train_submission" / name, hiss(seed))
    return tmp_path


def test_published_labels_are_read_as_they_stand(published: Path) -> None:
    folder = read_folder(published)
    labels = sorted((clip.path.name, clip.label) for clip in folder.clips if clip.part == "train")
    assert labels.count(("thump-12345.wav", "drum")) == 1
    assert labels.count(("thump-12345.wav", "violin")) == 1
    assert {path.name for path in folder.files_without_row} == set(VIOLINS)


def test_corrected_labels_give_each_file_the_one_that_its_name_tells(published: Path) -> None:
    folder = read_folder(published, "corrected")
    train = [clip for clip in folder.clips if clip.part == "train"]
    found = {clip.path.name: clip.label for clip in train}
    assert len(found) == len(train)
    assert {name for name, label in found.items() if label == "violin"} == set(VIOLINS)
    assert found["WaveDrum01 (1).wav"] == "drum"
    assert not folder.files_without_row


def test_a_violin_row_that_nothing_contradicts_stays(tmp_path: Path) -> None:
    kaggle(tmp_path, [("thump.wav", "Sound_Violin")], [])
    assert [clip.label for clip in read_folder(tmp_path, "corrected").clips] == ["violin"]


def test_misspelt_classes_are_one_class_and_reported(published: Path) -> None:
    folder = read_folder(published)
    assert folder.classes == ("drum", "guitar", "violin")
    assert folder.spellings == {"guitar": ("Sound_Guitar", "sound_guiatr")}


@pytest.mark.parametrize("spelling", ["Sound_Drum", "sound_drum", " DRUM", "drum"])
def test_a_class_has_one_name_however_it_is_spelt(spelling: str) -> None:
    assert label_of(spelling) == "drum"


def test_the_files_of_a_download_may_lie_one_folder_deeper(tmp_path: Path) -> None:
    table(tmp_path / "Metadata_Train.csv", [("a.wav", "Sound_Drum")])
    write(tmp_path / "Train_submission" / "Train_submission" / "a.wav", hiss(1))
    assert len(read_folder(tmp_path).clips) == 1


def test_a_manifest_groups_by_source(tmp_path: Path) -> None:
    write(tmp_path / "a" / "1.wav", hiss(1))
    write(tmp_path / "a" / "stray.wav", hiss(2))
    lines = ["path,label,source,part", "a/1.wav,piano,Ann,train", "a/2.wav,piano,Ann,"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    folder = read_folder(tmp_path)
    assert [(clip.label, clip.group, clip.part) for clip in folder.clips] == [
        ("piano", "piano: Ann", "train")
    ]
    assert folder.rows_without_file == ("a/2.wav",)
    assert [path.name for path in folder.files_without_row] == ["stray.wav"]


def test_folders_are_classes_in_parts_or_without(tmp_path: Path) -> None:
    write(tmp_path / "one" / "Drum" / "kick (1).wav", hiss(1))
    write(tmp_path / "two" / "train" / "drum" / "deep" / "kick (1).wav", hiss(1))
    write(tmp_path / "two" / "val" / "drum" / "kick (2).wav", hiss(2))
    (one,) = read_folder(tmp_path / "one").clips
    train, validation = read_folder(tmp_path / "two").clips
    assert (one.label, one.part) == ("drum", "")
    assert (train.part, validation.part) == ("train", "validation")
    assert one.group == train.group == validation.group == "drum: kick"


def test_what_lies_in_hidden_folders_is_left_aside(tmp_path: Path) -> None:
    for place in ("drum", "drum/.cache", ".cache", ".cache/drum"):
        write(tmp_path / "train" / place / "kick.wav", hiss(1))
    folder = read_folder(tmp_path)
    assert [clip.path for clip in folder.clips] == [tmp_path / "train" / "drum" / "kick.wav"]
    assert folder.files_without_row == ()


def test_a_part_is_known_however_it_is_spelt_and_an_unknown_one_is_an_error(
    tmp_path: Path,
) -> None:
    write(tmp_path / "1.wav", hiss(1))
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,label,part\n1.wav,piano, Test\n")
    assert [clip.part for clip in read_folder(tmp_path).clips] == ["test"]
    manifest.write_text("path,label,part\n1.wav,piano,\n1.wav,piano,eval\n")
    with pytest.raises(LayoutError, match=r"\.wav: got part eval, allowed train, .* or none"):
        read_folder(tmp_path)


def test_what_lies_beside_folders_of_parts_is_no_class(tmp_path: Path) -> None:
    for seed, name in enumerate(("train/drum", "test/drum", "tests/drum", "drum"), 1):
        write(tmp_path / name / "kick.wav", hiss(seed))
    folder = read_folder(tmp_path)
    assert folder.classes == ("drum",)
    assert sorted(clip.part for clip in folder.clips) == ["test", "train"]
    assert folder.files_without_row == tuple(
        tmp_path / name / "kick.wav" for name in ("drum", "tests/drum")
    )


@pytest.mark.parametrize("labels", ["published", "corrected"])
def test_a_folder_without_labelled_audio_is_one_error_that_says_what_was_looked_for(
    tmp_path: Path, labels: str
) -> None:
    write(tmp_path / "loose.wav", hiss(1))
    with pytest.raises(LayoutError, match=r"Metadata_Train\.csv"):
        read_folder(tmp_path, "published" if labels == "published" else "corrected")
    with pytest.raises(LayoutError, match="no labelled audio"):
        read_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("File,Class\na.wav,drum\n", "lacks FileName"),
        ("FileName,Class\na.wav,\n", "line 2: no Class"),
        ("FileName,Class\na.wav\n", "line 2: no Class"),
        ("FileName,Class\n\n\na.wav\n", "line 4: no Class"),
        ("", "lacks FileName, Class"),
    ],
)
def test_a_broken_table_is_an_error_that_names_the_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "Metadata_Train.csv").write_text(text)
    with pytest.raises(LayoutError, match=complaint):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("piano", ["ROOM_room3_MUS_joplin_DEV_lg", "ROOM-room8-MUS-joplin"]),
        ("guitar", ["rock_2_100BPM", "rock_2_115BPM", "slow_rock_2_100BPM"]),
        ("drum", ["WaveDrum02_39KD (103)", "WaveDrum02_39KD (2)"]),
        ("drum", ["RealDrum01_12HHtrain", "RealDrum01_12MIX"]),
        ("drum", ["drum-loop-73728", "drum-loop-73728 (1)"]),
        ("violin", ["Va-ord-F4-mf-2c", "Va-ord-E6-pp-1c"]),
        ("violin", ["11_emil-telmanyi_bwv1003", "9_emil-telmanyi_bwv1003"]),
        ("guitar", ["G53-40100-1111-00079", "G53-40100-1111-157"]),
        ("bass", ["Riff take 1", "riff_take_2", "riff-03"]),
    ],
)
def test_names_of_takes_fall_together(label: str, names: list[str]) -> None:
    groups = {take_group(name, label) for name in names}
    assert len(groups) == 1
    assert groups != {""}


@pytest.mark.parametrize(
    ("label", "one", "other"),
    [
        ("guitar", "guitar-solo-27194", "guitar-solo-5999"),
        ("guitar", "rock_2_100BPM", "rock_3_100BPM"),
        ("piano", "ROOM_room3_MUS_joplin_DEV_lg", "ROOM_room3_MUS_mozart_DEV_lg"),
        ("violin", "Va-ord-F4-mf-2c", "Vn-ord-F4-mf-2c"),
    ],
)
def test_names_of_different_recordings_stay_apart(label: str, one: str, other: str) -> None:
    assert take_group(one, label) != take_group(other, label)


@pytest.mark.parametrize("name", ["0001", "piano_001", "PIANO_SOUND (3)", "a (1)"])
def test_a_name_that_says_no_more_than_the_label_makes_no_group(name: str) -> None:
    assert take_group(name, "piano") == ""

import csv
import errno
from collections import Counter
from pathlib import Path

import pytest
import soundfile
from labelled_audio import table, write
from sounds import tone

from instrd.training.audit.audit import audit
from instrd.training.errors import TrainingError
from instrd.training.folders.layout_kaggle import Row
from instrd.training.folders.layouts import read_folder
from instrd.training.reproduction.standin import TAKES, build, recordings, thinned

LABELS = ("drum", "guitar", "piano", "violin")
DRUMS = ["kick-10000.wav", "snare-20000.wav", "WaveDrum02_39KD (1).wav", "WaveDrum02_39KD (2).wav"]
GUITARS = ["rock_1_120BPM.wav", "solo-30000.wav"]
PIANOS = [f"ROOM_room{room}_MUS_joplin_DEV_lg.wav" for room in (1, 2)]
VIOLINS = ["Va-ord-E4-mf-1c.wav", "Va-ord-E4-mf-2c.wav", "violin_sound (1).wav"]
TESTS = [
    ("tom-40000.wav", "Sound_Drum"),
    ("rock_1_100BPM.wav", "Sound_Guitar"),
    ("ROOM_room3_MUS_joplin_DEV_lg.wav", "Sound_Piano"),
    ("Va-ord-E4-mf-2c.wav", "Sound_Violin"),
]


def labelled(names: list[str], label: str) -> list[tuple[str, str]]:
    return [(name, f"Sound_{label.capitalize()}") for name in names]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool with two sources of each label; every note is a tone of its own."""
    root = tmp_path_factory.mktemp("pool")
    lines = ["path,label,source,original,licence,credit,kind,seconds"]
    for number, label in enumerate(LABELS):
        for source, count in (("small", 3), ("large", 5)):
            for note in range(count):
                path = f"{label}/{source}/{note}.wav"
                hz = 200.0 + 150.0 * number + 37.0 * note + (800.0 if source == "small" else 0.0)
                write(root / path, tone(hz, 0.4, 22_050), 22_050)
                lines.append(f"{path},{label},{source},{note},CC0,,notes,0.4")
    (root / "manifest.csv").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tables")
    right = labelled(DRUMS, "drum") + labelled(GUITARS, "guitar") + labelled(PIANOS, "piano")
    table(root / "Metadata_Train.published.csv", right + labelled(DRUMS, "violin"))
    table(root / "Metadata_Train.corrected.csv", right + labelled(VIOLINS, "violin"))
    table(root / "Metadata_Test.csv", TESTS)
    return root


@pytest.fixture(scope="module")
def stand_in(pool: Path, tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "stand-in"
    build(pool, tables, out)
    return out


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as lines:
        return list(csv.reader(lines))


def test_the_tables_are_the_published_ones(stand_in: Path, tables: Path) -> None:
    published = rows(tables / "Metadata_Train.published.csv")
    assert rows(stand_in / "Metadata_Train.csv") == published
    assert rows(stand_in / "Metadata_Test.csv") == rows(tables / "Metadata_Test.csv")


def test_the_files_are_16_bit_wav_under_the_names_of_both_tables(stand_in: Path) -> None:
    files = list((stand_in / "Train_submission").iterdir())
    assert {file.name for file in files} == {*DRUMS, *GUITARS, *PIANOS, *VIOLINS}
    assert {soundfile.info(file).subtype for file in files} == {"PCM_16"}
    assert len(list((stand_in / "Test_submission").iterdir())) == len(TESTS)


def test_it_says_that_it_is_a_stand_in(stand_in: Path) -> None:
    assert (stand_in / "README.txt").read_text().startswith("This is NOT the data set")


def test_corrected_labels_make_it_whole(stand_in: Path) -> None:
    clips = read_folder(stand_in, "corrected").clips
    train = Counter(clip.label for clip in clips if clip.part == "train")
    assert train == {"drum": 4, "guitar": 2, "piano": 2, "violin": 3}


def test_an_audit_finds_the_faults_that_were_copied(stand_in: Path) -> None:
    counts = audit(stand_in).counts()
    assert counts["file under two labels"] == len(DRUMS)
    assert counts["class contradicted throughout"] == 2
    assert counts["file without row"] == len(VIOLINS)
    assert counts["takes in train and test"] == 2
    corrected = audit(stand_in, "corrected").counts()
    assert corrected["file under two labels"] == 0
    assert corrected["takes in train and test"] == 3
    assert corrected["sound in train and test"] >= 1


def test_the_same_seed_gives_the_same_sound_and_another_another(
    stand_in: Path, pool: Path, tables: Path, tmp_path: Path
) -> None:
    build(pool, tables, tmp_path / "again")
    build(pool, tables, tmp_path / "other", seed=1)
    name = Path("Train_submission") / DRUMS[0]
    assert (tmp_path / "again" / name).read_bytes() == (stand_in / name).read_bytes()
    assert (tmp_path / "other" / name).read_bytes() != (stand_in / name).read_bytes()


def test_a_tenth_keeps_the_proportions_and_every_fault() -> None:
    train = [Row("train", f"kick-{n}0000.wav", "drum") for n in range(200)]
    train += [Row("train", f"riff-{n}0000.wav", "guitar") for n in range(100)]
    train += [Row("train", "kick-70000.wav", "piano"), Row("train", "Va.wav", "violin")]
    test = [Row("test", f"tom-{n}0000.wav", "drum") for n in range(20)]
    kept = thinned([*train, *test, Row("test", "Va.wav", "violin")], 0.1)
    counts = Counter((row.part, row.label) for row in kept)
    assert counts["train", "drum"] in {20, 21}
    assert counts["train", "guitar"] == 10
    assert counts["test", "drum"] == 5
    assert {"kick-70000.wav", "Va.wav"} <= {row.name for row in kept}
    assert sum(row.name == "kick-70000.wav" for row in kept) == 2
    assert sum(row.name == "Va.wav" for row in kept) == 2


def test_takes_share_a_recording_up_to_a_number_and_pieces_in_rooms_without_one() -> None:
    strokes = [Row("train", f"WaveDrum02_39KD ({n}).wav", "drum") for n in range(2 * TAKES)]
    rooms = [Row("train", f"ROOM_room{n}_MUS_swing.wav", "piano") for n in range(2 * TAKES)]
    made = recordings([*strokes, *rooms, Row("test", "ROOM_room99_MUS_swing.wav", "piano")])
    assert sorted(len(takes) for takes in made.values()) == [TAKES, TAKES, 2 * TAKES + 1]
    assert {recording.part for recording in made} == {"train"}


def test_test_files_come_from_sources_of_their_own() -> None:
    (apart,) = recordings([Row("test", "tom-40000.wav", "drum")])
    assert apart.part == "test"


@pytest.mark.parametrize("scale", [0.0, 1.5])
def test_a_scale_out_of_bounds_is_an_error(
    pool: Path, tables: Path, tmp_path: Path, scale: float
) -> None:
    with pytest.raises(TrainingError, match="allowed above 0 up to 1"):
        build(pool, tables, tmp_path / "out", scale=scale)


def test_a_folder_that_holds_something_is_left_alone(
    pool: Path, tables: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(TrainingError, match="not an empty folder"):
        build(pool, tables, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_label_that_the_pool_lacks_is_an_error(pool: Path, tables: Path, tmp_path: Path) -> None:
    manifest = (pool / "manifest.csv").read_text()
    (tmp_path / "manifest.csv").write_text(manifest.replace(",violin,", ",harp,"))
    with pytest.raises(TrainingError, match="no clip of label violin"):
        build(tmp_path, tables, tmp_path / "out")


def test_a_disk_that_is_full_at_the_end_leaves_no_folder_without_its_notice(
    pool: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, *_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        build(pool, tables, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_pool_file_that_is_missing_is_an_error_and_leaves_nothing_behind(
    tables: Path, pool: Path, tmp_path: Path
) -> None:
    (tmp_path / "manifest.csv").write_text((pool / "manifest.csv").read_text())
    with pytest.raises(TrainingError, match="no such file"):
        build(tmp_path, tables, tmp_path / "out")
    assert not (tmp_path / "out").exists()

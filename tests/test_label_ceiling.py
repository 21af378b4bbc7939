from pathlib import Path

import pytest
from labelled_audio import hiss, kaggle, write

from instrd.training.folders.layouts import read_folder
from instrd.training.reproduction.label_ceiling import LabelCeiling, label_ceiling

DRUMS = [f"kick-{n}0000.wav" for n in range(1, 5)]


def rows(names: list[str], label: str) -> list[tuple[str, str]]:
    return [(name, f"Sound_{label}") for name in names]


def ceiling(root: Path) -> LabelCeiling:
    return label_ceiling(read_folder(root, "published"), read_folder(root, "corrected"))


def faulty(root: Path, *, both: bool = False) -> LabelCeiling:
    """Write each fault of the paper's tables once more, small, and return its ceiling."""
    train = rows(DRUMS, "Drum") + rows(["solo-20000.wav", "riff-30000.wav"], "Guitar")
    train += rows(["etude-40000.wav", "prelude-50000.wav"], "Piano") + rows(DRUMS, "Violin")
    train += rows(DRUMS[:1], "Piano") if both else []
    test = [
        row
        for label in ("Drum", "Guiatr", "Piano", "Violin")
        for row in rows([f"{label}-{n}9999.wav" for n in range(20)], label)
    ]
    kaggle(root, train, test)
    for take in (1, 2, 3):
        write(root / "Train_submission" / f"violin_sound ({take}).wav", hiss(900 + take))
    return ceiling(root)


def test_the_faults_of_the_papers_tables_allow_50_of_its_80_clips(tmp_path: Path) -> None:
    found = faulty(tmp_path)
    assert (found.tests, found.expected, found.worst, found.best) == (80, 50.0, 40, 60)


def test_it_says_what_each_class_is_taught_to_be_called(tmp_path: Path) -> None:
    by_label = {row.label: row for row in faulty(tmp_path).classes}
    assert by_label["drum"].taught == {"drum": 0.5, "violin": 0.5}
    assert by_label["guitar"].taught == {"guitar": 1.0}
    assert by_label["violin"].taught == {}
    assert (by_label["violin"].files, by_label["violin"].unlisted) == (3, 3)
    assert by_label["violin"].best == 0


def test_a_file_that_even_the_truth_calls_two_things_changes_no_tie(tmp_path: Path) -> None:
    found = faulty(tmp_path, both=True)
    assert (found.expected, found.worst, found.best) == (50.0, 40, 60)
    assert sum(found.classes[0].taught.values()) == pytest.approx(1.0)


def test_labels_without_a_fault_allow_everything(tmp_path: Path) -> None:
    train = rows(["kick-10000.wav"], "Drum") + rows(["violin_a (1).wav"], "Violin")
    kaggle(tmp_path, train, rows(["tom-20000.wav"], "Drum") + rows(["violin_b.wav"], "Violin"))
    found = ceiling(tmp_path)
    assert (found.expected, found.worst, found.best) == (2.0, 2, 2)

"""The layout of the paper's data set, "Musical Instruments Sound Dataset" on Kaggle.

As published, its 700 violin rows repeat the 700 drum file names, and the violin recordings lie
in the folder under no row. Names of its files tell which they are: sounds called violin, notes
of a violin or viola (`Vn-ord-`, `Va-ord-`), and Bach's works for violin alone, BWV 1001-1006.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from instrd.models.audiofile import files_below
from instrd.training.folders.labelled_folder import (
    Clip,
    LabelledFolder,
    Labels,
    Part,
    label_of,
    odd_spellings,
    read_table,
)
from instrd.training.folders.takes import take_group

TABLES: dict[str, Part] = {"Metadata_Train.csv": "train", "Metadata_Test.csv": "test"}
SOUND_FOLDERS: dict[Part, str] = {"train": "Train_submission", "test": "Test_submission"}
NAME, CLASS = "FileName", "Class"
_VIOLIN_NAME = re.compile(r".*violin|v[na]-ord-|\d+_.+_bwv100[1-6]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """What one line of a table says of one file."""

    part: Part
    name: str
    label: str


def read_kaggle(root: Path, labels: Labels) -> LabelledFolder:
    """Return what the tables say of the files, as published or corrected by file names."""
    files = {
        (part, path.name): path
        for part, folder in SOUND_FOLDERS.items()
        for path in files_below(root / folder)
    }
    spellings: list[str] = []
    rows: list[Row] = []
    for table, part in TABLES.items():
        if (root / table).is_file():
            for line in read_table(root / table, (NAME, CLASS)):
                spellings.append(line[CLASS])
                rows.append(Row(part, line[NAME].strip(), label_of(line[CLASS])))
    classes = {row.label for row in rows}
    if labels == "corrected":
        rows = corrected(rows, list(files))
    listed = {(row.part, row.name) for row in rows}
    return LabelledFolder(
        root,
        "kaggle",
        tuple(
            _clip(files[row.part, row.name], row) for row in rows if (row.part, row.name) in files
        ),
        tuple(sorted(classes)),
        odd_spellings(spellings),
        tuple(f"{row.part}: {row.name}" for row in rows if (row.part, row.name) not in files),
        tuple(path for key, path in files.items() if key not in listed),
        labels,
    )


def corrected(rows: list[Row], files: list[tuple[Part, str]]) -> list[Row]:
    """Return the rows that the file names bear out, and rows for violins that had none.

    A violin row is dropped where another row calls the same file something else and the name
    does not speak of a violin; any other contradiction stays.
    """
    labels_of: dict[tuple[Part, str], set[str]] = defaultdict(set)
    for row in rows:
        labels_of[row.part, row.name].add(row.label)

    def refuted(row: Row) -> bool:
        doubly = len(labels_of[row.part, row.name]) > 1
        return row.label == "violin" and doubly and not is_violin_name(row.name)

    kept = [row for row in rows if not refuted(row)]
    unlisted = [key for key in files if key not in labels_of]
    return kept + [Row(part, name, "violin") for part, name in unlisted if is_violin_name(name)]


def is_violin_name(name: str) -> bool:
    """Tell whether a file name of this data set is one of a violin (or viola) recording."""
    return _VIOLIN_NAME.match(name) is not None


def _clip(path: Path, row: Row) -> Clip:
    return Clip(path, row.label, take_group(path.stem, row.label), row.part)

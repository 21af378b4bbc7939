"""A stand-in for the paper's data set: its names, counts and label faults over the pool's sound."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import soundfile
from rich.progress import track

from instrd.training.folders.labelled_folder import LayoutError, Part, label_of, read_table
from instrd.training.folders.layout_kaggle import CLASS, NAME, SOUND_FOLDERS, TABLES, Row
from instrd.training.folders.new_folder import new_folder
from instrd.training.folders.takes import take_group
from instrd.training.reproduction.standin_sounds import (
    RATE_HZ,
    Orchestra,
    Recording,
    is_room_piece,
    take,
)

PUBLISHED = "Metadata_Train.published.csv"
CORRECTED = "Metadata_Train.corrected.csv"
TEST = "Metadata_Test.csv"
FEWEST_TESTS = 5
"""Test files of each class, however small the scale."""
TAKES = 6
"""Most files made from one recording; pieces played again in rooms have no such bound."""

README = """This is NOT the data set "Musical Instruments Sound Dataset" but a stand-in for it.

File names, counts and label faults are those of its published tables, at scale {scale:g}
(at least {tests} test files a class, and every file that has contradicting rows or lies in both
parts). The sound is other sound: recordings of the instrd pool, chosen by seed {seed}, that bear
the label which the file's name deserves. Files whose names make them takes of one piece are made
from one recording, up to {takes} files each, with small changes of gain, onset, tone and noise;
ROOM_* files are one phrase a piece, heard in different rooms by different devices. Test files
come from sources of the pool that no train file uses, but for takes of what is in train.
Lengths and the rate of {rate} Hz are ours: the tables do not tell those of the originals.

An accuracy measured here says how label faults and leaks act, not how a model does on the
original. The sound keeps the licences of the pool's sources: do not pass it on.
"""


def build(pool: Path, tables: Path, out: Path, *, scale: float = 1.0, seed: int = 0) -> None:
    """Write the stand-in to a new or empty folder; raises `TrainingError`."""
    if not 0.0 < scale <= 1.0:
        raise LayoutError(out, f"got scale {scale:g}, allowed above 0 up to 1")
    rows = {
        "published": _rows(tables / PUBLISHED, "train"),
        "corrected": _rows(tables / CORRECTED, "train"),
        "test": _rows(tables / TEST, "test"),
    }
    kept = thinned([*rows["corrected"], *rows["test"]], scale)
    orchestra = Orchestra(pool, {row.label for row in kept}, seed)
    with new_folder(out):
        _write_sounds(orchestra, kept, out, seed)
        names = {(row.part, row.name) for row in kept}
        for table, part in TABLES.items():
            listed = rows["published" if part == "train" else "test"]
            _write_table(out / table, (row for row in listed if (part, row.name) in names))
        filled = README.format(
            scale=scale, tests=FEWEST_TESTS, seed=seed, takes=TAKES, rate=RATE_HZ
        )
        (out / "README.txt").write_text(filled, encoding="utf-8")


def thinned(rows: Iterable[Row], scale: float) -> list[Row]:
    """Return evenly spaced rows of each part and class, and all that contradict or lie twice."""
    parts_and_labels: dict[str, set[tuple[Part, str]]] = defaultdict(set)
    classes: dict[tuple[Part, str], list[Row]] = defaultdict(list)
    for row in rows:
        parts_and_labels[row.name].add((row.part, row.label))
        classes[row.part, row.label].append(row)
    kept: list[Row] = []
    for (part, _), found in classes.items():
        ordered = sorted(found, key=lambda row: row.name)
        wanted = max(round(scale * len(ordered)), FEWEST_TESTS if part == "test" else 1)
        count = min(len(ordered), wanted)
        chosen = {ordered[int((k + 0.5) * len(ordered) / count)] for k in range(count)}
        doubled = {row for row in ordered if len(parts_and_labels[row.name]) > 1}
        kept += sorted(chosen | doubled, key=lambda row: row.name)
    return kept


def recordings(rows: Iterable[Row]) -> dict[Recording, list[Row]]:
    """Return which files are takes of which recording; takes of one name belong together."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        stem = Path(row.name).stem
        groups[take_group(stem, row.label) or f"{row.label}: {stem}"].append(row)
    made: dict[Recording, list[Row]] = {}
    for group, members in sorted(groups.items()):
        names = sorted({row.name for row in members})
        most = len(names) if is_room_piece(group) else TAKES
        for start in range(0, len(names), most):
            chosen = set(names[start : start + most])
            takes = [row for row in members if row.name in chosen]
            part: Part = "train" if any(row.part == "train" for row in takes) else "test"
            made[Recording(group, start // most, takes[0].label, part)] = takes
    return made


def _write_sounds(orchestra: Orchestra, rows: Iterable[Row], out: Path, seed: int) -> None:
    for folder in SOUND_FOLDERS.values():
        (out / folder).mkdir(parents=True)
    written: set[tuple[Part, str]] = set()
    for recording, takes in track(recordings(rows).items(), "Playing"):
        sound = orchestra.play(recording, single=takes[0].name)
        for row in takes:
            # A name that two rows of one part call two things is still one file.
            if (row.part, row.name) not in written:
                written.add((row.part, row.name))
                file = out / SOUND_FOLDERS[row.part] / row.name
                soundfile.write(file, take(sound, row.name, seed), RATE_HZ, subtype="PCM_16")


def _write_table(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow((NAME, CLASS))
        table.writerows((row.name, f"Sound_{row.label.capitalize()}") for row in rows)


def _rows(path: Path, part: Part) -> list[Row]:
    return [Row(part, row[NAME], label_of(row[CLASS])) for row in read_table(path, (NAME, CLASS))]

"""What a folder of labelled audio says, whatever its layout."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from instrd.training.errors import TrainingError

Part = Literal["train", "test", "validation", ""]
Labels = Literal["published", "corrected"]
PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
"""How layouts spell the parts, in lower case."""

UNREAD = "of a format that is not read (convert to WAV or FLAC)"
_NAMED = 3
_MISSPELT = {"guiatr": "guitar"}


class LayoutError(TrainingError):
    """A folder is not labelled audio in a layout that we read."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording under one label; `group` names what a split must not cut, "" if nothing."""

    path: Path
    label: str
    group: str
    part: Part


@dataclass(frozen=True, slots=True)
class LabelledFolder:
    """All that a folder says about its audio; a file with two rows gives two clips."""

    root: Path
    layout: Literal["kaggle", "mirdata", "manifest", "folders"]
    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    """All that the folder names, also those without a file."""
    spellings: dict[str, tuple[str, ...]]
    """Label -> how the folder spells it, where that is not one and the right way."""
    rows_without_file: tuple[str, ...] = ()
    files_without_row: tuple[Path, ...] = ()
    reading: Labels = "published"
    files_unread: tuple[Path, ...] = ()
    """Of formats that are not read."""


def together(folders: Sequence[LabelledFolder]) -> LabelledFolder:
    """Return several folders as one, below the nearest folder that holds all of them."""
    if len(folders) == 1:
        return folders[0]
    spellings: dict[str, set[str]] = defaultdict(set)
    for folder in folders:
        for label, ways in folder.spellings.items():
            spellings[label].update(ways)
    return LabelledFolder(
        Path(os.path.commonpath([folder.root.absolute() for folder in folders])),
        folders[0].layout,
        tuple(
            replace(clip, path=clip.path.absolute()) for folder in folders for clip in folder.clips
        ),
        tuple(sorted({label for folder in folders for label in folder.classes})),
        {label: tuple(sorted(ways)) for label, ways in sorted(spellings.items())},
        tuple(row for folder in folders for row in folder.rows_without_file),
        tuple(path.absolute() for folder in folders for path in folder.files_without_row),
        folders[0].reading,
        tuple(path.absolute() for folder in folders for path in folder.files_unread),
    )


def strays(folder: LabelledFolder) -> list[str]:
    """Count what makes no clip, kind by kind, in a line each that names a few."""
    unlisted, unread = (
        [name_below(folder.root, path) for path in paths]
        for paths in (folder.files_without_row, folder.files_unread)
    )
    kinds = {
        ("row", "without a file"): folder.rows_without_file,
        ("file", "without a row"): unlisted,
        ("file", UNREAD): unread,
    }
    return [
        f"{counted(len(names), thing)} {what}: {_few(names)}"
        for (thing, what), names in kinds.items()
        if names
    ]


def counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _few(names: Sequence[str]) -> str:
    return f"{', '.join(names[:_NAMED])}{', ...' if names[_NAMED:] else ''}"


def text_of(name: str) -> str:
    """Return what a file or folder is called as text that can be printed and written.

    Bytes that are no UTF-8 are told by number, so that two names stay two.
    """
    return os.fsencode(name).decode(errors="backslashreplace")


def name_below(root: Path, path: Path) -> str:
    """Return what a file is called within a folder, as `text_of` does."""
    return text_of(str(path.relative_to(root)))


def label_of(spelling: str) -> str:
    """Return a class name in our spelling: `Sound_Drum` and `drum ` are drum, `guiatr` guitar."""
    name = spelling.strip().lower().replace(" ", "_").removeprefix("sound_")
    return _MISSPELT.get(name, name)


def odd_spellings(spellings: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return label -> spellings where there are several or where one is a known misspelling."""
    found: dict[str, set[str]] = defaultdict(set)
    for spelling in spellings:
        found[label_of(spelling)].add(spelling)
    return {
        label: tuple(sorted(ways))
        for label, ways in sorted(found.items())
        if len(ways) > 1 or not any(label in way.lower().replace(" ", "_") for way in ways)
    }


def read_table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of a CSV file that has these columns, none of them empty."""
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            table = csv.DictReader(lines)
            got = table.fieldnames or []
            if missing := [column for column in columns if column not in got]:
                raise LayoutError(path, f"got columns {', '.join(got)}; lacks {', '.join(missing)}")
            for row in table:
                row.pop(None, None)  # cells beyond the columns
                if not any((cell or "").strip() for cell in row.values()):
                    continue  # as spreadsheets leave them at the end
                if empty := [column for column in columns if not (row[column] or "").strip()]:
                    raise LayoutError(path, f"line {table.line_num}: no {' and no '.join(empty)}")
                rows.append(row)
    except (OSError, UnicodeError, csv.Error) as error:
        raise LayoutError(path, f"cannot be read as a table: {error}") from error
    return rows

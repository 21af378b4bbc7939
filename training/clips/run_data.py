"""What a run on labelled clips is fitted on, kept in its folder from its start on."""

import hashlib
from pathlib import Path

import msgspec

from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.split import Example, Parts, group_of, name_of
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import (
    Clip,
    LabelledFolder,
    Labels,
    name_below,
    text_of,
)
from instrd.training.struct_files import read_json, write_json

DATA = "data.json"
SPLIT = "split.json"
_PARTS = ("train", "validation", "test")
_UNKNOWN = f"does not say what it was fitted on: no {DATA}; fit anew, with another --run"


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The clips of a run, by what tells them from others."""

    folder: str
    labels: Labels
    clips: int
    sha256: str
    """Of each clip's path below the folder, size, label, group and part, in any order."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One clip of a part; `path` is below the data folder."""

    path: str
    label: str


def write_data(run: Path, folder: LabelledFolder) -> None:
    write_json(run / DATA, _data_of(folder))


def read_data(run: Path) -> Data:
    """Return what a run was fitted on; raises `TrainingError`, of one that does not say too."""
    return read_json(run / DATA, Data, _UNKNOWN)


def refuse_other_data(run: Path, folder: LabelledFolder) -> None:
    """Raise `TrainingError` if a run was fitted on other clips, or another reading of them."""
    kept, given = read_data(run), _data_of(folder)
    if (kept.labels, kept.sha256) != (given.labels, given.sha256):
        reason = (
            f"was fitted on {_told(kept)}, which are not these {_told(given)} (files, sizes, "
            "labels or parts differ); give those, or another run folder"
        )
        raise TrainingError(run, reason)


def write_split(run: Path, root: Path, parts: Parts) -> None:
    """Write which clip was in which part."""
    table = {
        part: [Row(name_below(root, e.path), parts.labels[e.label]) for e in getattr(parts, part)]
        for part in _PARTS
    }
    write_json(run / SPLIT, table)


def read_split(run: Path, recipe: ClipRecipe, folder: LabelledFolder) -> Parts:
    """Return the parts of a run as they were divided when it began; raises `TrainingError`."""
    table = read_json(run / SPLIT, dict[str, list[Row]], f"holds no {SPLIT}")
    clips = {
        (name_below(folder.root, clip.path), name_of(clip.label, recipe)): clip
        for clip in folder.clips
    }
    others = any(row.label not in recipe.labels for rows in table.values() for row in rows)
    labels = (*recipe.labels, recipe.other) if others else recipe.labels

    def example(row: Row) -> Example:
        if (row.path, row.label) not in clips:
            raise TrainingError(run / SPLIT, f"{row.path} is no clip of these data")
        clip = clips[row.path, row.label]
        return Example(clip.path, labels.index(row.label), group_of(clip))

    train, validation, test = (tuple(map(example, table.get(part, ()))) for part in _PARTS)
    return Parts(labels, train, validation, test)


def _data_of(folder: LabelledFolder) -> Data:
    lines = sorted(_line(clip, folder.root) for clip in folder.clips)
    digest = hashlib.sha256(msgspec.json.encode(lines)).hexdigest()
    return Data(text_of(str(folder.root.absolute())), folder.reading, len(lines), digest)


def _line(clip: Clip, root: Path) -> tuple[str, int, str, str, str]:
    size = clip.path.stat().st_size if clip.path.exists() else -1  # a link may lead nowhere
    return name_below(root, clip.path), size, clip.label, clip.group, clip.part


def _told(data: Data) -> str:
    return f"{data.clips} clips below {data.folder} with {data.labels} labels"

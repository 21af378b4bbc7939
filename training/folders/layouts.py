"""Folders of labelled audio in four layouts, told apart by what lies in them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from instrd.models.audiofile import UNREAD_SUFFIXES, files_below
from instrd.training.folders.labelled_folder import (
    PARTS,
    UNREAD,
    Clip,
    LabelledFolder,
    Labels,
    LayoutError,
    Part,
    counted,
    label_of,
    odd_spellings,
    text_of,
    together,
)
from instrd.training.folders.layout_kaggle import TABLES, read_kaggle
from instrd.training.folders.layout_mirdata import data_set_in, read_mirdata
from instrd.training.folders.pool import MANIFEST, manifest_rows
from instrd.training.folders.takes import take_group


def read_folder(root: Path, labels: Labels = "published") -> LabelledFolder:
    """Return what a folder says, its layout known by what lies in it; raises `LayoutError`."""
    unread = files_below(root, UNREAD_SUFFIXES)
    folder = _read(root, labels, unread)
    clips = {clip.path for clip in folder.clips}
    return replace(folder, files_unread=tuple(path for path in unread if path not in clips))


def _read(root: Path, labels: Labels, unread: Sequence[Path]) -> LabelledFolder:
    if any((root / table).is_file() for table in TABLES):
        return read_kaggle(root, labels)
    if labels == "corrected":
        allowed = " and ".join(TABLES)
        raise LayoutError(root, f"corrected labels are known for the data set of {allowed} only")
    if data_set := data_set_in(root):
        return read_mirdata(root, data_set)
    if (root / MANIFEST).is_file():
        return _read_manifest(root)
    if root.is_dir() and (folders := list(_class_folders(root))):
        return _read_class_folders(root, folders)
    looked = f"{' or '.join(TABLES)}, {MANIFEST}, a folder with audio for each class"
    beside = f"; {counted(len(unread), 'file')} {UNREAD}" if unread else ""
    raise LayoutError(root, f"no labelled audio here; looked for {looked}{beside}")


def read_folders(roots: Sequence[Path], labels: Labels) -> LabelledFolder:
    """Return what several folders say, as one; raises `LayoutError`."""
    return together([read_folder(root, labels) for root in roots])


def _read_manifest(root: Path) -> LabelledFolder:
    rows = manifest_rows(root)
    clips, missing = [], []
    for row in rows:
        path = root / row["path"]
        label = label_of(row["label"])
        group = f"{label}: {row['source']}" if row.get("source") else take_group(path.stem, label)
        spelt = (row.get("part") or "").strip().lower()
        if spelt and spelt not in PARTS:
            told = f"{row['path']}: got part {spelt}"
            reason = f"{told}, allowed {', '.join(PARTS)} or none"
            raise LayoutError(root / MANIFEST, reason)
        part = PARTS.get(spelt, "")
        if path.is_file():
            clips.append(Clip(path, label, group, part))
        else:
            missing.append(row["path"])
    listed = {root / row["path"] for row in rows}
    spellings = [row["label"] for row in rows]
    return LabelledFolder(
        root,
        "manifest",
        tuple(clips),
        tuple(sorted({label_of(spelling) for spelling in spellings})),
        odd_spellings(spellings),
        tuple(missing),
        tuple(path for path in files_below(root) if path not in listed),
    )


def _class_folders(root: Path) -> Iterator[tuple[Part, Path]]:
    """Yield (part, folder of one class); nothing if no folder holds audio.

    What lies beside folders of parts, such as `tests`, is no class: its files have no label.
    """
    folders = _folders_in(root)
    if not any(files_below(folder) for folder in folders):
        return
    parts = [folder for folder in folders if folder.name.lower() in PARTS]
    for folder in parts:
        part = PARTS[folder.name.lower()]
        yield from ((part, below) for below in _folders_in(folder))
    if not parts:
        yield from (("", folder) for folder in folders)


def _folders_in(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def _read_class_folders(root: Path, folders: list[tuple[Part, Path]]) -> LabelledFolder:
    clips = tuple(
        Clip(path, label, take_group(text_of(path.stem), label), part)
        for part, folder in folders
        for label in [label_of(text_of(folder.name))]
        for path in files_below(folder)
    )
    names = [text_of(folder.name) for _, folder in folders]
    inside = {clip.path for clip in clips}
    return LabelledFolder(
        root,
        "folders",
        clips,
        tuple(sorted({label_of(name) for name in names})),
        odd_spellings(names),
        files_without_row=tuple(path for path in files_below(root) if path not in inside),
    )

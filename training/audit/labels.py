"""What an audit reads from tables and names alone, before it hears a sound."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from instrd.models.bundle import NAME, NAME_IN_WORDS
from instrd.training.audit.findings import Finding
from instrd.training.folders.labelled_folder import Clip, LabelledFolder, counted, name_below


def labels_by_file(clips: Iterable[Clip]) -> dict[Path, set[str]]:
    """Return which labels each file carries."""
    labels: dict[Path, set[str]] = defaultdict(set)
    for clip in clips:
        labels[clip.path].add(clip.label)
    return dict(labels)


def label_findings(folder: LabelledFolder, unreadable: set[Path]) -> Iterator[Finding]:
    """Yield contradictions between rows, files and classes, and takes that a split cuts."""
    labels = labels_by_file(folder.clips)
    for path, found in labels.items():
        if len(found) > 1:
            name = name_below(folder.root, path)
            yield Finding("file under two labels", f"{name} is {_and(found)}", (name,))
    yield from _empty_classes(folder, labels, unreadable)
    for row in folder.rows_without_file:
        yield Finding("row without file", f"{row} has a row and no file")
    for path in folder.files_without_row:
        name = name_below(folder.root, path)
        yield Finding("file without row", f"{name} has no label", (name,))
    for label, ways in folder.spellings.items():
        yield Finding("odd spelling", f"{label} is spelt {_and(ways)}")
    for label in folder.classes:
        if not NAME.fullmatch(label):
            what = f"class {label}: allowed in a recipe: {NAME_IN_WORDS}"
            yield Finding("class that no recipe can name", what)
    yield from _cut_takes(folder)


def _empty_classes(
    folder: LabelledFolder, labels: dict[Path, set[str]], unreadable: set[Path]
) -> Iterator[Finding]:
    for label in folder.classes:
        carrying = [path for path, found in labels.items() if label in found]
        readable = [path for path in carrying if path not in unreadable]
        if not readable:
            what = f"class {label}: none of its {counted(len(carrying), 'file')} can be read"
            yield Finding("class without a file", what if carrying else f"class {label}: no file")
        for part in sorted({clip.part for clip in folder.clips}):
            own = {c.path for c in folder.clips if c.part == part and c.label == label}
            if own and all(len(labels[path]) > 1 for path in own):
                where = f" of {part}" if part else ""
                files = counted(len(own), "file")
                what = f"class {label}: each of its {files}{where} has another label too"
                yield Finding("class contradicted throughout", what)


def _cut_takes(folder: LabelledFolder) -> Iterator[Finding]:
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in folder.clips:
        if clip.group and clip.part:
            groups[clip.group].append(clip)
    for group, clips in sorted(groups.items()):
        names: dict[str, list[str]] = defaultdict(list)
        for clip in clips:
            names[clip.part].append(name_below(folder.root, clip.path))
        if len(names) > 1:
            where = ", ".join(
                f"{len(found)} in {part}" for part, found in sorted(names.items(), reverse=True)
            )
            files = tuple(sorted({name for found in names.values() for name in found}))
            yield Finding("takes in train and test", f"takes of {group}: {where}", files)


def _and(words: Iterable[str]) -> str:
    return " and ".join(sorted(words))

"""Sounds that lie in a folder more than once, under any name, gain or format."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from instrd.training.audit.findings import Finding, Kind
from instrd.training.audit.fingerprint import same_sounds
from instrd.training.audit.labels import labels_by_file
from instrd.training.audit.sounds import Sound
from instrd.training.folders.labelled_folder import LabelledFolder, name_below


def duplicates(sounds: Iterable[Sound], folder: LabelledFolder) -> Iterator[Finding]:
    """Yield one finding for each sound that several files hold, by the worst that it does."""
    labels = labels_by_file(folder.clips)
    parts = {clip.path: clip.part for clip in folder.clips}
    audible = [(sound.path, sound.print) for sound in sounds if sound.print is not None]
    for group in same_sounds([print_ for _, print_ in audible]):
        paths = [audible[place][0] for place in group]
        says = {path: (labels[path], parts[path]) for path in paths}
        here = says[paths[0]]
        # The two that are named say the most where they differ in label or part.
        paths[1:] = sorted(paths[1:], key=lambda path: says[path] == here)
        names = tuple(name_below(folder.root, path) for path in paths)
        for kind, what in _harm(paths, labels, parts):
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            yield Finding(kind, f"{names[0]} and {names[1]}{more}: one sound, {what}", names)


def _harm(
    paths: Sequence[Path], labels: Mapping[Path, set[str]], parts: Mapping[Path, str]
) -> Iterator[tuple[Kind, str]]:
    carried = [labels[path] for path in paths]
    every = set.union(*carried)
    # Where all files carry the same two labels, each of them is a finding of its own already.
    torn = any(found != carried[0] for found in carried)
    sides = sorted({parts[path] for path in paths} - {""}, reverse=True)
    if torn:
        yield "sound under two labels", f"labelled {' and '.join(sorted(every))}"
    if len(sides) > 1:
        yield "sound in train and test", f"in {' and '.join(sides)}"
    if not torn and len(sides) < 2:
        yield "sound twice", f"always labelled {' and '.join(sorted(every))}"

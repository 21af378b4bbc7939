"""The audit: what is wrong with a folder of labelled audio, found before anyone trains on it."""

from collections import defaultdict
from pathlib import Path

from instrd.models.errors import AudioFileError
from instrd.training.audit.duplicates import duplicates
from instrd.training.audit.findings import Finding, Report
from instrd.training.audit.labels import label_findings, labels_by_file
from instrd.training.audit.shortcuts import shortcuts
from instrd.training.audit.sounds import Sound, faults, hear
from instrd.training.folders.labelled_folder import (
    UNREAD,
    LabelledFolder,
    Labels,
    name_below,
    text_of,
)
from instrd.training.folders.layouts import read_folder
from instrd.training.progress import Watch, unwatched


def audit(root: Path, labels: Labels = "published", watch: Watch = unwatched) -> Report:
    """Hear every labelled file once and return all that is wrong; raises `LayoutError`."""
    folder = read_folder(root, labels)
    carried = labels_by_file(folder.clips)
    sounds: list[Sound] = []
    broken: list[AudioFileError] = []
    for heard in hear(watch(list(carried), "Listening", len(carried))):
        if isinstance(heard, Sound):
            sounds.append(heard)
        else:
            broken.append(heard)
    findings = [
        *label_findings(folder, {error.path for error in broken}),
        *(_unreadable(AudioFileError(path, UNREAD), root) for path in folder.files_unread),
        *(_unreadable(error, root) for error in broken),
        *faults(sounds, root),
        *duplicates(sounds, folder),
        *shortcuts(sounds, carried),
    ]
    return Report(
        folder=text_of(str(root)),
        layout=folder.layout,
        labels=labels,
        rows=_rows(folder),
        files=len(carried),
        seconds=sum(sound.seconds for sound in sounds),
        findings=tuple(findings),
    )


def _unreadable(error: AudioFileError, root: Path) -> Finding:
    name = name_below(root, error.path)
    return Finding("unreadable file", f"{name}: {error.reason}", (name,))


def _rows(folder: LabelledFolder) -> dict[str, dict[str, int]]:
    rows: dict[str, dict[str, int]] = {label: defaultdict(int) for label in folder.classes}
    for clip in folder.clips:
        rows[clip.label][clip.part] += 1
    return {label: dict(parts) for label, parts in rows.items()}

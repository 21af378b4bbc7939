"""The pool of recordings: its manifest, its split and its sound."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import soxr
from numpy.typing import NDArray

from instrd.models.audiofile import AudioFile, read_audio
from instrd.models.bundle import Credit
from instrd.models.errors import AudioFileError
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import LayoutError, label_of, read_table
from instrd.training.recipe import Split

Floats = NDArray[np.float32]
MANIFEST = "manifest.csv"
_TOLD = 2


class Clip(msgspec.Struct, frozen=True):
    """One recording and where it comes from; `path` is relative to the pool.

    What has a default need not be in a manifest.
    """

    path: str
    label: str
    source: str
    original: str
    """The file's name before it came into the pool; `path` if not told."""
    licence: str = ""
    credit: str = ""
    kind: str = ""
    seconds: float = 0.0
    """0 if not told."""


def manifest_rows(
    folder: Path, columns: tuple[str, ...] = ("path", "label")
) -> list[dict[str, str]]:
    """Return what a folder's manifest says of files below it; raises `LayoutError`."""
    rows = read_table(folder / MANIFEST, columns)
    for path in (Path(row["path"]) for row in rows):
        if path.is_absolute() or ".." in path.parts:
            raise LayoutError(folder / MANIFEST, f"got {path}, allowed below the folder")
    return rows


def read_pool(folder: Path) -> list[Clip]:
    """Return all clips of a pool folder; raises `TrainingError`."""
    rows = manifest_rows(folder, ("path", "label", "source"))
    return [_clip_of(row, folder / MANIFEST) for row in rows]


def _clip_of(row: dict[str, str], manifest: Path) -> Clip:
    told = {column: cell for column, cell in row.items() if cell}
    filled = {"original": row["path"], **told, "label": label_of(row["label"])}
    try:
        return msgspec.convert(filled, Clip, strict=False)
    except msgspec.ValidationError as error:
        raise TrainingError(manifest, f"{row['path']}: {error}") from error


def timed(clip: Clip, folder: Path) -> Clip:
    """Return a clip of a pool with its length, for which it is heard where nobody told."""
    if clip.seconds:
        return clip
    sound, rate_hz = read_audio(folder / clip.path)
    return msgspec.structs.replace(clip, seconds=len(sound) / rate_hz)


def check_recordings(folder: Path) -> None:
    """Raise `TrainingError` of the recordings of a pool that are not there or do not open."""
    broken = []
    for clip in read_pool(folder):
        try:
            with AudioFile(folder / clip.path):
                pass
        except AudioFileError as error:
            broken.append(str(error))
    if broken:
        more = [f"and {len(broken) - _TOLD} more"] if len(broken) > _TOLD else []
        told = "; ".join([*broken[:_TOLD], *more])
        raise TrainingError(folder, f"has recordings that cannot be read: {told}")


def read_pools(folders: Iterable[Path]) -> list[Clip]:
    """Return the clips of several pool folders, their paths with the folders'."""
    return [
        msgspec.structs.replace(clip, path=str(folder / clip.path))
        for folder in folders
        for clip in read_pool(folder)
    ]


def divide(clips: Iterable[Clip], split: Split) -> tuple[list[Clip], list[Clip]]:
    """Return (to train on, held out), relabelled as the split says."""
    train: list[Clip] = []
    test: list[Clip] = []
    for found in clips:
        clip = msgspec.structs.replace(found, label=split.relabel.get(found.kind, found.label))
        held = split.holds_out(source=clip.source, kind=clip.kind, label=clip.label)
        (test if held else train).append(clip)
    return train, test


def by_origin(clips: Iterable[Clip]) -> dict[tuple[str, str], list[Clip]]:
    """Group clips by (label, source)."""
    groups: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[clip.label, clip.source].append(clip)
    return dict(groups)


def listen(path: Path, rate_hz: int) -> Floats:
    """Return a file's sound as mono (n,) float32 at `rate_hz`; raises `AudioFileError`."""
    samples, file_rate_hz = read_audio(path)
    return resample(samples, file_rate_hz, rate_hz)


def resample(signal: Floats, from_hz: float, to_hz: float) -> Floats:
    """Return the same sound at another rate."""
    if from_hz == to_hz:
        return signal
    resampled: Floats = soxr.resample(signal, from_hz, to_hz, quality="MQ")
    return resampled


def credits_of(made: Iterable[tuple[str, str, str]]) -> tuple[Credit, ...]:
    """Return one credit per source and licence of (source, licence, whom to credit).

    It has all the names; a source that names nobody is credited all the same.
    """
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for source, licence, name in made:
        names[source, licence].add(name)
    return tuple(
        Credit(source, licence, "; ".join(sorted(found - {""})))
        for (source, licence), found in sorted(names.items())
    )

"""Data sets that the library mirdata reads, with its names, its split and our labels.

A clip is one label, so tracks in which several instruments are annotated are left aside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from instrd.models.audiofile import files_below
from instrd.training.folders.labelled_folder import (
    PARTS,
    Clip,
    LabelledFolder,
    LayoutError,
    label_of,
)

PRESENT = 0.5
"""OpenMIC-2018: share of annotators above which an instrument counts as present."""
_OURS = {
    "cel": "cello",
    "cla": "clarinet",
    "flu": "flute",
    "gac": "guitar",
    "gel": "guitar",
    "org": "organ",
    "pia": "piano",
    "sax": "saxophone",
    "tru": "trumpet",
    "vio": "violin",
    "voi": "voice",
    "drums": "drum",
}
"""Codes of IRMAS, and the one name of OpenMIC-2018 that is not ours."""
_MEDLEY_SOLOS = (
    *("clarinet", "guitar", "voice", "flute"),
    *("piano", "saxophone", "trumpet", "violin"),
)
"""By the instrument's number."""


class Tracks(Protocol):
    """What we use of mirdata's `Dataset`; a track has `audio_path` and what its data set tells."""

    def load_tracks(self) -> Mapping[str, Any]: ...


Initialize = Callable[[str, Path], Tracks]


@dataclass(frozen=True, slots=True)
class DataSet:
    """How one data set is known and what its tracks tell."""

    markers: tuple[str, ...]
    """What lies in its folder, one of them at least."""
    instruments: Callable[[Any], Sequence[str]]
    part: Callable[[Any], str]
    group: Callable[[Any], str]


def _irmas_recording(track: Any) -> str:
    """Drop the number of the excerpt: `0189__2` in training, `02 - And I Love Her-8` in test."""
    if track.split == "train":
        return str(track.track_id).partition("__")[0]
    return Path(track.audio_path).stem.rpartition("-")[0]


def _openmic_instruments(track: Any) -> list[str]:
    return [name for name, score in track.instruments.items() if score > PRESENT]


DATA_SETS = {
    "irmas": DataSet(
        ("IRMAS-TrainingData", *(f"IRMAS-TestingData-Part{number}" for number in (1, 2, 3))),
        lambda track: track.instrument,
        lambda track: track.split,
        _irmas_recording,
    ),
    "medley_solos_db": DataSet(
        ("annotation/Medley-solos-DB_metadata.csv",),
        lambda track: [_MEDLEY_SOLOS[track.instrument_id]],
        lambda track: track.subset,
        lambda track: f"{track.subset} song {track.song_id}",
    ),
    "openmic2018": DataSet(
        ("openmic-2018-aggregated-labels.csv",),
        _openmic_instruments,
        lambda track: track.split.removeprefix("split01_"),
        lambda _: "",  # no two excerpts come from one recording
    ),
}


def data_set_in(root: Path) -> str | None:
    """Return mirdata's name of the data set that lies in a folder, if it is one we know."""
    for name, data_set in DATA_SETS.items():
        if any((root / marker).exists() for marker in data_set.markers):
            return name
    return None


def initialize(name: str, root: Path) -> Tracks:
    """Open a data set with mirdata; raises `LayoutError` if that is not installed."""
    try:
        import mirdata  # noqa: PLC0415 - an extra of its own
    except ImportError as error:
        reason = f"is {name}, read with mirdata: pip install 'instrd[mirdata]'"
        raise LayoutError(root, reason) from error
    tracks: Tracks = mirdata.initialize(name, data_home=str(root))
    return tracks


def read_mirdata(root: Path, name: str, initialize: Initialize = initialize) -> LabelledFolder:
    """Return what a data set tells of its tracks; raises `LayoutError`."""
    if name not in DATA_SETS:
        raise LayoutError(root, f"got data set {name}, allowed {', '.join(DATA_SETS)}")
    data_set = DATA_SETS[name]
    clips, missing = [], []
    listed: set[Path] = set()
    try:
        for track_id, track in sorted(initialize(name, root).load_tracks().items()):
            path = Path(track.audio_path)
            listed.add(path)
            if not path.is_file():
                missing.append(f"{track_id}: {path.name}")
            elif len(instruments := set(data_set.instruments(track))) == 1:
                spelt = instruments.pop()
                label = _OURS.get(spelt, label_of(spelt))
                group = data_set.group(track)
                part = PARTS.get(data_set.part(track), "")
                clips.append(Clip(path, label, f"{name}: {group}" if group else "", part))
    except OSError as error:
        # The index, too, is a download: it does not come with the package.
        command = f"mirdata.initialize({name!r}, {str(root)!r}).download(['index'])"
        raise LayoutError(root, f"mirdata says: {error} The index comes by {command}") from error
    classes = tuple(sorted({clip.label for clip in clips}))
    strays = tuple(path for path in files_below(root) if path not in listed)
    return LabelledFolder(root, "mirdata", tuple(clips), classes, {}, tuple(missing), strays)

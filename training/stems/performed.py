"""A folder of labelled audio: MIDI performances cut into clips, with a manifest."""

import csv
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import soundfile
from numpy.typing import NDArray

from instrd.models.bundle import Credit
from instrd.training.audit.sounds import SILENT
from instrd.training.folders.new_folder import new_folder
from instrd.training.folders.pool import MANIFEST, Clip
from instrd.training.progress import Watch, unwatched
from instrd.training.stems.performances import (
    GROOVE,
    POP909,
    SOUNDFONTS,
    VOICES,
    check_labels,
    check_soundfonts,
    normalised,
    perform,
    scores_for,
)

Floats = NDArray[np.float32]

CLIP_S = 9.0
"""Half a piece."""
SHORTEST_S = 3.0
_UNKNOWN = Credit("", "", "")


class Performer(Protocol):
    """Plays `minutes` of one label; returns mono float32 and its rate."""

    def __call__(
        self,
        label: str,
        *,
        soundfont: Path,
        scores: Sequence[Path],
        minutes: float,
        rng: np.random.Generator,
    ) -> tuple[Floats, float]: ...


@dataclass(frozen=True, slots=True)
class Performance:
    """One label played through one soundfont; its sound depends on nothing else."""

    label: str
    soundfont: Path
    scores: Sequence[Path]
    minutes: float
    seed: int
    performer: Performer

    def write(self, folder: Path) -> list[Clip]:
        """Write its clips below `folder` and return their rows, in order."""
        source = self.soundfont.stem
        rng = np.random.default_rng([self.seed, zlib.crc32(f"{self.label}/{source}".encode())])
        sound, rate_hz = self.performer(
            self.label,
            soundfont=self.soundfont,
            scores=self.scores,
            minutes=self.minutes,
            rng=rng,
        )
        (folder / self.label).mkdir(exist_ok=True)
        rows = []
        for number, clip in enumerate(clips(normalised(sound), rate_hz)):
            path = f"{self.label}/{source}-{number:04d}.flac"
            soundfile.write(folder / path, clip, int(rate_hz), subtype="PCM_16")
            rows.append(_row(path, self.label, source, len(clip) / rate_hz))
        return rows


def clips(sound: Floats, rate_hz: float) -> Iterator[Floats]:
    """Cut a performance (n,) into clips of `CLIP_S`, without silent ones and a short last one."""
    length = int(CLIP_S * rate_hz)
    for start in range(0, len(sound), length):
        clip = sound[start : start + length]
        if len(clip) >= SHORTEST_S * rate_hz and clip.std() >= SILENT:
            yield clip


def render_folder(
    folder: Path,
    *,
    midi: Path,
    soundfonts: Sequence[Path],
    labels: Iterable[str] = VOICES,
    minutes: float = 8.0,
    seed: int = 0,
    processes: int = 2,
    performer: Performer = perform,
    watch: Watch = unwatched,
) -> int:
    """Render `minutes` of each label through each soundfont into a new folder; returns clips.

    Raises `TrainingError`.
    """
    labels = list(dict.fromkeys(labels))
    check_labels(folder, labels)
    check_soundfonts(soundfonts)
    performances = [
        Performance(label, soundfont, scores_for(label, midi), minutes, seed, performer)
        for soundfont in soundfonts
        for label in labels
    ]
    with new_folder(folder), ProcessPoolExecutor(processes) as pool:
        written = pool.map(partial(Performance.write, folder=folder), performances)
        rows = [row for rows in watch(written, "Playing", len(performances)) for row in rows]
        _write_manifest(folder / MANIFEST, rows)
    return len(rows)


def _row(path: str, label: str, source: str, seconds: float) -> Clip:
    scores = GROOVE if label == "drum" else POP909
    font = SOUNDFONTS.get(source, _UNKNOWN)
    licences = sorted({font.licence, scores.licence} - {""})
    return Clip(
        path=path,
        label=label,
        source=source,
        original=scores.source,
        licence=" AND ".join(licences),
        credit="; ".join(filter(None, (font.credit, scores.credit))),
        kind="performance",
        seconds=seconds,
    )


def _write_manifest(path: Path, rows: Iterable[Clip]) -> None:
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.DictWriter(lines, Clip.__struct_fields__)
        table.writeheader()
        table.writerows(msgspec.to_builtins(row) for row in rows)

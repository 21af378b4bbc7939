"""What an audit hears in each file: length, rate, level, faults and a fingerprint."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from instrd.models.audiofile import Floats, read_audio
from instrd.models.errors import AudioFileError
from instrd.training.audit.findings import Finding
from instrd.training.audit.fingerprint import Fingerprint, fingerprint
from instrd.training.folders.labelled_folder import name_below

SILENT = 1e-4
"""Deviation from its mean, full scale 1, under which a sound is silent: -80 dBFS."""
CLIPPED_SHARE = 1e-3
_FULL_SCALE = 0.999


@dataclass(frozen=True, slots=True)
class Sound:
    """One file as heard; a silent one has no fingerprint."""

    path: Path
    rate_hz: int
    seconds: float
    level_dbfs: float
    clipped_share: float
    print: Fingerprint | None


def hear(paths: Iterable[Path]) -> Iterator[Sound | AudioFileError]:
    """Yield each file's sound, or why it cannot be read; one at a time is in memory."""
    for path in paths:
        try:
            signal, rate_hz = read_audio(path)
        except AudioFileError as error:
            yield error
        else:
            yield measure(path, signal, rate_hz)


def measure(path: Path, signal: Floats, rate_hz: int) -> Sound:
    """Return what is kept of one sound (n,), n >= 1."""
    deviation = float(signal.std())
    return Sound(
        path,
        rate_hz,
        len(signal) / rate_hz,
        20.0 * float(np.log10(max(deviation, 1e-9))),
        float(np.mean(np.abs(signal) >= _FULL_SCALE)),
        None if deviation < SILENT else fingerprint(signal, rate_hz),
    )


def faults(sounds: Iterable[Sound], root: Path) -> Iterator[Finding]:
    """Yield silent (or constant) and clipped files."""
    for sound in sounds:
        name = name_below(root, sound.path)
        if sound.print is None:
            what = f"{name} is silent or constant ({sound.level_dbfs:.0f} dBFS)"
            yield Finding("silent file", what, (name,))
        elif sound.clipped_share > CLIPPED_SHARE:
            what = f"{name}: {sound.clipped_share:.1%} of its samples stand at full scale"
            yield Finding("clipped file", what, (name,))

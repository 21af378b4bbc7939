"""Whom a run owes credit besides its own data: makers of what it began with or was guided by.

Bundles name them all. A run folder hands on what it took over itself; of what it learned from its
own data and music nothing is written down before `export`, to which both are told.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from instrd.models.bundle import Credit, read_bundle
from instrd.training.errors import TrainingError
from instrd.training.fitted import is_bundle

CREDITS = "credits.json"


def inherit(run: Path, folders: Iterable[Path]) -> None:
    """Add to a run what its bundles and runs credit; raises `TrainingError`."""
    found = [credit for folder in (run, *folders) for credit in inherited(folder)]
    if found:
        encoded = msgspec.json.encode(tuple(dict.fromkeys(found)))
        (run / CREDITS).write_bytes(msgspec.json.format(encoded, indent=1) + b"\n")


def inherited(folder: Path) -> tuple[Credit, ...]:
    """Return what a bundle credits, or what a run took over; raises `TrainingError`."""
    if is_bundle(folder):
        return read_bundle(folder).manifest.credits
    try:
        return msgspec.json.decode((folder / CREDITS).read_bytes(), type=tuple[Credit, ...])
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except msgspec.DecodeError as error:
        raise TrainingError(folder / CREDITS, str(error)) from error

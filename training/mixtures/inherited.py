"""Whom a run owes credit besides its own data: makers of what it began with or was guided by.

Bundles name them all. A run folder hands on what it took over itself; of what it learned from its
own data and music nothing is written down before `export`, to which both are told.
"""

from collections.abc import Iterable
from pathlib import Path

from instrd.models.bundle import Credit, read_bundle
from instrd.training.mixtures.fitted import is_bundle
from instrd.training.struct_files import read_json, write_json

CREDITS = "credits.json"


def inherit(run: Path, folders: Iterable[Path]) -> None:
    """Add to a run what its bundles and runs credit; raises `TrainingError`."""
    found = [credit for folder in (run, *folders) for credit in inherited(folder)]
    if found:
        write_json(run / CREDITS, tuple(dict.fromkeys(found)))


def inherited(folder: Path) -> tuple[Credit, ...]:
    """Return what a bundle credits, or what a run took over; raises `TrainingError`."""
    if is_bundle(folder):
        return read_bundle(folder).manifest.credits
    if not (folder / CREDITS).is_file():
        return ()
    return read_json(folder / CREDITS, tuple[Credit, ...], f"its {CREDITS} cannot be read")

"""Where a bundle may be written, asked before the work that it takes."""

import os
from pathlib import Path

from instrd.models.bundle import NAME, NAME_IN_WORDS
from instrd.training.errors import TrainingError
from instrd.training.recipe import RECIPE


def name_for(folder: Path) -> str:
    """Return the name of the bundle that is to lie in a folder; raises `TrainingError`.

    A folder that holds a run is refused: its weights would be lost. So is one that cannot be made
    or written to.
    """
    if (folder / RECIPE).is_file():
        raise TrainingError(folder, "holds a run; give the bundle a folder of its own")
    name = folder.absolute().name  # by which the daemon finds it
    if not NAME.fullmatch(name):
        allowed = f"allowed: {NAME_IN_WORDS}"
        raise TrainingError(folder, f"got {name!r} as the name of a bundle, {allowed}")
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise TrainingError(there, "is no folder that can be written to")
    return name

"""Where a bundle may be written, asked before the work that it takes."""

from pathlib import Path

from instrd.training.errors import TrainingError
from instrd.training.recipe import RECIPE


def check_place(folder: Path) -> None:
    """Refuse a folder that holds a run, whose weights would be lost; raises `TrainingError`."""
    if (folder / RECIPE).is_file():
        raise TrainingError(folder, "holds a run; give the bundle a folder of its own")

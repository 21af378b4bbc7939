"""A folder that a command fills whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from instrd.training.folders.labelled_folder import LayoutError


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Make a folder that was missing or empty; a failure takes all that was written with it."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise LayoutError(path, "is not an empty folder")
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise

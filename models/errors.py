"""What can be wrong with a model or a recording, told in one sentence."""

import os
from pathlib import Path


class BundleError(Exception):
    """A model bundle cannot be used; says which one and why."""

    def __init__(self, bundle: Path | str, reason: str) -> None:
        super().__init__(bundle, reason)  # both, so that it comes back from another process
        self.bundle = bundle
        self.reason = reason

    def __str__(self) -> str:
        return f"model bundle {self.bundle}: {self.reason}"


class AudioFileError(Exception):
    """An audio file cannot be used; says which one and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)  # as above
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"audio file {shown(self.path)}: {self.reason}"


def shown(path: Path) -> str:
    """Return a path as text that can be printed and sent, whatever bytes it has."""
    return os.fsencode(path).decode(errors="replace")

"""A made-up sound system for the processes that a test starts."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import recorders_of

HERE = Path(__file__).parent / "fake_audio"
RATE_HZ = 16_000


class AudioFolder:
    """Says which devices there are, and what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.set_devices("USB")
        self.set_fault("")

    @property
    def env(self) -> dict[str, str]:
        return {"PYTHONPATH": str(HERE), "FAKE_AUDIO": str(self._folder)}

    @property
    def opened(self) -> str:
        """Return the name of the device that was opened last."""
        return (self._folder / "opened").read_text()

    def set_devices(self, *names: str) -> None:
        self._replace("devices", json.dumps(names))

    def set_fault(self, fault: str) -> None:
        """One of: gone, hang, crash, stall, fast, zeros; empty: none."""
        self._replace("fault", fault)

    def _replace(self, name: str, content: str) -> None:
        fresh = self._folder / f"{name}.new"
        fresh.write_text(content)
        fresh.rename(self._folder / name)


@contextmanager
def made_up_audio(folder: Path) -> Iterator[AudioFolder]:
    """Let every process that is started meanwhile hear the made-up sound system."""
    audio = AudioFolder(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in audio.env.items():
            patch.setenv(name, value)
        yield audio


def recorders() -> list[int]:
    """Return the processes of microphones that this one has started and that are not dead."""
    return recorders_of(os.getpid())

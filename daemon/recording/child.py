"""The process that records one microphone, as the daemon holds it."""

import subprocess
from typing import Self

import msgspec

from instrd.daemon.childprocess import how_it_ended, kill, started
from instrd.daemon.errors import DeviceError
from instrd.daemon.pipe import Inlet
from instrd.daemon.recording.messages import Broken, Said, Wanted, decoder

POLITE_S = 0.4
"""So long may it take to close the device before it is killed."""


class Child:
    """Starts with the context and is dead after it; raises DeviceError for every other end."""

    def __init__(self, wanted: Wanted) -> None:
        try:
            self._process = started("instrd.daemon.recording", msgspec.json.encode(wanted).decode())
        except OSError as error:
            raise DeviceError(f"no process can be started ({error.strerror})") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._alive, self._said = self._process.stdin, self._process.stdout
        self._inlet = Inlet(self._said.fileno(), decoder)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._alive.close()
        try:
            self._process.wait(POLITE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._inlet.close()
        self._said.close()

    def receive(self, timeout_s: float) -> Said | None:
        """Return what it says next, or None after `timeout_s`."""
        try:
            said = self._inlet.receive(timeout_s)
        except EOFError:
            raise DeviceError(f"its process ended ({how_it_ended(self._process)})") from None
        except ValueError as error:
            raise DeviceError(f"its process said what is no message: {error}") from error
        if isinstance(said, Broken):
            raise DeviceError(said.reason)
        return said

    def kill(self) -> None:
        """End it at once, however frozen it is."""
        kill(self._process)

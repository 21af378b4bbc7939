"""The process that records one microphone, as the daemon holds it."""

import logging
import subprocess
import sys
from typing import Self

import msgspec

from instrd.daemon.errors import DeviceError
from instrd.daemon.recording.messages import Broken, Said, Wanted
from instrd.daemon.recording.pipe import Inlet

log = logging.getLogger(__name__)
PIPE_BYTES = 1 << 20
"""Where the system grants it, 5 s of sound: so long may the daemon be kept from reading."""
POLITE_S = 0.4
"""So long may it take to close the device before it is killed."""
KILL_S = 0.5
"""A process that does not die of SIGKILL by then hangs in a driver; the system ends it later."""


class Child:
    """Starts with the context and is dead after it; raises DeviceError for every other end."""

    def __init__(self, wanted: Wanted) -> None:
        # Not the folder that we happen to be in: what lies there is not ours to import.
        command = [sys.executable, "-P", "-m", "instrd.daemon.recording"]
        command.append(msgspec.json.encode(wanted).decode())
        try:
            # In a group of its own, so that Ctrl-C at a terminal reaches the daemon alone.
            self._process = subprocess.Popen(  # noqa: S603  # ourselves
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pipesize=PIPE_BYTES,
                process_group=0,
            )
        except OSError as error:
            raise DeviceError(f"no process can be started ({error.strerror})") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._alive, self._said = self._process.stdin, self._process.stdout
        self._inlet = Inlet(self._said.fileno())

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
            raise DeviceError(f"its process ended ({self._how_it_ended()})") from None
        except ValueError as error:
            raise DeviceError(f"its process said what is no message: {error}") from error
        if isinstance(said, Broken):
            raise DeviceError(said.reason)
        return said

    def kill(self) -> None:
        """End it at once, however frozen it is."""
        self._process.kill()
        try:
            self._process.wait(KILL_S)
        except subprocess.TimeoutExpired:
            log.warning("process %d does not die of SIGKILL", self.pid)

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(KILL_S)
        except subprocess.TimeoutExpired:
            return "not yet"
        return f"signal {-code}" if code < 0 else f"exit code {code}"

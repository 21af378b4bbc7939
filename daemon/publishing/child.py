"""The publishing process, as the daemon holds it."""

import selectors
import subprocess
from typing import Protocol

from instrd.daemon.childprocess import how_it_ended, kill, started
from instrd.daemon.pipe import Inlet, Outlet
from instrd.daemon.publishing.messages import Said, Setup, Told, said_decoder

LAST_WORDS_S = 0.2
"""So long may it take to hand over what still stands in front of the pipe."""
POLITE_S = 0.5
"""So long may it take to send the bye before it is killed: the sockets linger for 0.3 s."""


class GoneError(Exception):
    """The process is of no more use, because of this."""


class Process(Protocol):
    """What a `Child` is to whoever watches it."""

    def tell(self, told: Told, *, patiently: bool = False) -> bool:
        """Hand something over as a whole, and return whether there was room.

        Never waits, or patiently a moment.
        """

    def hear(self, timeout_s: float) -> Said | None:
        """Return what it says next, or None after `timeout_s`; GoneError when it has ended."""

    def kill(self) -> None:
        """Have the system end it; `hear` says when it has ended."""

    def end(self) -> None:
        """Let it send what it was told, if it does so soon; it is dead then."""


class Child:
    """Runs from the start on; raises GoneError if it cannot even be started."""

    def __init__(self, setup: Setup) -> None:
        try:
            self._process = started("instrd.daemon.publishing")
        except OSError as error:
            raise GoneError(f"no process can be started ({error.strerror})") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._outlet = Outlet(self._to.fileno())
        self._inlet = Inlet(self._from.fileno(), said_decoder)
        self.tell(setup)

    def tell(self, told: Told, *, patiently: bool = False) -> bool:
        if patiently:
            self._make_room()
        try:
            return self._outlet.send(told)
        except BrokenPipeError:
            return False  # `hear` says why

    def hear(self, timeout_s: float) -> Said | None:
        try:
            return self._inlet.receive(timeout_s)
        except EOFError:
            raise GoneError(f"it ended ({how_it_ended(self._process)})") from None
        except ValueError as error:
            raise GoneError(f"it said what is no message: {error}") from error

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._make_room()
        self._to.close()
        try:
            self._process.wait(POLITE_S)
        except subprocess.TimeoutExpired:
            kill(self._process)
        self._inlet.close()
        self._from.close()

    def _make_room(self) -> None:
        """Wait a moment until it has taken what was begun."""
        with selectors.DefaultSelector() as writable:
            writable.register(self._to, selectors.EVENT_WRITE)
            try:
                while not self._outlet.flush() and writable.select(LAST_WORDS_S):
                    pass
            except BrokenPipeError:
                pass  # there is nobody to tell

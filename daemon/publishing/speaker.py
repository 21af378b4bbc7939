"""Speaks through the publishing process, and replaces one that dies or falls mute."""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import msgspec

from instrd.daemon.errors import InUseError, PublishingError, WireError
from instrd.daemon.publishing.child import Child, GoneError, Process
from instrd.daemon.publishing.messages import (
    Admit,
    Bound,
    Logged,
    Publish,
    Said,
    Setup,
    Unbound,
)
from instrd.daemon.silence import Silence
from instrd.daemon.zap import Clients

log = logging.getLogger(__name__)
STARTING_S: Final = 20.0
"""A busy machine may take so long to start a process."""
MUTE_S: Final = 2.0
"""It says that it is alive four times a second; after so long it is frozen, or held by a peer."""
PAUSES_S: Final = (0.0, 0.0, 0.25, 0.5, 1.0)
"""Before a start after so many failures in a row, so that a peer cannot have us do nothing else."""
STEADY_S: Final = 5.0
"""What lives for so long ends a row of failures."""
ANSWERS_A_CALL: Final = 100
TELL_EVERY_S: Final = 10.0


class Speaker:
    """Hands messages over without ever waiting; belongs to the thread that made it.

    A process that is new, or that had no room, is owed the retained messages and the list of
    clients: both are given again until they have got through.
    """

    def __init__(
        self,
        setup: Setup,
        start: Callable[[Setup], Process] = Child,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.restarts = 0
        self.unsent = 0
        """Messages that were left out because the process had no room for them, or was none."""
        self._start, self._clock_s = start, clock_s
        self._retained: dict[str, bytes] = {}
        self._owed: set[str] = set()
        self._owes_clients = False
        self._failures = 0
        self._quiet_until_s = float("-inf")
        self._child: Process | None = None
        self._killed_for = ""
        self.bound = self._begun(setup)
        self._setup = msgspec.structs.replace(
            setup, plain=self.bound.plain, secured=self.bound.secured
        )

    def close(self) -> None:
        """Have everything sent that was handed over, and end the process, frozen or not."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def publish(self, message: Publish, *, patiently: bool = False) -> None:
        """Hand a message over as a whole, or leave it out and count it.

        Patiently: wait a moment for a process that has a lot to do.
        """
        name = message.topic
        if message.retained:
            self._retained[name] = message.retained
        if self._child is not None and self._child.tell(message, patiently=patiently):
            self._owed.discard(name)
            return
        self.unsent += 1
        if message.retained:
            self._owed.add(name)

    def admit(self, clients: Clients) -> None:
        """From now on let in these clients and no others; who is in stays."""
        if self._setup.keys is not None:
            keys = msgspec.structs.replace(self._setup.keys, clients=clients)
            self._setup = msgspec.structs.replace(self._setup, keys=keys)
            self._owes_clients = True
            self._pay()

    def tend(self) -> None:
        """Hear how the process fares, replace it if need be; call it every turn."""
        if self._child is not None:
            try:
                self._listen(self._child)
            except GoneError as error:
                self._child.end()
                self._child = None
                self._plan_start(self._killed_for or str(error))
        if self._child is None and self._clock_s() >= self._start_s:
            self._start_again()
        self._pay()

    def _listen(self, child: Process) -> None:
        for _ in range(ANSWERS_A_CALL):
            said = child.hear(0.0)
            self._silence.note(word=said is not None, audio=False)
            if said is None:
                break
            self._take(said, child)
        if self._silence.words_s > (MUTE_S if self._is_bound else STARTING_S):
            self._kill(child, f"not a word from it for {self._silence.words_s:.1f} s")
        if self._clock_s() - self._began_s > STEADY_S:
            self._failures = 0

    def _kill(self, child: Process, reason: str) -> None:
        """Begin to end it; a large process dies slowly, and we do not wait."""
        if not self._killed_for:
            child.kill()
            self._killed_for = reason

    def _take(self, said: Said, child: Process) -> None:
        match said:
            case Bound():
                self._is_bound = True
            case Unbound():
                self._kill(child, f"it cannot bind {said.endpoint}: {said.reason}")
            case Logged():
                log.log(said.level, "%s", said.text)

    def _pay(self) -> None:
        """Give what is owed, as far as there is room."""
        child = self._child
        if child is None:
            return
        if self._owes_clients and self._setup.keys is not None:
            self._owes_clients = not child.tell(Admit(self._setup.keys.clients))
        for name in sorted(self._owed):
            # to everybody: who lost it wants it, who has it knows its number
            copy = self._retained[name]
            if not child.tell(Publish(name, copy, copy)):
                break
            self._owed.discard(name)

    def _begin(self, setup: Setup) -> Process:
        self._began_s = self._start_s = self._clock_s()
        self._silence = Silence(lambda: round(self._clock_s() * 1e9))
        self._is_bound = False
        self._killed_for = ""
        self._child = child = self._start(setup)
        return child

    def _start_again(self) -> None:
        self.restarts += 1
        self._owed.update(self._retained)
        self._owes_clients = False  # they are in the setup
        try:
            self._begin(self._setup)
        except GoneError as error:
            self._plan_start(str(error))

    def _plan_start(self, reason: str) -> None:
        self._failures += 1
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S)) - 1]
        self._start_s = self._clock_s() + pause_s
        if self._clock_s() >= self._quiet_until_s:
            self._quiet_until_s = self._clock_s() + TELL_EVERY_S
            log.warning(
                "the publishing process is replaced, %d so far: %s; subscribers connect again and "
                "count what they lost",
                self.restarts + 1,
                reason,
            )

    def _begun(self, setup: Setup) -> Bound:
        """Start the first process, and wait until it has bound its endpoints."""
        try:
            child = self._begin(setup)
            with ExitStack() as failing:
                failing.callback(child.end)
                said = child.hear(STARTING_S)
                if isinstance(said, Bound):
                    self._is_bound = True
                    failing.pop_all()
                    return said
        except GoneError as error:
            raise PublishingError(f"the publishing process cannot be started: {error}") from error
        if isinstance(said, Unbound):
            raise _unbound_error(said)
        raise PublishingError(f"the publishing process has not started within {STARTING_S:g} s")


def _unbound_error(unbound: Unbound) -> WireError:
    if unbound.in_use:
        return InUseError(
            f"cannot bind {unbound.endpoint}: the address is in use, perhaps by another instrd; "
            "stop that one or publish on another port"
        )
    return WireError(f"cannot bind {unbound.endpoint}: {unbound.reason}; choose another endpoint")

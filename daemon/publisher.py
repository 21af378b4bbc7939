"""Messages go out: numbered, dated, to any number of subscribers, without ever waiting for one."""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, Self

import msgspec

from instrd.clients.codec import encode, topic
from instrd.clients.protocol import AnyMessage, Bye, Event, Hello, Model, State, Status
from instrd.daemon import ipc
from instrd.daemon.endpoints import check_endpoint
from instrd.daemon.publishing.child import Child, Process
from instrd.daemon.publishing.messages import Keys, Publish, Setup
from instrd.daemon.publishing.speaker import Speaker
from instrd.daemon.sampleclock import wall_us
from instrd.daemon.security import Security
from instrd.daemon.zap import Clients

RETAINED: Final = (Hello, Model, Status, State)


def random_run() -> str:
    """Return a name for this start of the daemon, such as k3v9x2."""
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(6))


class Publisher:
    """Numbers messages and has a process of its own send them; belongs to one thread.

    The numbers are ours: whatever becomes of that process, they go on, and what it did not send
    is missing from them.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        node: str,
        run: str,
        security: Security | None = None,
        clock_us: Callable[[], int] = wall_us,
        start: Callable[[Setup], Process] = Child,
    ) -> None:
        self.node = node
        self.run = run
        self._clock_us = clock_us
        self._seq: Counter[str] = Counter()
        self._events: set[str] = set()
        with ExitStack() as opening:
            for endpoint in endpoints:
                if endpoint.startswith("ipc://"):
                    opening.enter_context(ipc.owned(endpoint, private=False))
            self._speaker = Speaker(_setup(endpoints, security), start)
            opening.callback(self._speaker.close)
            self.plain_endpoints = self._speaker.bound.plain
            self.endpoints = (*self.plain_endpoints, *self._speaker.bound.secured)
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def publish(self, message: AnyMessage) -> AnyMessage:
        """Hand a message over and return it as it goes out, with its envelope."""
        name = topic(message)
        self._seq[name] += 1
        stamped = msgspec.structs.replace(
            message,
            node=self.node,
            run=self.run,
            seq=self._seq[name],
            t_pub_us=self._clock_us(),
        )
        retained = b""
        if isinstance(stamped, RETAINED):
            retained = encode(msgspec.structs.replace(stamped, retained=True))
        # the last word is worth waiting a moment for
        patiently = isinstance(stamped, Bye)
        self._speaker.publish(Publish(name, encode(stamped), retained), patiently=patiently)
        if isinstance(stamped, Event):
            self._events.add(name)
        return stamped

    def admit(self, clients: Clients) -> None:
        """From now on let in these clients and no others; who is in stays."""
        self._speaker.admit(clients)

    def tend(self) -> None:
        """Look after the process that sends; call it every turn."""
        self._speaker.tend()

    @property
    def restarts(self) -> int:
        """How often the process that sends was replaced."""
        return self._speaker.restarts

    @property
    def unsent(self) -> int:
        """How many messages there was no room for, or no process."""
        return self._speaker.unsent

    @property
    def last_seq(self) -> dict[str, int]:
        """The last number of every event topic, for the heartbeat."""
        return {name: self._seq[name] for name in sorted(self._events)}


def _setup(endpoints: Sequence[str], security: Security | None) -> Setup:
    guarded = [check_endpoint(endpoint, has_keys=security is not None) for endpoint in endpoints]
    pairs = list(zip(endpoints, guarded, strict=True))
    return Setup(
        plain=tuple(endpoint for endpoint, is_guarded in pairs if not is_guarded),
        secured=tuple(endpoint for endpoint, is_guarded in pairs if is_guarded),
        keys=Keys(security.server.secret, security.clients) if security else None,
    )

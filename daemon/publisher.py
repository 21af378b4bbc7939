"""Messages go out: numbered, dated, to any number of subscribers, without ever waiting for one."""

import ipaddress
import re
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, Self

import msgspec
import zmq

from instrd.clients.codec import encode, topic
from instrd.clients.protocol import AnyMessage, Event, Hello, Model, State, Status
from instrd.daemon import ipc
from instrd.daemon.errors import InUseError, WireError
from instrd.daemon.sampleclock import wall_us
from instrd.daemon.security import Security
from instrd.daemon.zap import DOMAIN, Clients, Doorkeeper

RETAINED: Final = (Hello, Model, Status, State)
QUEUE_MESSAGES: Final = 1000  # per subscriber; 100 s of one source at 10 Hz
MAX_SUBSCRIPTION_BYTES: Final = 1024
SUBSCRIPTIONS_A_GREETING: Final = 1000
LINGER_MS: Final = 500  # so long may the bye take


def random_run() -> str:
    """Return a name for this start of the daemon, such as k3v9x2."""
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(6))


class Publisher:
    """The XPUB socket; belongs to the thread that made it.

    One socket serves plain and secured endpoints: an endpoint keeps the options with which it was
    bound, so that every subscriber is in the same queue with the same numbers.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        node: str,
        run: str,
        security: Security | None = None,
        clock_us: Callable[[], int] = wall_us,
    ) -> None:
        self.node = node
        self.run = run
        self._clock_us = clock_us
        self._seq: Counter[str] = Counter()
        self._events: set[str] = set()
        self._retained: dict[str, bytes] = {}
        with ExitStack() as opening:
            for endpoint in endpoints:
                if endpoint.startswith("ipc://"):
                    opening.enter_context(ipc.owned(endpoint, private=False))
            context = opening.enter_context(zmq.Context())
            clients = security.clients if security else {}
            self._doorkeeper = opening.enter_context(Doorkeeper(context, clients))
            self._socket = opening.enter_context(context.socket(zmq.XPUB))
            _limit(self._socket)
            self.plain_endpoints, secured = _bind_all(self._socket, endpoints, security)
            self.endpoints = (*self.plain_endpoints, *secured)
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def publish(self, message: AnyMessage) -> AnyMessage:
        """Send a message and return it as it went out, with its envelope."""
        name = topic(message)
        self._seq[name] += 1
        stamped = msgspec.structs.replace(
            message,
            node=self.node,
            run=self.run,
            seq=self._seq[name],
            t_pub_us=self._clock_us(),
        )
        self._send(name, encode(stamped))
        if isinstance(stamped, Event):
            self._events.add(name)
        if isinstance(stamped, RETAINED):
            self._retained[name] = encode(msgspec.structs.replace(stamped, retained=True))
        return stamped

    def admit(self, clients: Clients) -> None:
        """From now on let in these clients and no others; who is in stays."""
        self._doorkeeper.clients = clients

    @property
    def refused(self) -> int:
        """How many connections were refused for their key."""
        return self._doorkeeper.refused

    def greet(self) -> None:
        """Answer who knocks; send the retained messages to who subscribed since the last call."""
        self._doorkeeper.answer()
        prefixes = set(self._new_subscriptions())
        for name, payload in self._retained.items():
            if any(name.startswith(prefix) for prefix in prefixes):
                self._send(name, payload)

    @property
    def last_seq(self) -> dict[str, int]:
        """The last number of every event topic, for the heartbeat."""
        return {name: self._seq[name] for name in sorted(self._events)}

    def _send(self, name: str, payload: bytes) -> None:
        self._socket.send_multipart((name.encode(), payload), zmq.NOBLOCK)

    def _new_subscriptions(self) -> list[str]:
        found = []
        for _ in range(SUBSCRIPTIONS_A_GREETING):
            try:
                notice = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            if notice[:1] == b"\x01":
                found.append(notice[1:].decode(errors="replace"))
        return found


def _limit(socket: zmq.Socket[bytes]) -> None:
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # or the second subscriber would not be noticed
    socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION_BYTES)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 2000)
    socket.setsockopt(zmq.HEARTBEAT_IVL, 1000)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3000)
    socket.setsockopt(zmq.LINGER, LINGER_MS)


def _bind_all(
    socket: zmq.Socket[bytes], endpoints: Sequence[str], security: Security | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the endpoints bound plainly and those bound with CURVE."""
    guarded = [check_endpoint(endpoint, has_keys=security is not None) for endpoint in endpoints]
    pairs = list(zip(endpoints, guarded, strict=True))
    # plain first: what is set for CURVE holds for all that is bound later
    plain = tuple(_bind(socket, endpoint) for endpoint, is_guarded in pairs if not is_guarded)
    if security:
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, security.server.secret)
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # or without doorkeeper all might come in
    return plain, tuple(_bind(socket, endpoint) for endpoint, is_guarded in pairs if is_guarded)


def _bind(socket: zmq.Socket[bytes], endpoint: str) -> str:
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        if error.errno == zmq.EADDRINUSE:
            raise InUseError(
                f"cannot bind {endpoint}: the address is in use, perhaps by another instrd; "
                "stop that one or publish on another port"
            ) from error
        raise WireError(f"cannot bind {endpoint}: {error}; choose another endpoint") from error
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def check_endpoint(endpoint: str, *, has_keys: bool) -> bool:
    """Return whether an endpoint needs CURVE; `WireError` if it may not be published on.

    Only a numeric loopback address is surely loopback: names resolve to anything.
    """
    if endpoint.startswith("ipc:///"):
        return False
    found = re.fullmatch(r"tcp://([^:/]+):(\*|\d+)", endpoint)
    if found is None or (found[2] != "*" and int(found[2]) > 65535):
        raise WireError(
            f"cannot bind {endpoint}: allowed are tcp://ADDRESS:PORT (PORT: 0 to 65535 or *) "
            "and ipc:// with an absolute path"
        )
    try:
        loopback = ipaddress.IPv4Address(found[1]).is_loopback
    except ipaddress.AddressValueError:
        loopback = False
    if not loopback and not has_keys:
        raise WireError(
            f"cannot bind {endpoint}: an endpoint that other machines can reach needs CURVE keys; "
            "make them with `instrd keygen NAME` and set security.server_key and "
            "security.clients in the config, or use tcp://127.0.0.1:PORT"
        )
    return not loopback

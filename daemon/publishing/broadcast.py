"""The socket that subscribers connect to: it sends what it is given, and retains for latecomers."""

from contextlib import ExitStack
from typing import Final, Self

import zmq

from instrd.clients.keepalive import notice_the_gone
from instrd.daemon.publishing.messages import Bound, Publish, Setup
from instrd.daemon.zap import DOMAIN, Clients, Doorkeeper

QUEUE_MESSAGES: Final = 1000
"""Per subscriber; 100 s of one source at 10 Hz."""
MAX_SUBSCRIPTION_BYTES: Final = 1024
SUBSCRIPTIONS_A_CALL: Final = 1000
UNTAKEN_MS: Final = 60_000
"""So long may a peer take nothing of what is sent to it; it connects again once it reads."""
HANDSHAKE_MS: Final = 2000
"""A mute connection costs memory for so long and no longer."""
LINGER_MS: Final = 300
"""So long may the bye take."""


class UnboundError(Exception):
    """An endpoint cannot be bound."""

    def __init__(self, endpoint: str, error: zmq.ZMQError) -> None:
        super().__init__(f"cannot bind {endpoint}: {error}")
        self.endpoint, self.error = endpoint, error


class Broadcast:
    """The XPUB socket; belongs to the thread that made it.

    One socket serves plain and secured endpoints: an endpoint keeps the options with which it was
    bound, so that every subscriber is in the same queue with the same numbers.
    """

    def __init__(self, setup: Setup) -> None:
        self._retained: dict[str, bytes] = {}
        with ExitStack() as opening:
            context = opening.enter_context(zmq.Context())
            clients = setup.keys.clients if setup.keys else {}
            self.doorkeeper = opening.enter_context(Doorkeeper(context, clients))
            self._socket = opening.enter_context(context.socket(zmq.XPUB))
            _limit(self._socket)
            # plain first: what is set for CURVE holds for all that is bound later
            plain = _bind(self._socket, setup.plain)
            if setup.keys:
                _guard(self._socket, setup.keys.secret)
            self.bound = Bound(plain, _bind(self._socket, setup.secured) if setup.keys else ())
            self._poller = zmq.Poller()
            self._poller.register(self._socket, zmq.POLLIN)
            self._poller.register(self.doorkeeper.socket, zmq.POLLIN)
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def wait(self, descriptor: int, timeout_s: float) -> None:
        """Return once somebody knocks or subscribes, or the descriptor can be read."""
        self._poller.register(descriptor, zmq.POLLIN)
        self._poller.poll(round(timeout_s * 1000))

    def send(self, message: Publish) -> None:
        """Send a message, never waiting for a subscriber."""
        self._send(message.topic, message.payload)
        if message.retained:
            self._retained[message.topic] = message.retained

    def admit(self, clients: Clients) -> None:
        """From now on let in these clients and no others; who is in stays."""
        self.doorkeeper.clients = clients

    def attend(self) -> None:
        """Answer who knocks; send the retained messages to who subscribed since the last call."""
        self.doorkeeper.answer()
        prefixes = set(self._new_subscriptions())
        for name, payload in self._retained.items():
            if any(name.startswith(prefix) for prefix in prefixes):
                self._send(name, payload)

    def _send(self, name: str, payload: bytes) -> None:
        self._socket.send_multipart((name.encode(), payload), zmq.NOBLOCK)

    def _new_subscriptions(self) -> list[str]:
        found = []
        for _ in range(SUBSCRIPTIONS_A_CALL):
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
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    notice_the_gone(socket)
    socket.setsockopt(zmq.TCP_MAXRT, UNTAKEN_MS)


def _guard(socket: zmq.Socket[bytes], secret: bytes) -> None:
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
    socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # or without doorkeeper all might come in


def _bind(socket: zmq.Socket[bytes], endpoints: tuple[str, ...]) -> tuple[str, ...]:
    bound = []
    for endpoint in endpoints:
        try:
            socket.bind(endpoint)
        except zmq.ZMQError as error:
            raise UnboundError(endpoint, error) from error
        bound.append(socket.getsockopt_string(zmq.LAST_ENDPOINT))
    return tuple(bound)

"""Messages come in: decoded, without copies, with losses counted and a dead publisher noticed."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import zmq

from instrd.clients.books import DEAD_AFTER_S, Books
from instrd.clients.codec import ROOT, ProtocolError, decode
from instrd.clients.handshakes import watched
from instrd.clients.keepalive import notice_the_gone
from instrd.clients.keyfile import read_pair, read_public
from instrd.clients.protocol import SOURCE_KINDS, AnyMessage, SourceId

DEFAULT_ENDPOINT: Final = "tcp://127.0.0.1:5570"
QUEUE_MESSAGES: Final = 10_000
MAX_MESSAGE_BYTES: Final = 1 << 20
WAKE_S: Final = 0.25  # how often who waits looks: the age of a heartbeat is known as exactly


class Subscriber:
    """Follows one publisher or several, until it is closed; belongs to one thread at a time.

    Parameters
    ----------
    endpoints, sources, kinds
        One, or several. Only these sources are followed, and only these kinds of their messages
        (frame, event, state, level, gap, status); empty means all. Heartbeats, hello, model and
        bye always come.
    server_key, key
        For endpoints that need keys, both: the file of the daemon's public key, and the file of
        a secret key of ours whose public key the daemon knows.

    Raises
    ------
    ValueError
        There is no endpoint, no such source or kind can be, or one of the two keys is missing.
    KeyFileError
        A key cannot be read.
    ConnectionError
        An endpoint is none, or, once messages are received, does not accept us for good.
    """

    def __init__(
        self,
        endpoints: str | Sequence[str] = DEFAULT_ENDPOINT,
        *,
        sources: str | Sequence[str] = (),
        kinds: str | Sequence[str] = (),
        server_key: str | Path | None = None,
        key: str | Path | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoints = _several(endpoints)
        if not self.endpoints:
            raise ValueError("got no endpoint, allowed: one or several")
        prefixes = _prefixes(_several(sources), _several(kinds))
        self._books = Books(prefixes, clock_s)
        self.lost = self._books.lost  # messages by topic
        self.invalid = 0  # messages that could not be read
        self.payload = b""  # the JSON of the newest message, with keys that we do not know yet
        self._clock_s = clock_s
        self._opened_s = clock_s()
        with ExitStack() as opening:
            context = opening.enter_context(zmq.Context())
            self._socket = opening.enter_context(context.socket(zmq.SUB))
            _limit(self._socket)
            secured = _secure(self._socket, server_key, key)
            self._handshakes = opening.enter_context(watched(self._socket, secured=secured))
            self._poller = zmq.Poller()
            self._poller.register(self._socket, zmq.POLLIN)
            self._poller.register(self._handshakes.monitor, zmq.POLLIN)
            for endpoint in self.endpoints:
                _connect(self._socket, endpoint)
            for prefix in prefixes:
                self._socket.subscribe(prefix)
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._open.close()

    def __iter__(self) -> Iterator[AnyMessage]:
        """Yield messages until every publisher heard has said bye, as before a planned restart."""
        while not self.ended:
            message = self.receive(WAKE_S)
            if message is not None:
                yield message

    def receive(self, timeout_s: float | None) -> AnyMessage | None:
        """Return the next new message, or None if there is none when the time is over.

        Without a time it waits for as long as it takes. What cannot be read or was seen before
        does not count, and prolongs nothing.
        """
        left_s = math.inf if timeout_s is None else timeout_s
        due_s = time.monotonic() + left_s
        while True:
            ready = self._ready(min(left_s, WAKE_S))
            message = self._look(ready) if ready else None
            left_s = due_s - time.monotonic()
            if message is not None or left_s <= 0:
                return message

    @property
    def heartbeat_age_s(self) -> float | None:
        """How long ago the newest heartbeat that was read was sent; None before the first."""
        last_s = self._books.heartbeat_s
        return None if last_s is None else self._clock_s() - last_s

    @property
    def silent_s(self) -> float:
        """How long no heartbeat has been sent to us, since the last one or since the beginning."""
        age_s = self.heartbeat_age_s
        return self._clock_s() - self._opened_s if age_s is None else age_s

    @property
    def alive(self) -> bool:
        """Whether one was sent within the last 3 s, of those that were read; bye ends life at once.

        Who reads seldom should read all that waits before he asks.
        """
        age_s = self.heartbeat_age_s
        return age_s is not None and age_s < DEAD_AFTER_S and not self.ended

    @property
    def trouble(self) -> str:
        """Why a connection does not come about although it is tried again and again, or empty."""
        return self._handshakes.trouble

    @property
    def ended(self) -> bool:
        """Whether every publisher heard so far has said bye or is dead, and one has said bye."""
        return self._books.ended

    @property
    def surplus(self) -> int:
        """How many messages were passed over, of more runs or topics than can be followed."""
        return self._books.surplus

    def _ready(self, timeout_s: float) -> dict[Any, int]:
        if self._socket.closed:
            raise ValueError("the subscriber was closed")
        if ready := dict(self._poller.poll(0)):
            return ready
        self._books.nothing_waited_s = self._clock_s()
        return dict(self._poller.poll(max(0, round(timeout_s * 1000))))

    def _look(self, ready: dict[Any, int]) -> AnyMessage | None:
        """Take one message, or what happened to the connections; None if that is nothing new."""
        if self._socket not in ready:
            self._handshakes.look()
            return None
        parts = self._socket.recv_multipart(zmq.NOBLOCK)
        try:
            message = decode(parts[1])
            self.payload = parts[1]
        except (IndexError, ProtocolError):
            self.invalid += 1
            return None
        return message if self._books.enter(message) else None


def _several(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _prefixes(sources: tuple[str, ...], kinds: tuple[str, ...]) -> tuple[str, ...]:
    unknown = sorted(set(kinds) - set(SOURCE_KINDS))
    if unknown:
        allowed = ", ".join(SOURCE_KINDS)
        raise ValueError(f"unknown kind {', '.join(unknown)}; allowed: {allowed}")
    try:
        msgspec.convert(sources, tuple[SourceId, ...])
    except msgspec.ValidationError as error:
        got = ", ".join(map(repr, sources))
        raise ValueError(f"got sources {got}; allowed: each 1 to 32 of a-z 0-9 _ -") from error
    if not sources and not kinds:
        return (ROOT,)
    names = [f"{ROOT}{kind}/" for kind in kinds or SOURCE_KINDS]
    if sources:
        names = [f"{name}{source}/" for name in names for source in sources]
    # sys comes last: whoever hears a heartbeat is subscribed to all the rest
    return (*names, f"{ROOT}sys/")


def _limit(socket: zmq.Socket[bytes]) -> None:
    socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
    socket.setsockopt(zmq.LINGER, 0)
    notice_the_gone(socket)


def _secure(
    socket: zmq.Socket[bytes], server_key: str | Path | None, key: str | Path | None
) -> bool:
    if server_key is None and key is None:
        return False
    if server_key is None or key is None:
        raise ValueError("got one of server key and key, allowed: both or none")
    ours = read_pair(Path(key))
    socket.setsockopt(zmq.CURVE_SERVERKEY, read_public(Path(server_key)))
    socket.setsockopt(zmq.CURVE_PUBLICKEY, ours.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, ours.secret)
    return True


def _connect(socket: zmq.Socket[bytes], endpoint: str) -> None:
    try:
        socket.connect(endpoint)
    except (zmq.ZMQError, UnicodeEncodeError) as error:
        raise ConnectionError(f"cannot connect to {endpoint!r}: {error}") from error

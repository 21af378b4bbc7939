"""Who may connect from elsewhere: libzmq asks by ZAP (RFC 27), an allow-list answers."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Final, Self

import zmq
from zmq.utils import z85

log = logging.getLogger(__name__)
DOMAIN: Final = b"instrd"
REQUESTS_A_CALL: Final = 100
LOG_EVERY_S: Final = 10.0

Clients = Mapping[bytes, str]
"""The name of each client that may connect, by its public key in Z85."""


class Doorkeeper:
    """Answers for every CURVE endpoint of one context; belongs to the thread that made it.

    It lives in the publishing process, whose loop asks it rather than a thread of its own, so that
    there is none that could die unnoticed. Whatever a request holds and whatever goes wrong, the
    answer is no.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        clients: Clients,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clients = clients
        self.refused = 0
        self._clock_s = clock_s
        self._told, self._quiet_until_s = 0, float("-inf")
        with ExitStack() as opening:
            # ROUTER, as a REP that once fails to answer could never be asked again
            self.socket = opening.enter_context(context.socket(zmq.ROUTER))
            self.socket.setsockopt(zmq.LINGER, 0)
            self.socket.bind("inproc://zeromq.zap.01")
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def answer(self) -> None:
        """Answer those who knock, at most so many; never waits."""
        for _ in range(REQUESTS_A_CALL):
            try:
                asker, *request = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            status, text, name = self._judge(request)
            if status != b"200":
                self._count(request, text)
            number = request[2] if len(request) > 2 else b""
            reply = (asker, b"", b"1.0", number, status, text.encode(), name.encode(), b"")
            self.socket.send_multipart(reply, zmq.NOBLOCK)

    def _judge(self, request: list[bytes]) -> tuple[bytes, str, str]:
        """Return status, its text and the client's name."""
        match request:
            case [b"", b"1.0", _, domain, _, _, b"CURVE", key] if domain == DOMAIN:
                try:
                    name = self.clients.get(z85.encode(key))
                except Exception:
                    # Nobody who knocks may end the daemon, nor get in by what breaks.
                    log.exception("a client could not be judged and was refused")
                    return b"500", "internal error", ""
                return (b"400", "unknown key", "") if name is None else (b"200", "OK", name)
            case _:
                return b"400", "not a request for CURVE on an endpoint of instrd", ""

    def _count(self, request: list[bytes], reason: str) -> None:
        self.refused += 1
        if self._clock_s() < self._quiet_until_s:
            return
        address = request[4].decode(errors="replace") if len(request) > 4 else "nowhere"
        log.warning(
            "refused %d connection(s), the last from %s (%s); %d since the start",
            self.refused - self._told,
            address,
            reason,
            self.refused,
        )
        self._told, self._quiet_until_s = self.refused, self._clock_s() + LOG_EVERY_S

"""Commands come in: asked on an ipc socket, answered between two hops, never disturbing."""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final, Self, TypeAlias

import msgspec
import zmq

from instrd.clients.control import MAX_REQUEST_BYTES, Reply, Request
from instrd.daemon import ipc
from instrd.daemon.errors import InstrdError, WireError
from instrd.daemon.requests import RefusedError, read_request

log = logging.getLogger(__name__)
QUEUE_MESSAGES: Final = 100
LINGER_MS: Final = 500  # so long may the reply to `shutdown` take

Commands: TypeAlias = Mapping[str, Callable[[Request], dict[str, Any]]]


class ControlSocket:
    """The ROUTER socket; belongs to the thread that made it."""

    def __init__(self, endpoint: str) -> None:
        if not endpoint.startswith("ipc://"):
            raise WireError(
                f"control cannot listen on {endpoint}: allowed is only ipc://, because any web "
                "page can send commands to a local tcp port"
            )
        self.endpoint = endpoint
        with ExitStack() as opening:
            opening.enter_context(ipc.owned(endpoint, private=True))
            context = opening.enter_context(zmq.Context())
            self._socket = opening.enter_context(context.socket(zmq.ROUTER))
            _limit(self._socket)
            try:
                self._socket.bind(endpoint)
            except zmq.ZMQError as error:
                raise WireError(f"cannot bind {endpoint}: {error}; choose another path") from error
            self._open = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def answer(self, commands: Commands) -> bool:
        """Answer a request, if one has come, and return whether one had; never waits.

        A command returns its result or raises InstrdError, whose text goes to the asker.
        """
        try:
            *route, question = self._socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return False
        # DEALER sends no delimiter, REQ an empty one; anything else is not for us
        if route[1:] in ([], [b""]):
            self._reply(route, reply_to(question, commands))
        return True

    def _reply(self, route: list[bytes], reply: Reply) -> None:
        try:
            self._socket.send_multipart([*route, encoded(reply)], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            # the asker has gone or does not read; that is its own loss
            if error.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                raise


def reply_to(question: bytes, commands: Commands) -> Reply:
    """Return the reply to whatever came; only a request that can be read reaches a command."""
    try:
        request = read_request(question, commands)
    except RefusedError as error:
        return Reply(id=error.id, ok=False, error=str(error))
    return carry_out(request, commands)


def carry_out(request: Request, commands: Commands) -> Reply:
    """Return the reply to a request; nobody who asks may end the daemon."""
    try:
        return Reply(id=request.id, ok=True, result=commands[request.cmd](request))
    except InstrdError as error:
        return Reply(id=request.id, ok=False, error=str(error))
    except Exception:
        # A defect of ours costs one reply.
        log.exception("command %s broke", request.cmd)
        return Reply(id=request.id, ok=False, error="internal error, see the daemon's log")


def encoded(reply: Reply) -> bytes:
    """Return a reply as it is sent; a path in it may hold bytes that are no text."""
    try:
        return msgspec.json.encode(reply)
    except UnicodeEncodeError:
        told = reply.error or "the result holds what is no text"
        printable = told.encode(errors="replace").decode()
        return msgspec.json.encode(Reply(id=reply.id, ok=False, error=printable))


def _limit(socket: zmq.Socket[bytes]) -> None:
    socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_REQUEST_BYTES)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 2000)
    socket.setsockopt(zmq.LINGER, LINGER_MS)

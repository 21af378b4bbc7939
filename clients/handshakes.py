"""Whether publishers accept a subscriber; ZeroMQ itself stays silent about it, for ever."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

WATCHED: Final = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


class Handshakes:
    """Looks at the handshakes of one socket; belongs to the socket's thread."""

    def __init__(self, monitor: zmq.Socket[bytes], *, secured: bool) -> None:
        self.trouble = ""  # a sentence while handshakes fail but are tried again
        self.monitor = monitor  # readable when there is something to look at
        self._secured = secured

    def look(self) -> None:
        """Take what has happened; ConnectionError for what ZeroMQ does not try again."""
        while self.monitor.poll(0):
            happened = recv_monitor_message(self.monitor)
            endpoint = happened["endpoint"].decode(errors="replace")
            match happened["event"]:
                case zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    self.trouble = ""
                case zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                    # also where keys are needed: our greeting and its hanging up race
                    doubt = "is the server key its own" if self._secured else "does it need keys"
                    self.trouble = f"{endpoint} hangs up during the handshake; {doubt}?"
                case zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                    raise ConnectionError(
                        f"{endpoint} does not know this key: its public file must lie in "
                        "the folder `security.clients` of that instrd, which then must reload"
                    )
                case zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                    raise ConnectionError(f"{endpoint} {self._misfit}")

    @property
    def _misfit(self) -> str:
        if self._secured:
            return "does not use keys, or is no instrd; connect without keys"
        return "needs keys, or is no instrd; connect with a server key and a key of your own"


@contextmanager
def watched(socket: zmq.Socket[bytes], *, secured: bool) -> Iterator[Handshakes]:
    """Watch a socket that has not connected yet."""
    with socket.get_monitor_socket(WATCHED) as monitor:
        try:
            yield Handshakes(monitor, secured=secured)
        finally:
            socket.disable_monitor()

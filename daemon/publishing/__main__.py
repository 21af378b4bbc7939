"""Publishes what the daemon hands over: `python -m instrd.daemon.publishing`."""

import logging
import time

import zmq

from instrd.daemon.childprocess import end_with_parent
from instrd.daemon.pipe import Inlet, Outlet
from instrd.daemon.publishing.broadcast import Broadcast, UnboundError
from instrd.daemon.publishing.limits import limit_ourselves
from instrd.daemon.publishing.messages import (
    Admit,
    Alive,
    Logged,
    Publish,
    Setup,
    Told,
    Unbound,
    told_decoder,
)

FROM_PARENT, TO_PARENT = 0, 1
"""Pipes: the first one closes with the daemon, and so do we."""
STARTING_S = 5.0
"""The daemon tells us where to publish before it does anything else."""
ALIVE_EVERY_S = 0.25
MESSAGES_A_TURN = 500
"""Then those who knock have their turn."""


class LogOutlet(logging.Handler):
    """Hands what we log to the daemon, whose log it is."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def emit(self, record: logging.LogRecord) -> None:
        self._outlet.send(Logged(record.levelno, self.format(record)))


def main() -> None:
    """Publish until the daemon lets go of us, or dies."""
    limit_ourselves()
    end_with_parent()
    outlet, inlet = Outlet(TO_PARENT), Inlet(FROM_PARENT, told_decoder)
    log = logging.getLogger("instrd")
    log.addHandler(LogOutlet(outlet))
    log.propagate = False
    try:
        setup = inlet.receive(STARTING_S)
        if isinstance(setup, Setup):
            with Broadcast(setup) as broadcast:
                outlet.send(broadcast.bound)
                _serve(broadcast, inlet, outlet)
    except UnboundError as error:
        in_use = error.error.errno == zmq.EADDRINUSE
        outlet.send(Unbound(error.endpoint, str(error.error), in_use))
    except (EOFError, BrokenPipeError):
        pass  # the daemon has let go of us


def _serve(broadcast: Broadcast, inlet: Inlet[Told], outlet: Outlet) -> None:
    due_s = 0.0
    more_waits = False
    while True:
        broadcast.wait(FROM_PARENT, 0.0 if more_waits else ALIVE_EVERY_S)
        more_waits = _take(broadcast, inlet)
        broadcast.attend()
        if time.monotonic() >= due_s:
            outlet.send(Alive())
            due_s = time.monotonic() + ALIVE_EVERY_S


def _take(broadcast: Broadcast, inlet: Inlet[Told]) -> bool:
    """Do what we are told; return whether there may be more of it."""
    for _ in range(MESSAGES_A_TURN):
        match inlet.receive(0.0):
            case None:
                return False
            case Publish() as message:
                broadcast.send(message)
            case Admit(clients=clients):
                broadcast.admit(clients)
    return True


if __name__ == "__main__":
    main()

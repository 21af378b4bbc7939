"""Signals as wishes, while a context lasts: SIGINT and SIGTERM to stop, SIGHUP to reload."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopWish:
    """Becomes true once somebody wants the daemon to stop; remembers why.

    Whoever waits for it looks again within a tick: a signal handler must not wake anybody, since
    the lock it would need may be held by the very code that it interrupts.
    """

    def __init__(self) -> None:
        self.reason = ""

    def __bool__(self) -> bool:
        return bool(self.reason)

    def ask(self, reason: str) -> None:
        self.reason = self.reason or reason


class ReloadWish:
    """Becomes true whenever somebody wants the settings read again, until it is taken up."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self) -> None:
        self._asked = True

    def take(self) -> bool:
        """Return whether it was asked for since the last call."""
        asked, self._asked = self._asked, False
        return asked


@contextmanager
def obey_signals(stop: StopWish, reload: ReloadWish | None = None) -> Iterator[None]:
    """Turn signals into the wishes; restore the former handlers at the end.

    A second signal to stop while the first is being obeyed acts as it would have before, and so
    does SIGHUP where nothing can be reloaded.
    """
    heeded = STOPPING if reload is None else (*STOPPING, signal.SIGHUP)
    former = {number: signal.getsignal(number) for number in heeded}

    def obey(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and reload is not None:
            reload.ask()
            return
        stop.ask(signal.Signals(number).name)
        signal.signal(number, former[signal.Signals(number)])

    for number in heeded:
        signal.signal(number, obey)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)

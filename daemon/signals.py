"""Signals as wishes, while a context lasts: SIGINT and SIGTERM to stop, SIGHUP to reload.

SIGHUP means two things: somebody sends it to have the settings read again, and the kernel sends it
to a program whose terminal has been closed, which is to stop.
"""

import os
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

    A second signal to stop while the first is being obeyed acts as it would have before. SIGHUP
    stops, too, where nothing can be reloaded; it never stops what was started to ignore it (nohup).
    """
    former = {number: signal.getsignal(number) for number in (*STOPPING, signal.SIGHUP)}
    by_nohup = former[signal.SIGHUP] == signal.SIG_IGN
    if by_nohup and reload is None:
        del former[signal.SIGHUP]
    in_terminal = has_terminal() and not by_nohup

    def obey(number: int, _frame: FrameType | None) -> None:
        lost_terminal = in_terminal and not has_terminal()
        if number == signal.SIGHUP and reload is not None and not lost_terminal:
            reload.ask()
            return
        stop.ask(signal.Signals(number).name)
        signal.signal(number, former[signal.Signals(number)])

    for number in former:
        signal.signal(number, obey)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def has_terminal() -> bool:
    """Say whether the process has a terminal that can send it signals."""
    try:
        os.close(os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True

"""Signals as wishes, while a context lasts: SIGINT and SIGTERM to stop, SIGHUP to reload.

SIGHUP means two things: somebody sends it to have the settings read again, and the kernel sends it
to a program whose terminal has been closed, which is to stop. It sends it only to the process that
leads the terminal's session, which a shell passes on and `make` does not; so whoever was in the
foreground looks for itself.
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
        self.terminal: Foreground | None = None
        """Whose loss is a wish to stop."""

    def __bool__(self) -> bool:
        return bool(self.reason)

    def look(self) -> None:
        """Wish to stop if the terminal is gone; to be called every second or so."""
        if self.terminal is not None and self.terminal.is_lost():
            self.ask(signal.SIGHUP.name)

    def ask(self, reason: str) -> None:
        self.reason = self.reason or reason


class Foreground:
    """The terminal that the process is in the foreground of, if it is of any.

    A job in the background may outlive its terminal, as it does where the kernel sends SIGHUP.
    """

    def __init__(self) -> None:
        self._in_front = False
        self.is_lost()

    def is_lost(self) -> bool:
        """Say whether the process was in the foreground when last asked and has no terminal now."""
        group = group_in_front()
        if group is None:
            return self._in_front
        self._in_front = group == os.getpgrp()
        return False


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
    in_terminal = group_in_front() is not None and not by_nohup
    stop.terminal = None if by_nohup else Foreground()

    def obey(number: int, _frame: FrameType | None) -> None:
        lost_terminal = in_terminal and group_in_front() is None
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
        stop.terminal = None
        for number, handler in former.items():
            signal.signal(number, handler)


def group_in_front() -> int | None:
    """Return which processes our terminal has in its foreground; None: we have no terminal."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            return os.tcgetpgrp(terminal)
        finally:
            os.close(terminal)
    except OSError:
        return None

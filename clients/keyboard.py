"""What is typed while a picture is drawn: it neither shows in the picture nor waits for a shell."""

import os
import signal
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, Self

QUIT: Final = b"q"
MOST_BYTES: Final = 1024  # read at a time
LOOK_S: Final = 0.02


class Keyboard:
    """The keys of the terminal that standard input is, if it is one; Ctrl-C means what it does.

    A terminal with somebody else in its foreground is left alone: the kernel would stop us.
    As a context, of the main thread, it lets whoever draws leave the screen before ^Z stops us.
    """

    def __init__(self, stop: Callable[[], None], settle: Callable[[], None] = lambda: None) -> None:
        """Call `stop` for every q; `settle` waits until what was printed is written."""
        self.suspended = False
        """Whoever draws is to leave the screen, and then to call `suspend`."""
        is_terminal = sys.stdin is not None and sys.stdin.isatty()
        self._terminal = sys.stdin.fileno() if is_terminal else None
        self._stop = stop
        self._settle = settle
        self._in_use = False
        self._former: list[Any] | None = None
        self._obeys = False

    def __enter__(self) -> Self:
        self._obeys = signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL
        if self._obeys:
            signal.signal(signal.SIGTSTP, self._obey)
        return self

    def __exit__(self, *error: object) -> None:
        if self._obeys:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self.suspended = False
        self.release()

    @property
    def is_ours(self) -> bool:
        return self._terminal is not None and not in_background(self._terminal)

    def look(self) -> None:
        """Obey what was typed since the last call; from the first one on, nothing of it shows."""
        self._in_use = True
        if self._terminal is None or not self.is_ours:
            return
        with suppress(OSError, termios.error):  # the terminal is gone
            self._silence(self._terminal)
            if QUIT in os.read(self._terminal, MOST_BYTES):
                self._stop()

    def release(self) -> None:
        """Forget what was typed, and have the terminal as it was found."""
        self._in_use = False
        former, self._former = self._former, None
        if self._terminal is not None and former and self.is_ours:
            with suppress(termios.error):
                termios.tcflush(self._terminal, termios.TCIFLUSH)
                termios.tcsetattr(self._terminal, termios.TCSANOW, former)

    def suspend(self) -> None:
        """Stop the program as ^Z does; return once it goes on."""
        self.release()
        self._settle()
        if self.suspended:
            os.kill(os.getpid(), signal.SIGTSTP)  # only the main thread may say what that does
        while self.suspended:
            time.sleep(LOOK_S)

    def _obey(self, number: int, _frame: FrameType | None) -> None:
        if self._in_use:
            self.suspended = True
            return
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # goes on here, at once if no shell could ever continue us
        signal.signal(number, self._obey)
        self.suspended = False

    def _silence(self, terminal: int) -> None:
        """Have no echo and no wait for Enter; again where a shell has been there meanwhile."""
        modes = termios.tcgetattr(terminal)
        if modes[3] & (termios.ECHO | termios.ICANON):
            self._former = self._former or termios.tcgetattr(terminal)
            modes[3] &= ~(termios.ECHO | termios.ICANON)
            modes[6][termios.VMIN] = modes[6][termios.VTIME] = 0
            termios.tcsetattr(terminal, termios.TCSANOW, modes)


def in_background(terminal: int) -> bool:
    """Say whether it is our terminal and has somebody else in its foreground."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:
        return False

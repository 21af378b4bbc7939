"""The keyboard while a picture covers the terminal: nothing typed gets into it, or to the shell."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

if sys.platform != "win32":
    import termios

QUIT: Final = b"q"
LEAVE: Final = b"\x1b[?1049l\x1b[?25h"
"""Back to the shell's own screen, with a cursor."""
ENTER: Final = b"\x1b[?1049h\x1b[?25l"


@contextmanager
def keys() -> Iterator[Callable[[], bytes]]:
    """Yield what returns the keys typed since it was last asked; call from the main thread.

    ^Z gives the terminal back as it was, and `fg` takes it again. Ctrl-C and the like stay signals.
    """
    terminal = None if sys.platform == "win32" else _terminal()
    if terminal is None:
        yield lambda: b""
        return
    try:
        yield from _taken(terminal)
    finally:
        os.close(terminal)


def _taken(terminal: int) -> Iterator[Callable[[], bytes]]:
    before = termios.tcgetattr(terminal)
    quiet = [*before[:3], before[3] & ~(termios.ECHO | termios.ICANON), *before[4:]]

    def suspend(_number: int, _frame: FrameType | None) -> None:
        _show(terminal, before, LEAVE)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)

    def resume(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTSTP, suspend)
        _show(terminal, quiet, ENTER)

    def typed() -> bytes:
        try:
            return os.read(terminal, 64) if _is_in_front(terminal) else b""
        except OSError:  # nothing was typed, or the terminal is gone
            return b""

    # Who reads a terminal from the background is stopped, unless it wants no such signal.
    former = {
        signal.SIGTSTP: signal.signal(signal.SIGTSTP, suspend),
        signal.SIGCONT: signal.signal(signal.SIGCONT, resume),
        signal.SIGTTIN: signal.signal(signal.SIGTTIN, signal.SIG_IGN),
    }
    _show(terminal, quiet)
    try:
        yield typed
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        with suppress(termios.error):
            termios.tcflush(terminal, termios.TCIFLUSH)
        _show(terminal, before)


def _show(terminal: int, attributes: list[Any], screen: bytes = b"") -> None:
    """Set the terminal, if it is ours to set, without waiting for who reads it."""
    with suppress(OSError, termios.error):
        if _is_in_front(terminal):
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
            os.write(terminal, screen)


def _is_in_front(terminal: int) -> bool:
    return os.tcgetpgrp(terminal) == os.getpgrp()


def _terminal() -> int | None:
    with suppress(OSError):
        return os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    return None

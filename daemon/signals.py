"""SIGINT and SIGTERM as a wish to stop, while a context lasts."""

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


@contextmanager
def stop_on_signals(wish: StopWish) -> Iterator[None]:
    """Turn signals into the wish; restore the former handlers at the end.

    A second signal while the first is being obeyed acts as it would have before.
    """
    former = {number: signal.getsignal(number) for number in STOPPING}

    def obey(number: int, _frame: FrameType | None) -> None:
        wish.ask(signal.Signals(number).name)
        signal.signal(number, former[signal.Signals(number)])

    for number in STOPPING:
        signal.signal(number, obey)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)

"""SIGINT and SIGTERM as a wish to stop, while a context lasts."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopWish:
    """Becomes true once somebody wants the daemon to stop; remembers why."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.reason = ""
        self._wake = wake

    def __bool__(self) -> bool:
        return bool(self.reason)

    def ask(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._wake()


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

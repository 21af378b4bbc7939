"""Sound that is there already: read as fast as it is asked for, once or for ever."""

import time
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from threading import Event

import numpy as np
from numpy.typing import NDArray

from instrd.daemon.sources.source import Block, block_size

Blocks = Iterator[NDArray[np.float32]]


class Replay:
    """Reads the blocks that `start` yields; with `loop` it starts over at their end."""

    def __init__(
        self, start: Callable[[], Blocks], rate_hz: int, description: str, *, loop: bool
    ) -> None:
        self.rate_hz = rate_hz
        self.description = description
        size = block_size(rate_hz, "realtime")
        rounds = (_filled(begin(), size) for begin in repeat(start)) if loop else iter([start()])
        self._blocks: Blocks = chain.from_iterable(rounds)
        self._closed = Event()

    def read(self) -> Block | None:
        samples = None if self._closed.is_set() else next(self._blocks, None)
        if samples is None:
            self._blocks = iter(())
            return None
        return Block(samples, 0, time.monotonic_ns())

    def close(self) -> None:
        # The reading thread may be inside the file: it lets go of it, not we.
        self._closed.set()


def _filled(blocks: Blocks, size: int) -> Blocks:
    """Yield blocks, of which a first one that is short is all, as often as it fits into `size`.

    A loop of a few samples would take longer to begin anew than it lasts.
    """
    for first in islice(blocks, 1):
        yield np.tile(first, max(1, size // len(first)))
    yield from blocks

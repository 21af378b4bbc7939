"""Plays a source that could be read at once at the pace at which it would sound."""

import time
from dataclasses import replace
from threading import Event

from instrd.daemon.sources.source import Block, Source


def wall_us() -> int:
    """Return now, UTC microseconds."""
    return time.time_ns() // 1000


class Paced:
    """Holds each block back until its last sample is due; catches up if it is late."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._closed = Event()
        self._began_s: float | None = None
        self._position = 0

    @property
    def rate_hz(self) -> int:
        return self._source.rate_hz

    @property
    def description(self) -> str:
        return self._source.description

    def read(self) -> Block | None:
        block = self._source.read()
        if block is None:
            return None
        now_s = time.monotonic()
        if self._began_s is None:
            # Not before the first block is there: what sends it may start later.
            self._began_s = now_s
        self._position += block.lost + len(block.samples)
        early_s = self._began_s + self._position / self.rate_hz - now_s
        if early_s <= 0.0:
            return block
        due_us = wall_us() + round(early_s * 1e6)
        return None if self._closed.wait(early_s) else replace(block, t_end_us=due_us)

    def close(self) -> None:
        self._closed.set()
        self._source.close()

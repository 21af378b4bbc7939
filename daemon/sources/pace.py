"""Plays a source that could be read at once at the pace at which it would sound."""

import time
from dataclasses import replace
from threading import Event

from instrd.daemon.sampleclock import wall_us
from instrd.daemon.sources.source import Block, Pace, Source


class Paced:
    """Holds each block back until its last sample is due; catches up if it is late.

    At the pace `fast` it holds nothing back, but dates the samples as if it did.
    """

    def __init__(self, source: Source, pace: Pace = "realtime") -> None:
        self._source = source
        self._waits = pace == "realtime"
        self._closed = Event()
        self._began_s: float | None = None
        self._began_us = 0
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
            self._began_s, self._began_us = now_s, wall_us()
        self._position += block.lost + len(block.samples)
        sounds_s = self._position / self.rate_hz
        dated = replace(block, t_end_us=self._began_us + round(sounds_s * 1e6))
        if not self._waits:
            return dated
        early_s = self._began_s + sounds_s - now_s
        if early_s <= 0.0:
            return block
        return None if self._closed.wait(early_s) else dated

    def close(self) -> None:
        self._closed.set()
        self._source.close()

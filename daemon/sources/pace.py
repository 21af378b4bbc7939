"""Plays a source that could be read at once at the pace at which it would sound."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event

from instrd.daemon.config import Pace
from instrd.daemon.sources.source import LIVE_BLOCKS_PER_S, Block, Source, Standing

LATEST_S = 2 / LIVE_BLOCKS_PER_S
"""What is later does not catch up: so much sound at once would be taken for a slow analysis."""
AT_ONCE_S = LATEST_S + 1 / LIVE_BLOCKS_PER_S
"""So much sound may come at once although nobody is late: the late blocks and the one due."""


class Paced:
    """Holds each block back until its last sample is due; catches up if it is a little late.

    A source that was kept waiting for longer plays on from then. So does one whose sender goes on
    meanwhile, but what is queued is caught up with, unless the sender itself stood still.
    At the pace `fast` it holds nothing back, but dates the samples as if it did.
    """

    def __init__(
        self,
        source: Source,
        pace: Pace = "realtime",
        *,
        now_s: Callable[[], float] = time.monotonic,
        wait: Callable[[Event, float], bool] = Event.wait,
    ) -> None:
        self._source = source
        self._waits = pace == "realtime"
        self._now_s, self._wait = now_s, wait
        self._closed = Event()
        self._began_s = 0.0
        """When sample 0 was due, had all that has come so far followed without a pause."""
        self._position = 0

    @property
    def rate_hz(self) -> int:
        return self._source.rate_hz

    @property
    def description(self) -> str:
        return self._source.description

    def read(self) -> Block | Standing | None:
        block = self._source.read()
        if not isinstance(block, Block):
            return block
        now_s, first = self._now_s(), self._position + block.lost
        end = first + len(block.samples)
        # Not before a block is there: what sends it may start later, and pause.
        begins = self._position == 0
        queued_s = 0.0 if begins or block.anew else block.queued / self.rate_hz
        stood_still = now_s - self._due_s(end) > LATEST_S + queued_s
        # What holds nothing back is late for our slowness too, which moves no times.
        anew = begins or (stood_still and (self._waits or block.anew))
        if anew:
            self._began_s += now_s - queued_s - self._due_s(first)
        self._position, due_s = end, self._due_s(end)
        t_end_s = due_s
        if self._waits:
            # What is queued was captured later than this block.
            t_end_s = max(due_s, block.t_end_ns / 1e9 - queued_s)
            if due_s > now_s and self._wait(self._closed, due_s - now_s):
                return None
        return replace(block, t_end_ns=round(1e9 * t_end_s), anew=anew)

    def close(self) -> None:
        self._closed.set()
        self._source.close()

    def _due_s(self, position: int) -> float:
        return self._began_s + position / self.rate_hz

"""One source being captured: its own thread reads blocks into a ring for each opening."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from instrd.daemon.errors import SourceError
from instrd.daemon.ring import HopRing
from instrd.daemon.sampleclock import SampleClock
from instrd.daemon.sources import Block, Feed, Item, Missed, Opened, Standing

log = logging.getLogger(__name__)
JOIN_S = 1.5


@dataclass(frozen=True, slots=True)
class Epoch:
    """A source from one opening to the next; positions count from its beginning."""

    number: int
    rate_hz: int
    description: str
    ring: HopRing
    clock: SampleClock


class Capture:
    """Owns the source and its thread; the reader of rings and news is the main thread."""

    def __init__(
        self,
        name: str,
        source: Feed,
        ring_for: Callable[[int], HopRing],
        wake: Callable[[], None],
        *,
        lossless: bool,
    ) -> None:
        """`ring_for` makes a ring for a rate in Hz; `wake` says that there is news."""
        self.name = name
        self.source = source
        self.news: deque[Epoch | Standing] = deque()
        """In the order in which it happened; an epoch comes after the end of the one before."""
        self.overflows = 0
        self.error: Exception | None = None
        """Why the thread ended, if not because the source did."""
        self._ring_for, self._wake = ring_for, wake
        self._lossless = lossless
        self._epoch: Epoch | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"capture-{name}", daemon=True)

    @property
    def live(self) -> bool:
        """Whether the thread still captures."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            log.warning("%s did not stop within %.1f s", self.source.description, JOIN_S)

    def close(self) -> None:
        """Ask the thread to end, without waiting for it."""
        self._closed = True
        if self._epoch is not None:
            self._epoch.ring.close()
        self.source.close()

    def _run(self) -> None:
        try:
            while (item := self.source.read()) is not None:
                self._take(item)
        except SourceError as error:
            self.error = error
        except Exception as error:
            # A thread has nobody above it: the main loop reports this and ends the daemon.
            log.exception("capture of %s broke", self.name)
            self.error = error
        finally:
            if self._epoch is not None:
                self._epoch.ring.finish()
            self._wake()

    def _take(self, item: Item) -> None:
        match item:
            case Opened():
                self._begin(item)
            case Standing():
                if item.status == "restarting" and self._epoch is not None:
                    self._epoch.ring.finish()
                self.news.append(item)
                self._wake()
            case Block() if self._epoch is not None:
                self._write(self._epoch, item)
            case Missed() if self._epoch is not None:
                self._epoch.ring.lose(item.count, item.reason)

    def _begin(self, opened: Opened) -> None:
        number = 0
        if self._epoch is not None:
            number = self._epoch.number + 1
            self._epoch.ring.finish()
        rate_hz = opened.rate_hz
        ring, clock = self._ring_for(rate_hz), SampleClock(rate_hz)
        self._epoch = Epoch(number, rate_hz, opened.description, ring, clock)
        if self._closed:
            ring.close()
        self.news.append(self._epoch)
        self._wake()

    def _write(self, epoch: Epoch, block: Block) -> None:
        ring = epoch.ring
        if block.lost:
            self.overflows += 1
            ring.lose(block.lost, block.reason)
        position = ring.captured + len(block.samples)
        epoch.clock.stamp(position, block.t_end_ns, anew=block.anew)
        ring.write(block.samples, waits=self._lossless)

"""One source being captured: its own thread reads blocks into its ring."""

import logging
import threading
from collections.abc import Callable
from typing import Self

from instrd.daemon.errors import SourceError
from instrd.daemon.ring import HopRing
from instrd.daemon.sampleclock import SampleClock
from instrd.daemon.sources import Block, Source

log = logging.getLogger(__name__)
JOIN_S = 2.0


class Capture:
    """Owns the source and its thread; the reader of the ring is the main thread."""

    def __init__(
        self, name: str, source: Source, ring: HopRing, wake: Callable[[], None], *, lossless: bool
    ) -> None:
        self.name = name
        self.source = source
        self.ring = ring
        self.clock = SampleClock(source.rate_hz)
        self.overflows = 0
        self.error: Exception | None = None
        """Why the thread ended, if not because the source did."""
        self._wake = wake
        self._write = ring.write_waiting if lossless else ring.write
        self._thread = threading.Thread(target=self._run, name=f"capture-{name}", daemon=True)

    @property
    def live(self) -> bool:
        """Whether the thread still captures."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ring.close()
        self.source.close()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            log.warning("%s did not stop within %.0f s", self.source.description, JOIN_S)

    def _run(self) -> None:
        try:
            while (block := self.source.read()) is not None:
                self._take(block)
        except SourceError as error:
            self.error = error
        except Exception as error:
            # A thread has nobody above it: the main loop reports this and ends the daemon.
            log.exception("capture of %s broke", self.name)
            self.error = error
        finally:
            self.ring.finish()
            self._wake()

    def _take(self, block: Block) -> None:
        if block.lost:
            self.overflows += 1
            self.ring.lose(block.lost)
        self.clock.stamp(self.ring.captured + len(block.samples), block.t_end_us)
        self._write(block.samples)

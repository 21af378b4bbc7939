"""One epoch of a source from its ring to its analysis: which hop is next, what was lost before."""

from collections.abc import Iterator
from dataclasses import dataclass

from instrd.clients.protocol import AnyMessage, EndReason
from instrd.daemon.capture import Epoch
from instrd.daemon.ring import Hop, Lost
from instrd.daemon.stream import Stream

WORKED_OFF = 0.1
"""An excused backlog shrinks by so many hops with each one taken, or it is excused no longer."""


@dataclass(slots=True)
class Passage:
    """Pairs an epoch with the stream that analyses it; belongs to the main thread."""

    epoch: Epoch
    stream: Stream
    max_late_hops: int | None
    """Skip to the newest hop when further behind; None: never, every sample counts."""
    paused: bool = False
    discarded: int = 0
    """Samples not analysed because of a pause."""
    rate_is_told: bool = False
    """It has been said that the device runs at another rate."""
    _paused_at: int = 0
    _excused_hops: float = 0.0

    @property
    def waiting_hops(self) -> int:
        """Whole hops that are not taken yet."""
        return self.epoch.ring.counts().pending // self.stream.hop

    @property
    def is_excused(self) -> bool:
        """Whether hops that waited for no fault of the analysis are still being worked off."""
        return self._excused_hops > 0.0

    def take(self) -> Iterator[Hop | AnyMessage]:
        """Yield the next hop, if there is one, after the gaps before it.

        In a pause it is passed over, and from a live source all others that wait are, too.
        """
        self._catch_up()
        while (piece := self.epoch.ring.next_hop()) is not None:
            if isinstance(piece, Lost):
                yield from self._name_pause()
                yield from self.stream.lose(piece.first, piece.count, piece.reason)
                self._paused_at = self.stream.position
            elif not self.paused:
                yield piece
                return
            else:
                self._discard(piece)
                if self.max_late_hops is None:
                    return

    def excuse(self) -> None:
        """Take all hops that wait now, however late: nothing was slow, the loop was kept busy.

        Those that come in meanwhile are late too, and are taken as long as the backlog shrinks.
        """
        self._excused_hops = self.waiting_hops

    def stand_still(self) -> Iterator[AnyMessage]:
        """End what sounds; no onset that follows is dated back before what has not come yet."""
        yield from self.stream.end("source_lost")
        # Less than a hop was left over; more has come since then, if there is more.
        left_over = min(self.epoch.ring.counts().pending, self.stream.hop)
        self.stream.begin_decisions(self.stream.position + left_over)

    def pause(self) -> Iterator[AnyMessage]:
        """Analyse nothing from now on; what sounds ends."""
        self.paused, self._paused_at = True, self.stream.position
        yield from self.stream.end("source_lost")

    def resume(self) -> Iterator[AnyMessage]:
        """Analyse again, and name what was passed over."""
        yield from self._name_pause()
        self.paused = False

    def finish(self, reason: EndReason) -> Iterator[AnyMessage]:
        """Name what a pause passed over and end what sounds; nothing follows."""
        yield from self.resume()
        yield from self.stream.end(reason)

    def _name_pause(self) -> Iterator[AnyMessage]:
        passed_over = self.stream.position - self._paused_at
        if self.paused and passed_over:
            yield from self.stream.lose(self._paused_at, passed_over, "paused")

    def _catch_up(self) -> None:
        most = None if self.paused else self.max_late_hops
        late = 0 if most is None else self.waiting_hops - most
        if late > self._excused_hops:
            self.epoch.ring.skip_to_newest(1)
            self._excused_hops = 0.0
        else:
            self._excused_hops = max(0.0, self._excused_hops - WORKED_OFF) if late > 0 else 0.0

    def _discard(self, hop: Hop) -> None:
        self.discarded += len(hop.samples)
        self.stream.position = hop.first + len(hop.samples)

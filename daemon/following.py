"""One source from its capture to its analysis: which hop is next, and what was lost before it."""

from collections.abc import Iterator
from dataclasses import dataclass

from instrd.clients.protocol import AnyMessage, Condition, EndReason
from instrd.daemon.capture import Capture
from instrd.daemon.ring import Hop, Lost
from instrd.daemon.stream import Stream


@dataclass(slots=True)
class Following:
    """Pairs a capture with the stream that analyses it; belongs to the main thread."""

    capture: Capture
    stream: Stream
    max_late_hops: int | None
    """Skip to the newest hop when further behind; None: never, every sample counts."""
    may_wait: bool = False
    """Whoever sends may take any time, as through a pipe: standing still is no fault then."""
    discarded: int = 0
    """Samples not analysed because of a pause."""
    paused: bool = False
    ended: bool = False
    _paused_at: int = 0
    _excused_hops: int = 0

    @property
    def condition(self) -> Condition:
        if self.capture.live or not self.ended:
            return "running"
        return "failed" if self.capture.error else "ended"

    @property
    def position(self) -> int:
        """Up to where its samples were analysed, passed over in a pause, or named as lost."""
        return self.stream.position

    @property
    def idle(self) -> bool:
        """Whether nothing is to be expected now: all is said, or a slow sender has sent no hop."""
        return self.ended or (self.may_wait and not self._waiting_hops)

    def take(self) -> Iterator[Hop | AnyMessage]:
        """Yield the next hop, if there is one, after the gaps before it."""
        self._catch_up()
        while isinstance(piece := self.capture.ring.next_hop(), Lost):
            yield from self._name_pause()
            yield from self.stream.lose(piece.first, piece.count, piece.reason)
            self._paused_at = self.stream.position
        if piece is None:
            return
        if self.paused:
            self._discard(piece)
        else:
            yield piece

    def excuse(self) -> None:
        """Take all hops that wait now, however late: nothing was slow, the loop was kept busy."""
        self._excused_hops = self._waiting_hops

    def pause(self) -> Iterator[AnyMessage]:
        """Analyse nothing from now on; what sounds ends."""
        if not (self.paused or self.ended):
            self.paused, self._paused_at = True, self.stream.position
            yield from self.stream.end("source_lost")

    def resume(self) -> Iterator[AnyMessage]:
        """Analyse again, and name what was passed over."""
        if self.paused:
            yield from self._name_pause()
            self.paused = False

    def finish(self, reason: EndReason) -> Iterator[AnyMessage]:
        """Name what a pause passed over and end what sounds; nothing follows."""
        self.ended = True
        yield from self.resume()
        yield from self.stream.end(reason)

    def _name_pause(self) -> Iterator[AnyMessage]:
        passed_over = self.stream.position - self._paused_at
        if self.paused and passed_over:
            yield from self.stream.lose(self._paused_at, passed_over, "paused")

    def _catch_up(self) -> None:
        if self._excused_hops:
            self._excused_hops -= 1
        elif self.max_late_hops is not None and self._waiting_hops > self.max_late_hops:
            self.capture.ring.skip_to_newest(1)

    @property
    def _waiting_hops(self) -> int:
        return self.capture.ring.counts().pending // self.stream.hop

    def _discard(self, hop: Hop) -> None:
        self.discarded += len(hop.samples)
        self.stream.position = hop.first + len(hop.samples)

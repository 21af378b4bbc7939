"""One source followed through its epochs: what is analysed now, how it fares, its accounts."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from instrd.clients import protocol
from instrd.clients.protocol import AnyMessage, Condition, EndReason
from instrd.daemon.capture import Capture, Epoch
from instrd.daemon.passage import Passage
from instrd.daemon.ring import Hop
from instrd.daemon.sources import Standing

log = logging.getLogger(__name__)
HEARD: tuple[Condition, ...] = ("running", "flat")
"""Audio comes in."""
WRONG_RATE_PPM = 5000.0
"""No crystal is off by so much: the device does not run at the rate that it claims."""
OFF = "its clock is off"


@dataclass(slots=True)
class Samples:
    """What became of samples: captured = analysed + gated + dropped + pending."""

    captured: int = 0
    analysed: int = 0
    gated: int = 0
    dropped: int = 0
    pending: int = 0


@dataclass(slots=True)
class Following:
    """Pairs a capture with the passage of its present epoch; belongs to the main thread."""

    capture: Capture
    passage_of: Callable[[Epoch], Passage]
    may_wait: bool = False
    """Whoever sends may take any time, as through a pipe: standing still is no fault then."""
    passage: Passage | None = None
    """None: it has not been open yet."""
    paused: bool = False
    ended: bool = False
    _standing: Standing = field(default_factory=lambda: Standing("waiting"))
    _past: Samples = field(default_factory=Samples)
    """Of the epochs before."""

    @property
    def status(self) -> Condition:
        return self._standing.status

    @property
    def rate_hz(self) -> int | None:
        return self.passage.epoch.rate_hz if self.passage else None

    @property
    def description(self) -> str:
        return self.passage.epoch.description if self.passage else self.capture.source.description

    @property
    def restarts(self) -> int:
        return self.passage.epoch.number if self.passage else 0

    @property
    def position(self) -> int:
        """Up to where its samples were analysed, passed over in a pause, or named as lost."""
        return self.passage.stream.position if self.passage else 0

    @property
    def idle(self) -> bool:
        """Whether nothing is to be expected now: all is said, or nothing whole has come."""
        if self.passage is not None and self.passage.waiting_hops:
            return self.ended
        return self.ended or self.may_wait or self.status not in HEARD

    @property
    def is_excused(self) -> bool:
        """Whether hops that waited for no fault of the analysis are still being worked off."""
        return self.passage is not None and self.passage.is_excused

    @property
    def is_over(self) -> bool:
        """Whether all is told and nothing follows."""
        all_told = self.passage is None or self.passage.epoch.ring.ended
        return not self.capture.live and not self.capture.news and all_told

    def samples(self) -> Samples:
        """Look at what became of all samples so far, at one moment."""
        past, passage = self._past, self.passage
        if passage is None:
            return past
        counts = passage.epoch.ring.counts()
        return Samples(
            captured=past.captured + counts.captured,
            analysed=past.analysed + passage.stream.analysed,
            gated=past.gated + passage.stream.gated,
            dropped=past.dropped + counts.dropped + passage.discarded,
            pending=counts.pending,
        )

    def take(self) -> Iterator[Hop | AnyMessage]:
        """Yield the next hop, if there is one, after the gaps before it; else the news."""
        if self.passage is not None:
            for piece in self.passage.take():
                yield piece
                if isinstance(piece, Hop):
                    return
        while self.capture.news and not self._is_behind:
            yield from self._hear(self.capture.news.popleft())

    def check_rate(self) -> Iterator[AnyMessage]:
        """Say that the device runs at another rate than it claims, as long as it does."""
        passage = self.passage
        if passage is None or self.may_wait or self.paused or self.status != "running":
            return
        drift_ppm = passage.epoch.clock.drift_ppm
        is_off = abs(drift_ppm) > WRONG_RATE_PPM
        if is_off == self._standing.detail.startswith(OFF):
            return
        off = f"{OFF} by {drift_ppm:.0f} ppm, allowed {WRONG_RATE_PPM:.0f}"
        if is_off and not passage.rate_is_told:
            passage.rate_is_told = True
            log.warning("source %s: %s; try another rate of it", self.capture.name, off)
        yield self._stand(Standing("running", off if is_off else ""))

    def remind(self) -> Iterator[AnyMessage]:
        """Say again what sounds, as long as there are no hops that would say it."""
        if self.passage is not None and not (self.ended or self._is_heard):
            yield self.passage.stream.state()

    def excuse(self) -> None:
        """Take all hops that wait now, however late: nothing was slow, the loop was kept busy."""
        if self.passage is not None:
            self.passage.excuse()

    def pause(self) -> Iterator[AnyMessage]:
        """Analyse nothing from now on; what sounds ends."""
        if not (self.paused or self.ended):
            self.paused = True
            if self.passage is not None:
                yield from self.passage.pause()
            yield self._tell()

    def resume(self) -> Iterator[AnyMessage]:
        """Analyse again, and name what was passed over."""
        if self.paused:
            self.paused = False
            if self.passage is not None:
                yield from self.passage.resume()
            yield self._tell()

    def finish(self, reason: EndReason) -> Iterator[AnyMessage]:
        """End what sounds and say how the source ended; nothing follows."""
        self.ended, self.paused = True, False
        if self.passage is not None:
            yield from self.passage.finish(reason)
        error = self.capture.error
        yield self._stand(Standing("failed" if error else "ended", str(error or "")))

    @property
    def _is_heard(self) -> bool:
        """Whether audio comes in and is analysed."""
        return self.status in HEARD and not self.paused

    @property
    def _is_behind(self) -> bool:
        """Whether there are hops before the news."""
        news = self.capture.news[0]
        if self.passage is None or (isinstance(news, Standing) and news.status in HEARD):
            return False
        if isinstance(news, Epoch):
            return not self.passage.epoch.ring.ended
        return bool(self.passage.waiting_hops)

    def _hear(self, news: Epoch | Standing) -> Iterator[AnyMessage]:
        if isinstance(news, Standing):
            if self.passage is not None and news.status not in HEARD and self.status in HEARD:
                yield from self.passage.stand_still()
            yield self._stand(news)
            return
        if self.passage is not None:
            yield from self.passage.finish("source_lost")
            self._past = self.samples()
        self.passage = self.passage_of(news)
        self.passage.paused = self.paused

    def _stand(self, standing: Standing) -> protocol.Status:
        self._standing = standing
        return self._tell()

    def _tell(self) -> protocol.Status:
        return protocol.Status(
            source=self.capture.name,
            status=self.status,
            detail=protocol.PAUSED if self.paused else self._standing.detail,
            rate_hz=self.rate_hz,
            description=self.description,
        )

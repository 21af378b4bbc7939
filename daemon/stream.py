"""One source's analysis, hop by hop: what it heard, what it decided, what it tells."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from instrd.clients import protocol
from instrd.clients.protocol import AnyMessage, EndReason
from instrd.daemon.config import Config
from instrd.daemon.decision import Decision
from instrd.daemon.listener import Heard, Listener
from instrd.daemon.report import EventNumbers, Place, Reporter
from instrd.daemon.ring import Hop
from instrd.daemon.rules import rules_for
from instrd.daemon.sampleclock import wall_us
from instrd.daemon.track import Change
from instrd.models.classifier import Classifier, Frames

REMEMBERED = 600
"""Frames over which latency and computing time are summed up."""


def hop_samples(config: Config, rate_hz: int) -> int:
    """Return the samples between judgements of a source of that rate."""
    return round(config.analysis.hop_s * rate_hz)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hop cost."""

    total_ms: float
    computing_s: float
    audio_s: float


class Stream:
    """Analyses one source; the classifier is shared, the stream's memory is here."""

    def __init__(
        self,
        place: Place,
        config: Config,
        classifier: Classifier,
        numbers: EventNumbers,
        now_us: Callable[[], int] = wall_us,
    ) -> None:
        self.place = place
        self.analysed = 0
        self.gated = 0
        self.costs: deque[Cost] = deque(maxlen=REMEMBERED)
        self.position = 0
        self.hop = hop_samples(config, place.rate_hz)
        self._classifier = classifier
        self._now_us = now_us
        self._rules = rules_for(config, classifier.manifest, place.rate_hz)
        self._listener = Listener(place.rate_hz, classifier, config)
        self._decision = Decision(self._rules)
        self._reporter = Reporter(place, numbers)
        self._heard: Heard | None = None
        self._skipped = 0
        self._wait_ms = self._features_ms = 0.0
        self.memory = classifier.start()

    def listen(self, hop: Hop) -> Frames:
        """Return the frames that the hop completes."""
        began = time.perf_counter()
        last = len(hop.samples) < self.hop
        end = hop.first + len(hop.samples)
        self._wait_ms = max(0.0, (self._now_us() - self.place.clock.time_us(end)) / 1e3)
        self._heard = self._listener.feed(hop.first, hop.samples, last=last)
        self._count(self._heard)
        self._features_ms = (time.perf_counter() - began) * 1e3
        self.position = end
        return self._heard.frames

    def judge(self, infer_ms: float) -> Iterator[AnyMessage]:
        """Say what the hop just listened to comes to; the classifier has judged it."""
        heard = self._heard
        assert heard is not None, "judge follows listen"
        judgement = self._decision.feed(
            self.memory.judged, heard.gate, heard.end, heard.samples, meant=self.hop
        )
        latency = self._latency(heard, infer_ms)
        model = (self._classifier.manifest.name, self._rules)
        cost = latency, self._skipped
        self._skipped = 0
        yield self._reporter.frame(heard, self.memory, judgement, model, cost)
        yield from self._reporter.events(judgement.changes, self._rules)
        yield from self._reporter.due_state(self._decision, heard)
        yield from self._reporter.level(heard)

    def lose(self, first: int, count: int, reason: protocol.GapReason) -> Iterator[AnyMessage]:
        """Name lost samples, end what sounded before them, and begin anew behind them."""
        yield self._reporter.gap(first, count, reason)
        yield from self._events(self._decision.end(first, "source_lost"))
        self.position = first + count
        self._decision.restart(self.position)
        self._listener.restart(self.position)
        self._skipped += count // self.hop if reason == "late" else 0
        self.memory = self._classifier.start()

    def begin_decisions(self, position: int) -> None:
        """Decide anew from `position` on; what sounded has been ended."""
        self._decision.restart(position)

    def end(self, reason: EndReason) -> Iterator[AnyMessage]:
        """Give every open event its `off`, and say that nothing sounds."""
        yield from self._events(self._decision.end(self.position, reason))
        self._heard = None
        yield self.state()

    def adopt(self, classifier: Classifier, config: Config) -> Iterator[AnyMessage]:
        """Go on with another model from the next hop."""
        rules = rules_for(config, classifier.manifest, self.place.rate_hz)
        yield from self._events(self._decision.end(self.position, "model_changed"))
        self._classifier, self._rules = classifier, rules
        self._listener.adopt(classifier, self.position)
        self._decision = Decision(rules, self.position)
        self.memory = classifier.start()
        yield self.state()

    def follow(self, config: Config) -> Iterator[AnyMessage]:
        """Go on with other thresholds or another mask."""
        rules = rules_for(config, self._classifier.manifest, self.place.rate_hz)
        yield from self._events(self._decision.follow(rules, self.position))
        self._rules = rules
        yield self.state()

    def state(self) -> protocol.State:
        """Return all that sounds now."""
        return self._reporter.state(self._decision, self._heard)

    def _events(self, changes: Iterable[Change]) -> Iterator[AnyMessage]:
        return self._reporter.events(changes, self._rules)

    def _count(self, heard: Heard) -> None:
        if heard.gate == "open":
            self.analysed += heard.samples
        else:
            self.gated += heard.samples

    def _latency(self, heard: Heard, infer_ms: float) -> protocol.Latency:
        newest_us = self.place.clock.time_us(heard.window[1])
        total_ms = max(0.0, (self._now_us() - newest_us) / 1e3)
        computing_s = (self._features_ms + infer_ms) / 1e3
        self.costs.append(Cost(total_ms, computing_s, heard.samples / self.place.rate_hz))
        return protocol.Latency(
            wait=round(self._wait_ms, 2),
            features=round(self._features_ms, 3),
            infer=round(infer_ms, 3),
            total=round(total_ms, 2),
        )


def advance(classifier: Classifier, turns: Sequence[tuple[Stream, Hop]]) -> Iterator[AnyMessage]:
    """Analyse one hop of each of some streams, all in one batch."""
    frames = [stream.listen(hop) for stream, hop in turns]
    began = time.perf_counter()
    classifier.feed(frames, [stream.memory for stream, _ in turns])
    infer_ms = (time.perf_counter() - began) * 1e3 / len(turns)
    for stream, _ in turns:
        yield from stream.judge(infer_ms)

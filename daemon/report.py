"""One source's judgements as messages of the wire."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from instrd.clients import protocol
from instrd.daemon.decision import SILENCE, UNKNOWN, Decision, Judgement, Rules
from instrd.daemon.level import Level, joined
from instrd.daemon.listener import Heard
from instrd.daemon.sampleclock import LATE_US, SampleClock
from instrd.daemon.track import Change, Sounding
from instrd.models.classifier import Memory

STATE_EVERY_S = 1.0
LEVEL_EVERY_S = 0.1


class EventNumbers:
    """Numbers the events of one run, so that every id is used once."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._count = itertools.count(1)

    def next_id(self) -> str:
        return f"{self._run}-{next(self._count):06d}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source's samples stand on the wire."""

    source: str
    rate_hz: int
    epoch: int
    clock: SampleClock


class Reporter:
    """Writes the messages of one source; remembers only what says when the next one is due."""

    def __init__(self, place: Place, numbers: EventNumbers) -> None:
        self._place = place
        self._numbers = numbers
        self._stated: object = None
        self._stated_at = 0
        self._level_at: int | None = None
        self._unsaid: list[tuple[Level, int]] = []
        """Levels since the last one that was told, each with its samples."""
        self._ended_us: dict[str, int] = {}
        """When each label was last off."""

    def frame(
        self,
        heard: Heard,
        memory: Memory,
        judgement: Judgement,
        model: tuple[str, Rules],
        cost: tuple[protocol.Latency, int],
    ) -> protocol.Frame:
        """Return the scores of one hop.

        `model` is its name and the rules it was judged by; `cost` the latency and how many late
        hops were left out since the last frame.
        """
        place, (s0, s1), (name, rules) = self._place, heard.window, model
        return protocol.Frame(
            source=place.source,
            epoch=place.epoch,
            rate_hz=place.rate_hz,
            s0=s0,
            s1=s1,
            t0_us=place.clock.time_us(s0),
            t1_us=place.clock.time_us(s1),
            level_dbfs=round(heard.level.rms_dbfs, 1),
            peak_dbfs=round(heard.level.peak_dbfs, 1),
            gate=heard.gate,
            model=name,
            labels=tuple(rule.label for rule in rules.labels),
            p=_rounded(memory.judged.tolist()),
            p_smooth=_rounded(judgement.p_smooth.tolist()),
            active=judgement.active,
            decision=judgement.decision,
            reason=_reason(heard.level, judgement),
            members=dict(memory.votes),
            lat_ms=cost[0],
            skipped=cost[1],
        )

    def events(self, changes: Iterable[Change], rules: Rules) -> Iterator[protocol.Event]:
        """Return what began, went on and ended."""
        rule_of = {rule.label: rule for rule in rules.labels}
        for change in changes:
            sounding, time_us = change.sounding, self._place.clock.time_us
            if sounding.t_on_us is None or sounding.t_decided_us is None:
                sounding.id = self._numbers.next_id()
                sounding.t_on_us = self._onset_us(sounding)
                sounding.t_decided_us = max(time_us(sounding.decided), sounding.t_on_us)
            t_off_us = max(time_us(change.position), sounding.t_on_us)
            if change.event == "off":
                self._ended_us[sounding.label] = t_off_us
            yield protocol.Event(
                source=self._place.source,
                event=change.event,
                id=sounding.id,
                label=sounding.label,
                t_on_us=sounding.t_on_us,
                t_decided_us=sounding.t_decided_us,
                t_off_us=t_off_us if change.event == "off" else None,
                p_peak=round(sounding.p_peak, 4),
                p_mean=round(sounding.p_mean, 4),
                threshold_on=rule_of[sounding.label].threshold_on,
                threshold_off=rule_of[sounding.label].threshold_off,
                end_reason=change.end_reason,
            )

    def _onset_us(self, sounding: Sounding) -> int:
        """Return when it began: not before the last one ended, though the clock is corrected."""
        began_us = self._place.clock.time_us(sounding.first)
        ended_us = self._ended_us.get(sounding.label, began_us)
        is_set_back = ended_us - began_us > LATE_US
        return began_us if is_set_back else max(began_us, ended_us)

    def state(self, decision: Decision, heard: Heard | None) -> protocol.State:
        """Return all that sounds now; `heard` is the newest hop, None before the first."""
        gate = "closed" if heard is None else heard.gate
        strongest = decision.strongest or (UNKNOWN if gate == "open" else SILENCE)
        self._stated = self._key(decision, heard)
        self._stated_at = 0 if heard is None else heard.end
        return protocol.State(
            source=self._place.source,
            active=tuple(
                protocol.Active(
                    label=one.label,
                    id=one.id,
                    t_on_us=one.t_on_us or self._onset_us(one),
                    p_smooth=round(p, 4),
                )
                for one, p in decision.sounding
            ),
            decision=strongest,
            gate=gate,
            level_dbfs=protocol.SILENCE_DBFS if heard is None else round(heard.level.rms_dbfs, 1),
        )

    def due_state(self, decision: Decision, heard: Heard) -> Iterator[protocol.State]:
        """Return the state on change and once a second."""
        aged = heard.end - self._stated_at >= STATE_EVERY_S * self._place.rate_hz
        if aged or self._stated != self._key(decision, heard):
            yield self.state(decision, heard)

    def level(self, heard: Heard) -> Iterator[protocol.Level]:
        """Return the level since the last one, ten times a second at most."""
        self._unsaid.append((heard.level, heard.samples))
        every = LEVEL_EVERY_S * self._place.rate_hz
        if self._level_at is not None and heard.end - self._level_at < every:
            return
        self._level_at = heard.end
        level = joined(self._unsaid)
        self._unsaid.clear()
        yield protocol.Level(
            source=self._place.source,
            rms_dbfs=round(level.rms_dbfs, 1),
            peak_dbfs=round(level.peak_dbfs, 1),
            clipped=level.clipped,
        )

    def _key(self, decision: Decision, heard: Heard | None) -> tuple[object, ...]:
        ids = tuple(one.id for one, _ in decision.sounding)
        return ids, decision.strongest, None if heard is None else heard.gate

    def gap(self, first: int, count: int, reason: protocol.GapReason) -> protocol.Gap:
        """Return which samples are missing, and why."""
        return protocol.Gap(
            source=self._place.source,
            epoch=self._place.epoch,
            rate_hz=self._place.rate_hz,
            s0=first,
            s1=first + count,
            reason=reason,
            count=count,
        )


def _reason(level: Level, judgement: Judgement) -> protocol.Reason:
    if judgement.reason == "ok" and level.clipped:
        return "clipped"
    return judgement.reason


def _rounded(values: list[float]) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values)

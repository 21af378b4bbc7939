"""One source's judgements as messages of the wire."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from instrd.clients import protocol
from instrd.daemon.decision import Judgement, Rules
from instrd.daemon.level import GateState, Level
from instrd.daemon.listener import Heard
from instrd.daemon.sampleclock import SampleClock
from instrd.daemon.track import Change, Sounding

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
        self._clipped = 0

    def frame(
        self,
        heard: Heard,
        p: list[float],
        judgement: Judgement,
        model: tuple[str, Rules],
        latency: protocol.Latency,
    ) -> protocol.Frame:
        """Return the scores of one hop; `model` is its name and the rules it was judged by."""
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
            p=_rounded(p),
            p_smooth=_rounded(judgement.p_smooth.tolist()),
            active=judgement.active,
            decision=judgement.decision,
            reason=_reason(heard.level, judgement),
            lat_ms=latency,
            skipped=heard.skipped,
        )

    def events(self, changes: Iterable[Change], rules: Rules) -> Iterator[protocol.Event]:
        """Return what began, went on and ended."""
        rule_of = {rule.label: rule for rule in rules.labels}
        for change in changes:
            sounding, time_us = change.sounding, self._place.clock.time_us
            sounding.id = sounding.id or self._numbers.next_id()
            ended = change.event == "off"
            yield protocol.Event(
                source=self._place.source,
                event=change.event,
                id=sounding.id,
                label=sounding.label,
                t_on_us=time_us(sounding.first),
                t_decided_us=time_us(sounding.decided),
                t_off_us=time_us(change.position) if ended else None,
                p_peak=round(sounding.p_peak, 4),
                p_mean=round(sounding.p_mean, 4),
                threshold_on=rule_of[sounding.label].threshold_on,
                threshold_off=rule_of[sounding.label].threshold_off,
                end_reason=change.end_reason,
            )

    def state(
        self, sounding: list[Sounding], heard: Heard, judgement: Judgement, rules: Rules
    ) -> Iterator[protocol.State]:
        """Return what sounds now, on change and once a second."""
        key = (judgement.active, judgement.decision, heard.gate)
        due = heard.end - self._stated_at >= STATE_EVERY_S * self._place.rate_hz
        if key == self._stated and not due:
            return
        self._stated, self._stated_at = key, heard.end
        p = dict(zip((r.label for r in rules.labels), judgement.p_smooth.tolist(), strict=True))
        yield protocol.State(
            source=self._place.source,
            active=tuple(
                protocol.Active(
                    label=one.label,
                    id=one.id,
                    t_on_us=self._place.clock.time_us(one.first),
                    p_smooth=round(p[one.label], 4),
                )
                for one in sounding
            ),
            decision=judgement.decision,
            gate=heard.gate,
            level_dbfs=round(heard.level.rms_dbfs, 1),
        )

    def nothing(self, decision: str, gate: GateState, level_dbfs: float) -> protocol.State:
        """Return the state of a source that is no longer listened to."""
        self._stated = None
        return protocol.State(
            source=self._place.source,
            active=(),
            decision=decision,
            gate=gate,
            level_dbfs=level_dbfs,
        )

    def level(self, heard: Heard) -> Iterator[protocol.Level]:
        """Return the level, ten times a second at most."""
        self._clipped += heard.level.clipped
        every = LEVEL_EVERY_S * self._place.rate_hz
        if self._level_at is not None and heard.end - self._level_at < every:
            return
        self._level_at = heard.end
        yield protocol.Level(
            source=self._place.source,
            rms_dbfs=round(heard.level.rms_dbfs, 1),
            peak_dbfs=round(heard.level.peak_dbfs, 1),
            clipped=self._clipped,
        )
        self._clipped = 0

    def gap(self, first: int, count: int, reason: protocol.GapReason) -> protocol.Gap:
        """Return which samples are missing, and why."""
        return protocol.Gap(
            source=self._place.source,
            epoch=self._place.epoch,
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

"""From probabilities to what is playing: smoothing, one track a label, one word for the hop."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrd.clients.protocol import EndReason, Gate, Reason
from instrd.daemon.track import Change, Rule, Sounding, Track

Floats = NDArray[np.float32]
SILENCE = "silence"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rules:
    """How judgements become decisions; durations in samples at the capture rate."""

    labels: tuple[Rule, ...]
    margin: float
    """How far the best must be above the second best; 0 for a multi-label model."""
    smoothing: float
    """Time constant of the running average of p; 0: none."""
    warm_up: int
    """Samples after a (re)start before which nothing is named."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one hop came to."""

    p_smooth: Floats
    active: tuple[str, ...]
    decision: str
    reason: Reason
    changes: tuple[Change, ...]


class Decision:
    """Decides for one stream; hops must come in order and without holes (else `restart`)."""

    def __init__(self, rules: Rules, start: int = 0) -> None:
        self._rules = rules
        self._start = start
        self._smooth = np.zeros(len(rules.labels), np.float32)
        self._tracks = [Track(rule, start) for rule in rules.labels]

    @property
    def sounding(self) -> list[tuple[Sounding, float]]:
        """The open events with their smoothed probabilities, in the order of the labels."""
        pairs = zip(self._tracks, self._smooth.tolist(), strict=True)
        return [(track.sounding, p) for track, p in pairs if track.sounding]

    @property
    def strongest(self) -> str | None:
        """The label that sounds with the highest smoothed probability."""
        order: Sequence[int] = np.argsort(-self._smooth).tolist()
        sounding = (self._tracks[i].rule.label for i in order if self._tracks[i].sounding)
        return next(sounding, None)

    def feed(
        self, p: Floats, gate: Gate, position: int, samples: int, *, meant: int = 0
    ) -> Judgement:
        """Judge the hop of `samples` samples that ends at `position`, if cut short of `meant`."""
        if gate == "closed":
            changes = self.end(position, "gate")
            self._smooth = np.zeros_like(self._smooth)
            return Judgement(self._smooth, (), SILENCE, "gate_closed", tuple(changes))
        self._smooth = self._average(p, samples)
        if position - self._start < self._rules.warm_up:
            return Judgement(self._smooth, (), UNKNOWN, "warming_up", ())
        # What is not clear begins nothing, however low its threshold is.
        clear = self._margin_is_clear()
        judged = zip(self._tracks, p.tolist(), self._smooth.tolist(), strict=True)
        changes = _there(
            track.feed(
                raw, smooth if clear or track.sounding else -1.0, position, samples, meant=meant
            )
            for track, raw, smooth in judged
        )
        decision, reason = self._decide(clear=clear)
        active = tuple(sounding.label for sounding, _ in self.sounding)
        return Judgement(self._smooth, active, decision, reason, tuple(changes))

    def end(self, position: int, reason: EndReason) -> list[Change]:
        """Give every open event its `off`."""
        return _there(track.end(position, reason) for track in self._tracks)

    def restart(self, position: int) -> None:
        """Begin anew at `position`, as after lost samples; what sounded has been ended."""
        self._smooth = np.zeros_like(self._smooth)
        self._start = position
        for track in self._tracks:
            track.restart(position)

    def follow(self, rules: Rules, position: int) -> list[Change]:
        """Take over other thresholds or another mask; what may no longer be named ends."""
        self._rules = rules
        for track, rule in zip(self._tracks, rules.labels, strict=True):
            track.rule = rule
        banned = (track for track in self._tracks if not track.rule.may_be_named)
        return _there(track.end(position, "decay") for track in banned)

    def _average(self, p: Floats, samples: int) -> Floats:
        if self._rules.smoothing == 0.0 or not self._smooth.any():
            return p
        weight = np.float32(1.0 - math.exp(-samples / self._rules.smoothing))
        return self._smooth + weight * (p - self._smooth)

    def _margin_is_clear(self) -> bool:
        if self._rules.margin == 0.0 or len(self._smooth) == 1:
            return True
        second, best = np.sort(self._smooth)[-2:]
        return bool(best - second >= self._rules.margin)

    def _decide(self, *, clear: bool) -> tuple[str, Reason]:
        """Name the strongest that sounds, else say why nothing is named."""
        if (strongest := self.strongest) is not None:
            return strongest, "ok"
        likeliest = int(np.argmax(self._smooth))
        best = self._tracks[likeliest].rule
        if self._smooth[likeliest] < best.threshold_on:
            return UNKNOWN, "low_confidence"
        if not clear:
            return UNKNOWN, "low_margin"
        return UNKNOWN, "masked" if best.masked else "low_confidence"


def _there(changes: Iterable[Change | None]) -> list[Change]:
    return [change for change in changes if change is not None]

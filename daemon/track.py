"""One instrument in one stream: when it comes on, how it goes on, when it is off."""

from dataclasses import dataclass
from typing import Literal

from instrd.clients.protocol import EndReason


@dataclass(frozen=True, slots=True)
class Rule:
    """When a label counts as sounding; durations in samples at the capture rate."""

    label: str
    threshold_on: float
    threshold_off: float
    background: bool
    """A label that stands for anything else: never named."""
    masked: bool
    """Left out by the user's mask: not named."""
    min_on: int
    min_off: int
    update_every: int
    onset_lag: int
    """Samples between a change in the sound and the judgement that first shows it."""

    @property
    def may_be_named(self) -> bool:
        return not (self.background or self.masked)


@dataclass(slots=True)
class Sounding:
    """One event from its `on` to its `off`; positions are samples of the source."""

    label: str
    first: int
    """The onset, back-dated to where the probability began to rise."""
    decided: int
    updated: int
    p_peak: float
    p_sum: float
    judgements: int = 1
    id: str = ""
    t_on_us: int | None = None
    t_decided_us: int | None = None
    """Id and times as first published: an event keeps them while the clock is corrected."""

    @property
    def p_mean(self) -> float:
        return self.p_sum / self.judgements


@dataclass(frozen=True, slots=True)
class Change:
    """An event that begins, goes on or ends at a position."""

    event: Literal["on", "update", "off"]
    sounding: Sounding
    position: int
    end_reason: EndReason | None = None


class Track:
    """Follows the probability of one label with hysteresis in level and in time."""

    def __init__(self, rule: Rule, start: int) -> None:
        self.rule = rule
        self.sounding: Sounding | None = None
        self._earliest = start
        self._over = 0
        self._under = 0
        self._rising_since: int | None = None

    def feed(
        self, raw: float, smooth: float, position: int, samples: int, *, meant: int = 0
    ) -> Change | None:
        """Take the probabilities of the hop of `samples` samples that ends at `position`.

        A hop that was cut short counts towards `min_on` as the `meant` samples.
        """
        self._note(raw, smooth, position - samples)
        self._over = self._over + max(samples, meant) if smooth >= self.rule.threshold_on else 0
        self._under = self._under + samples if smooth < self.rule.threshold_off else 0
        if self.sounding is None:
            ready = self._over >= max(1, self.rule.min_on) and self.rule.may_be_named
            return self._begin(smooth, position) if ready else None
        return self._go_on(self.sounding, smooth, position)

    def end(self, position: int, reason: EndReason) -> Change | None:
        """Give an open event its `off`; forget what was rising."""
        self._over = self._under = 0
        self._rising_since = None
        sounding, self.sounding = self.sounding, None
        if sounding is None:
            return None
        self._earliest = max(position, sounding.first)
        return Change("off", sounding, self._earliest, reason)

    def restart(self, position: int) -> None:
        """Begin anew: no onset is dated back before `position`."""
        self._earliest = position

    def _note(self, raw: float, smooth: float, hop_start: int) -> None:
        if max(raw, smooth) < self.rule.threshold_off:
            self._rising_since = None
        elif self._rising_since is None:
            self._rising_since = hop_start

    def _begin(self, smooth: float, position: int) -> Change:
        since = position if self._rising_since is None else self._rising_since
        first = max(since - self.rule.onset_lag, self._earliest)
        self.sounding = Sounding(self.rule.label, first, position, position, smooth, smooth)
        return Change("on", self.sounding, position)

    def _go_on(self, sounding: Sounding, smooth: float, position: int) -> Change | None:
        sounding.p_peak = max(sounding.p_peak, smooth)
        sounding.p_sum += smooth
        sounding.judgements += 1
        if self._under >= max(1, self.rule.min_off):
            return self.end(position - self._under - self.rule.onset_lag, "decay")
        if position - sounding.updated >= self.rule.update_every:
            sounding.updated = position
            return Change("update", sounding, position)
        return None

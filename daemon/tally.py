"""What a run heard, added up for its last page."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table

from instrd.clients.protocol import AnyMessage, Event, Frame, Gap
from instrd.daemon.decision import SILENCE, UNKNOWN

REMEMBERED_LATENCIES = 6000
"""The newest ones: a run may last for months."""


@dataclass(slots=True)
class Total:
    """One label's events so far."""

    events: int = 0
    seconds: float = 0.0
    p_sum: float = 0.0
    first_us: int | None = None


@dataclass(slots=True)
class Tally:
    """Takes every published message; keeps sums only."""

    heard: dict[str, Total] = field(default_factory=lambda: defaultdict(Total))
    heard_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Of each source, up to the end of its newest frame."""
    frames: int = 0
    silent: int = 0
    unknown: int = 0
    lost_samples: int = 0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED_LATENCIES))
    began_us: int | None = None

    def take(self, message: AnyMessage) -> None:
        match message:
            case Frame():
                self._take_frame(message)
            case Event(event="off", t_off_us=int(t_off_us)):
                label = self.heard[message.label]
                label.events += 1
                label.seconds += (t_off_us - message.t_on_us) / 1e6
                label.p_sum += message.p_mean
                label.first_us = min(label.first_us or message.t_on_us, message.t_on_us)
            case Gap(reason="paused"):
                pass  # somebody wished it
            case Gap():
                self.lost_samples += message.count

    def _take_frame(self, frame: Frame) -> None:
        self.frames += 1
        self.heard_s[frame.source] = frame.s1 / frame.rate_hz
        self.silent += frame.decision == SILENCE
        self.unknown += frame.decision == UNKNOWN
        if self.began_us is None:
            self.began_us = frame.t0_us
        self.latencies_ms.append(frame.lat_ms.total)

    def show(self, console: Console, expected_s: dict[str, float] | None = None) -> None:
        """Print one page; `expected_s` is how long each instrument really plays, if known."""
        table = Table(title="What instrd heard", title_justify="left")
        table.add_column("instrument")
        for column in ("events", "first at", "heard for", "mean p"):
            table.add_column(column, justify="right")
        if expected_s is not None:
            table.add_column("plays for", justify="right")
        labels = sorted({*self.heard, *(expected_s or {})}, key=self._order)
        for label in labels:
            table.add_row(*self._row(label), *_expected(label, expected_s))
        console.print(table)
        share = max(1, self.frames)
        console.print(
            f"{self.frames} hops judged: silence {self.silent / share:.0%}, "
            f"unknown {self.unknown / share:.0%}; {self.lost_samples} samples lost"
        )
        if self.latencies_ms:
            console.print(f"latency beyond the sound: median {median(self.latencies_ms):.1f} ms")

    def _order(self, label: str) -> tuple[float, str]:
        return (-self.heard[label].seconds if label in self.heard else 0.0, label)

    def _row(self, label: str) -> tuple[str, ...]:
        if label not in self.heard:
            return label, "0", "", "", ""
        heard = self.heard[label]
        first_s = ((heard.first_us or 0) - (self.began_us or 0)) / 1e6
        mean = heard.p_sum / heard.events
        return label, str(heard.events), f"{first_s:.1f} s", f"{heard.seconds:.1f} s", f"{mean:.2f}"


def _expected(label: str, expected_s: dict[str, float] | None) -> tuple[str, ...]:
    if expected_s is None:
        return ()
    return (f"{expected_s[label]:.1f} s" if label in expected_s else "",)

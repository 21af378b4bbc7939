"""What the messages so far add up to: the state behind the dashboard."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from instrd.clients.protocol import (
    Account,
    AnyMessage,
    Bye,
    Event,
    Frame,
    Gap,
    Heartbeat,
    Hello,
    Level,
    Model,
    State,
    Status,
)

TIMELINE_US: Final = 20_000_000
# No daemon comes near these; one that sends nonsense must not fill the memory of who watches.
MOST_SOURCES: Final = 256
MOST_SOUNDINGS: Final = 1024  # of one source
MOST_GAPS: Final = 1024  # of one source


@dataclass(frozen=True, slots=True)
class Sounding:
    """One block of the timeline; it still sounds while `t_off_us` is None."""

    label: str
    t_on_us: int
    t_off_us: int | None = None


@dataclass(slots=True)
class SourcePicture:
    """The newest of everything about one source, and its last 20 s."""

    source: str
    status: Status | None = None
    level: Level | None = None
    frame: Frame | None = None
    state: State | None = None
    account: Account | None = None
    soundings: dict[str, Sounding] = field(default_factory=dict)  # by event id
    gaps_us: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_GAPS))  # reported when
    gap_count: int = 0
    skipped: int = 0  # hops
    rows: frozenset[str] = frozenset()  # labels that had one when it was drawn last

    def take(self, message: Frame | Event | State | Level | Gap | Status) -> None:
        match message:
            case Frame():
                self.frame = message
                self.skipped += message.skipped
            case Event():
                self.soundings[message.id] = Sounding(
                    message.label, message.t_on_us, message.t_off_us
                )
            case State():
                self.state = message
                self._reconcile(message, self.now_us(message.t_pub_us))
            case Level():
                self.level = message
            case Gap(reason="paused"):
                pass  # somebody wished it
            case Gap():
                self.gaps_us.append(self.now_us(message.t_pub_us))
                self.gap_count += 1
            case Status():
                self.status = message

    def now_us(self, t_pub_us: int) -> int:
        """Return the time up to which it was heard; at the fast pace sound outruns the clock."""
        return max(t_pub_us, self.frame.t1_us if self.frame else 0)

    def forget(self, t_pub_us: int) -> None:
        """Drop what no longer is on the timeline."""
        before_us = self.now_us(t_pub_us) - TIMELINE_US
        while self.gaps_us and self.gaps_us[0] < before_us:
            self.gaps_us.popleft()
        for event_id in list(self.soundings)[:-MOST_SOUNDINGS]:
            del self.soundings[event_id]
        for event_id, sounding in list(self.soundings.items()):
            if sounding.t_off_us is not None and sounding.t_off_us < before_us:
                del self.soundings[event_id]

    def _reconcile(self, state: State, now_us: int) -> None:
        """Begin what began before we listened; end what ended in a message we lost."""
        sounds = {active.id: active for active in state.active}
        for event_id, sounding in self.soundings.items():
            if sounding.t_off_us is None and event_id not in sounds:
                self.soundings[event_id] = Sounding(sounding.label, sounding.t_on_us, now_us)
        for event_id, active in sounds.items():
            self.soundings.setdefault(event_id, Sounding(active.label, active.t_on_us))


@dataclass(slots=True)
class Picture:
    """One daemon as its messages show it; another run starts a new picture."""

    node: str = ""
    run: str = ""
    now_us: int = 0  # publish time of the newest message
    model: Model | None = None
    bye: Bye | None = None
    sources: dict[str, SourcePicture] = field(default_factory=dict)

    def take(self, message: AnyMessage) -> None:
        if message.run != self.run:
            self._start(message)
        if not message.retained:
            self.now_us = max(self.now_us, message.t_pub_us)
        match message:
            case Hello():
                self._arrange(message.sources)
            case Model():
                self.model = message
            case Heartbeat():
                for source, account in message.sources.items():
                    heard = self._source(source)
                    heard.account = account
                    heard.forget(self.now_us)
            case Bye():
                self.bye = message
            case _:
                heard = self._source(message.source)
                heard.take(message)
                heard.forget(self.now_us)

    def _start(self, message: AnyMessage) -> None:
        self.node, self.run, self.now_us = message.node, message.run, 0
        self.model = self.bye = None
        self.sources = {}

    def _arrange(self, order: tuple[str, ...]) -> None:
        """Put the sources in the daemon's order, whoever spoke first."""
        for source in order:
            self._source(source)
        known = self.sources
        self.sources = {name: known[name] for name in (*order, *known) if name in known}

    def _source(self, source: str) -> SourcePicture:
        """Return what is known of a source; of one too many nothing is kept."""
        if source not in self.sources and len(self.sources) >= MOST_SOURCES:
            return SourcePicture(source)
        return self.sources.setdefault(source, SourcePicture(source))

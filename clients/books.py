"""What is new and what was lost, told by `seq`; no publisher makes the books grow for ever."""

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from instrd.clients.codec import topic
from instrd.clients.protocol import AnyMessage, Bye, Heartbeat, Hello, Model

DEAD_AFTER_S: Final = 3.0
MOST_RUNS: Final = 256
MOST_TOPICS: Final = 20_000  # of all runs together
OTHER_TOPICS: Final = "other topics"  # what was lost of those that `lost` has no room for


@dataclass(slots=True)
class _Run:
    """What was heard from one start of one daemon."""

    heard_s: float = 0.0
    beaten: bool = False  # a heartbeat was heard
    began_s: float = -math.inf  # on our clock, as its heartbeats tell
    seen: dict[str, int] = field(default_factory=dict)  # topic -> last seq


class Books:
    """Keeps account of every run that is heard; `prefixes` are those of the topics asked for.

    Where there is no room, runs that are dead are forgotten; if all are alive, what is new to
    the books is passed over, so that who is followed already stays so.
    """

    def __init__(self, prefixes: tuple[str, ...], clock_s: Callable[[], float]) -> None:
        self.lost: Counter[str] = Counter()  # messages by topic
        self.surplus = 0  # messages passed over because there was no room for their run or topic
        self.heartbeat_s: float | None = None  # when the last one that was read was sent
        self.nothing_waited_s = clock_s()  # when it was last seen that nothing waits to be read
        self._prefixes = prefixes
        self._clock_s = clock_s
        self._runs: dict[str, _Run] = {}
        self._topics = 0
        self._over: deque[str] = deque(maxlen=MOST_RUNS)  # runs that said bye

    @property
    def ended(self) -> bool:
        """Whether every run heard so far has said bye or is dead, and one has said bye."""
        oldest_s = self._clock_s() - DEAD_AFTER_S
        return bool(self._over) and not any(run.heard_s > oldest_s for run in self._runs.values())

    def enter(self, message: AnyMessage) -> bool:
        """Return whether a message is new: not seen before, not after a bye, and not surplus."""
        if message.run in self._over:
            return False
        run, name = self._run(message.run), topic(message)
        # the few topics of a daemon itself always have room: its death must not go unnoticed
        is_vital = isinstance(message, Hello | Model | Heartbeat | Bye)
        if run is None or not (is_vital or self._has_room(run, name)):
            self.surplus += 1
            return False
        last = run.seen.get(name, message.seq - 1)
        if message.seq <= last:
            return False
        self._count(name, message.seq - last - 1)
        self._note(run, name, message.seq)
        if isinstance(message, Heartbeat):
            self._enter_heartbeat(message, run)
        elif isinstance(message, Bye):
            self._over.append(message.run)
            self._close(message.run)
        return True

    def _run(self, name: str) -> _Run | None:
        """Return a run that speaks now; None if there is no room for it."""
        run = self._runs.get(name, _Run())
        run.heard_s = self._clock_s()
        if len(self._runs) >= MOST_RUNS or self._topics >= MOST_TOPICS:
            self._forget_dead()
        if name not in self._runs and len(self._runs) >= MOST_RUNS:
            return None
        self._runs[name] = run
        return run

    def _enter_heartbeat(self, message: Heartbeat, run: _Run) -> None:
        """Notice lost events that no later event of their topic gives away."""
        self.heartbeat_s = max(self.heartbeat_s or -math.inf, self._sent_s(message, run))
        for name, seq in message.last_seq.items():
            if name.startswith(self._prefixes) and self._has_room(run, name):
                # at the first heartbeat of a run, earlier events were before our time
                last = run.seen.get(name, 0 if run.beaten else seq)
                self._count(name, seq - last)
                self._note(run, name, max(seq, last))
        run.beaten = True

    def _sent_s(self, message: Heartbeat, run: _Run) -> float:
        """Tell when a heartbeat was sent, which may have waited for us long.

        It came after nothing waited, and before now; within that, heartbeats are as far apart as
        their uptimes. So clocks that drift and machines that sleep mislead us for a moment only,
        and then we take the daemon for dead rather than alive.
        """
        earliest_s = self.nothing_waited_s - message.uptime_s
        latest_s = run.heard_s - message.uptime_s
        run.began_s = min(max(run.began_s, earliest_s), latest_s)
        return run.began_s + message.uptime_s

    def _has_room(self, run: _Run, name: str) -> bool:
        return name in run.seen or self._topics < MOST_TOPICS

    def _note(self, run: _Run, name: str, seq: int) -> None:
        self._topics += name not in run.seen
        run.seen[name] = seq

    def _count(self, name: str, lost: int) -> None:
        if lost > 0:
            has_room = name in self.lost or len(self.lost) < MOST_TOPICS
            self.lost[name if has_room else OTHER_TOPICS] += lost

    def _forget_dead(self) -> None:
        oldest_s = self._clock_s() - DEAD_AFTER_S
        for name in [name for name, run in self._runs.items() if run.heard_s <= oldest_s]:
            self._close(name)

    def _close(self, name: str) -> None:
        self._topics -= len(self._runs.pop(name).seen)

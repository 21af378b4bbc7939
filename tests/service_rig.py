"""A service on memory: played sounds in, a list of messages out."""

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Self

import numpy as np
from unheard import Unheard

from instrd.clients.control import Request
from instrd.clients.protocol import AnyMessage, Event, Frame, Heartbeat
from instrd.daemon.commands import commands_of
from instrd.daemon.config import Config
from instrd.daemon.control import ControlSocket
from instrd.daemon.hearing import Hearing
from instrd.daemon.publisher import Publisher
from instrd.daemon.sampleclock import wall_ahead_us
from instrd.daemon.service import Chosen, Service
from instrd.daemon.signals import StopWish
from instrd.daemon.sources import Block, Unbroken

RATE_HZ = 16_000
Floats = np.ndarray


def dated_s(t_us: int) -> float:
    """Return how a time on the wire was dated by the source, to a millisecond."""
    return round(t_us - wall_ahead_us(), -3) / 1e6


class Played:
    """A source that plays an array; `at` calls a function when a position is reached."""

    rate_hz = RATE_HZ
    description = "played from memory"

    def __init__(
        self,
        samples: Floats,
        *,
        lost_at: dict[int, int] | None = None,
        at: dict[int, Callable[[], object]] | None = None,
        error: Exception | None = None,
        endless: bool = False,
        block: int = 800,
    ) -> None:
        self._samples = samples
        self._lost_at = lost_at or {}
        self._at = at or {}
        self._error = error
        self._closed = threading.Event()
        self._endless = endless
        self._block = block
        self._position = 0

    def read(self) -> Block | None:
        if self._position >= len(self._samples):
            if self._error:
                raise self._error
            if self._endless:
                self._closed.wait(20)
            return None
        for position in [p for p in self._at if p <= self._position]:
            self._at.pop(position)()
        piece = self._samples[self._position : self._position + self._block]
        lost = self._lost_at.pop(self._position, 0)
        self._position += len(piece)
        return Block(piece, lost, round(self._position * 1e9 / RATE_HZ))

    def close(self) -> None:
        self._closed.set()


class Rig:
    """A service that nobody can subscribe to; its messages are kept."""

    def __init__(self, config: Config, control: ControlSocket | None = None) -> None:
        self.messages: list[AnyMessage] = []
        self.publisher = Publisher(["tcp://127.0.0.1:*"], node="test", run="abc123", start=Unheard)
        self.service = Service(
            Hearing(config, "abc123"),
            self.publisher,
            control,
            self.take,
            StopWish(),
            beat_every_s=0.0,
        )
        self.commands = commands_of(self.service, None)
        self.on_message: Callable[[AnyMessage], None] = lambda _: None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.publisher.__exit__(*error)

    def take(self, message: AnyMessage) -> None:
        self.messages.append(message)
        self.on_message(message)

    def run(self, *sources: Played, lossless: bool = True) -> int:
        chosen = {f"s{n}": Chosen(Unbroken(source), lossless) for n, source in enumerate(sources)}
        return self.service.run(chosen, self.commands)

    def ask(self, cmd: str, **fields: object) -> dict[str, object]:
        return self.commands[cmd](Request(cmd=cmd, **fields))  # type: ignore[arg-type]

    def of(self, kind: type) -> list[AnyMessage]:
        return [message for message in self.messages if isinstance(message, kind)]

    def check_accounts(self) -> None:
        for beat in self.messages:
            if isinstance(beat, Heartbeat):
                for one in beat.sources.values():
                    accounted = one.analysed + one.gated + one.dropped + one.pending
                    assert one.captured == accounted

    def check_events(self) -> None:
        ends: dict[str, list[str]] = defaultdict(list)
        for event in self.messages:
            if isinstance(event, Event) and event.event != "update":
                ends[event.id].append(event.event)
        assert all(ended == ["on", "off"] for ended in ends.values()), ends


def ask_during(rig: Rig, cmd: str, **fields: object) -> Callable[[AnyMessage], None]:
    """Return a watch that asks once, when the first event comes on."""
    done: list[object] = []

    def take(message: AnyMessage) -> None:
        if isinstance(message, Event) and message.event == "on" and not done:
            done.append(True)
            pending.append((cmd, fields))
        if isinstance(message, Frame) and pending:
            name, arguments = pending.pop()
            rig.ask(name, **arguments)

    pending: list[tuple[str, dict[str, object]]] = []
    return take

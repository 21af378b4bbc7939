"""Processes of a microphone that follow a script, under a clock that only they move."""

from collections.abc import Iterator, Sequence
from typing import Self

import numpy as np

from instrd.daemon.errors import DeviceError
from instrd.daemon.recording.identity import Identity
from instrd.daemon.recording.messages import Heard, Nothing, Opened, Said, Wanted
from instrd.daemon.sources.microphone import Microphone
from instrd.daemon.sources.source import Block, Item, Standing

RATE_HZ = 16_000
BLOCK = 320
BLOCK_S = BLOCK / RATE_HZ
USB = Identity("ALSA", "USB", "1-1.4")
OPENED = Opened(RATE_HZ, "USB", USB)
WAITING_S = 0.1
"""Time that goes by in a look that finds nothing."""


class Machine:
    """A clock, and a script for each process that is started: it says things, or fails."""

    def __init__(self, *scripts: Sequence[Said | float | DeviceError]) -> None:
        self.now_ns = 1_000_000_000
        self.started: list[Wanted] = []
        self.killed = 0
        self.alive = 0
        self._scripts = [iter(script) for script in scripts]

    def clock(self) -> int:
        return self.now_ns

    def start(self, wanted: Wanted) -> "Process":
        self.started.append(wanted)
        script = self._scripts.pop(0) if self._scripts else iter([3600.0])
        return Process(self, script)

    def microphone(self) -> Microphone:
        return Microphone(Wanted("us"), self.start, self.clock)

    def pass_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


class Process:
    """Says what its script says; a number is that many seconds of silence.

    What has no date has just been captured; else it has waited in the pipe.
    """

    def __init__(self, machine: Machine, script: Iterator[Said | float | DeviceError]) -> None:
        self._machine, self._script = machine, script
        self._silent_s = 0.0

    def __enter__(self) -> Self:
        self._machine.alive += 1
        return self

    def __exit__(self, *error: object) -> None:
        self._machine.alive -= 1

    def receive(self, timeout_s: float) -> Said | None:
        if self._silent_s > 1e-9:
            self._silent_s -= timeout_s
            self._machine.pass_s(timeout_s)
            return None
        said = next(self._script, 3600.0)
        match said:
            case float():
                self._silent_s = said
                return self.receive(timeout_s)
            case DeviceError():
                raise said
            case Heard():
                if said.t_end_ns:
                    return said
                self._machine.pass_s(BLOCK_S)
                return Heard(said.samples, said.lost, said.unread, self._machine.now_ns)
            case Nothing():
                self._machine.pass_s(WAITING_S)
        return said

    def kill(self) -> None:
        self._machine.killed += 1


def audio(
    seconds: float = 0.1, *, level: float = 0.1, lost: int = 0, unread: int = 0
) -> list[Said]:
    samples = np.full(BLOCK, level, np.float32).tobytes()
    blocks: list[Said] = [Heard(samples, 0, 0, 0)] * (round(seconds / BLOCK_S) - 1)
    return [Heard(samples, lost, unread, 0), *blocks]


def told(microphone: Microphone, most: int = 10_000, until: str = "") -> list[Item]:
    """Return what it yields but blocks that lost nothing, up to a status."""
    items = []
    for _ in range(most):
        item = microphone.read()
        assert item is not None
        if not isinstance(item, Block) or item.lost:
            items.append(item)
        if isinstance(item, Standing) and item.status == until:
            return items
    return items


def statuses(items: list[Item]) -> list[str]:
    return [item.status for item in items if isinstance(item, Standing)]

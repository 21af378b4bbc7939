"""Attacks a running instrd in every way we know, one after the other, and measures what it costs.

    python benchmarks/hostile_peers.py [--seconds 60] [--attacks garbage mute ...]

The attacks are those of attacks.py, each from a process with four threads. Beside them an honest
subscriber listens. Told of each attack: by how much the memory of the process that listens grew;
how late the frames were, from the capture of their last sample until they were published; what
the subscriber received, what it counted as lost, and what is missing without having been counted;
how often the publishing process was replaced, and the most memory that it had. First of all
nobody attacks, for comparison. Ends with 1 if a bar is broken; Linux only.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from attacks import ATTACKS
from keys import Keys
from processes import memory_mib, publishing_of
from running import run_with, running
from tone_bundle import tone_bundle

from instrd.clients.codec import topic
from instrd.clients.protocol import AnyMessage, Event, Frame, Heartbeat, Hello
from instrd.clients.subscriber import Subscriber

NOBODY = "nobody"
GROWTH_MIB, LATE_MS = 10.0, 50.0
"""The bars."""
START_S, CALM_S, LOOK_S = 300.0, 3.0, 0.25
ENDPOINTS = ["tcp://127.0.0.1:*", "tcp://0.0.0.0:*"]


@dataclass
class Watch:
    """What the honest subscriber and the system say during one attack."""

    subscriber: Subscriber
    daemon: int
    last: dict[str, int] = field(default_factory=dict)
    """The number last heard of each topic, from watch to watch."""
    passed: int = 0
    """By how much they have grown."""
    received: Counter[str] = field(default_factory=Counter)
    late_ms: list[float] = field(default_factory=list)
    restarts_before: int = 0
    restarts: int = 0
    memory: list[float] = field(default_factory=list)
    publishing: list[float] = field(default_factory=list)
    lost_before: Counter[str] = field(default_factory=Counter)

    def watch(self, seconds: float) -> None:
        self.lost_before = self.subscriber.lost.copy()
        until_s = time.monotonic() + seconds
        look_s = 0.0
        while time.monotonic() < until_s:
            message = self.subscriber.receive(LOOK_S)
            if message is not None:
                self._take(message)
            if time.monotonic() >= look_s:
                look_s = time.monotonic() + LOOK_S
                self._look()

    def _take(self, message: AnyMessage) -> None:
        if isinstance(message, Frame):
            self.late_ms.append(message.lat_ms.total)
        if isinstance(message, Heartbeat):
            self.restarts = message.publisher_restarts
        if not isinstance(message, Event):  # a heartbeat counts them before others can come
            name = topic(message)
            self.passed += message.seq - self.last.get(name, message.seq - 1)
            self.last[name] = message.seq
            self.received[name] += 1

    def _look(self) -> None:
        self.memory.append(memory_mib(self.daemon))
        with suppress(OSError, ValueError, StopIteration):  # there may be none at this moment
            self.publishing.append(memory_mib(publishing_of(self.daemon)))

    @property
    def growth_mib(self) -> float:
        return max(self.memory) - self.memory[0]

    @property
    def lost(self) -> int:
        """Counted by the client library, of the topics that are looked at."""
        return sum(self.subscriber.lost[name] - self.lost_before[name] for name in self.last)

    @property
    def uncounted(self) -> int:
        return self.passed - self.received.total() - self.lost

    def row(self, name: str) -> str:
        p50, p99 = np.percentile(self.late_ms, [50, 99]) if self.late_ms else (np.nan, np.nan)
        worst = max(self.late_ms, default=np.nan)
        return (
            f"{name:14} {self.growth_mib:+8.1f} {p50:7.1f} {p99:7.1f} {worst:7.1f} "
            f"{self.received.total():9} {self.lost:7} {self.uncounted:10} "
            f"{self.restarts - self.restarts_before:9} {max(self.publishing, default=0):9.0f}"
        )

    @property
    def good(self) -> bool:
        late_ms = np.percentile(self.late_ms, 99) if self.late_ms else np.inf
        return self.growth_mib < GROWTH_MIB and self.uncounted == 0 and bool(late_ms < LATE_MS)


def settings_of(folder: Path, keys: Keys) -> str:
    return (
        f'[daemon]\ncontrol = "ipc://{folder}/private/control"\n'
        f"publish = {ENDPOINTS}\n{keys.toml}"
        f'[model]\nname = "tones"\nfolders = ["{folder}/bundles"]\n'
        '[[source]]\nuri = "synth:?tones=440&seconds=86400"\nid = "tone"\n'
    )


def attack(name: str, seconds: float, hello: Hello, keys: Keys) -> "subprocess.Popen[bytes]":
    tcp = [endpoint for endpoint in hello.endpoints if endpoint.startswith("tcp://")]
    ports = [endpoint.rpartition(":")[2] for endpoint in tcp]
    command = [sys.executable, str(Path(__file__).parent / "attacks.py"), name]
    command += ["--seconds", str(seconds), "--plain", ports[0], "--secured", ports[1]]
    return subprocess.Popen([*command, "--server-key", str(keys.public("server"))])


def introduced(endpoint: str) -> Hello:
    with Subscriber(endpoint) as subscriber:
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            message = subscriber.receive(1.0)
            if isinstance(message, Hello):
                return message
    raise TimeoutError(f"no hello within {START_S:g} s")


def besiege(hello: Hello, daemon: int, keys: Keys, names: list[str], seconds: float) -> bool:
    """Let all attacks happen; print a row of each, and return whether every bar was kept."""
    print(
        "who attacks     RSS MiB  late ms:p50    p99     max  received    lost  uncounted", end=""
    )
    print("  restarts  publishing MiB")
    good = True
    with Subscriber(hello.endpoints[0]) as subscriber:
        watch = Watch(subscriber, daemon)
        watch.watch(CALM_S)
        for name in (NOBODY, *names):
            watch = Watch(subscriber, daemon, watch.last, restarts_before=watch.restarts)
            if name == NOBODY:
                watch.watch(seconds)
            else:
                with attack(name, seconds, hello, keys):
                    watch.watch(seconds + CALM_S)
            print(watch.row(name), flush=True)
            good = good and watch.good
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        folder = Path(name)
        tone_bundle(folder / "bundles" / "tones")
        keys = Keys.made(folder / "keys")
        ENDPOINTS.append(f"ipc://{folder}/out")
        with running(*run_with(folder, settings_of(folder, keys))) as daemon:
            hello = introduced(ENDPOINTS[-1])
            good = besiege(hello, daemon.pid, keys, chosen.attacks, chosen.seconds)
            began_s = time.monotonic()
        code = daemon.returncode
        print(f"SIGTERM to exit {time.monotonic() - began_s:.2f} s, exit code {code}")
    sys.exit(0 if good and code == 0 else 1)


if __name__ == "__main__":
    main()

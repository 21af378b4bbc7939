"""Lets subscribers join and leave a running instrd at random, and checks every one's accounts.

    python benchmarks/churn.py [--subscribers 1000] [--seconds 60] [--kills 2] [--seed 1]

Each follows all topics, or frames, or events, for a random time. For each of them and each topic
must hold, exactly: the last number it knew of = those before it joined + those it received + those
that its client library counted as lost. Meanwhile the publishing process is killed a few times, so
that there are losses to be counted. Ends with 1 if one account does not add up; Linux only.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from processes import publishing_of
from running import run_with, running
from tone_bundle import tone_bundle

from instrd.clients.codec import topic
from instrd.clients.protocol import AnyMessage, Frame, Heartbeat, Hello
from instrd.clients.subscriber import Subscriber

START_S, WAKE_S = 300.0, 0.1
STAY_S = (0.5, 20.0)
AT_ONCE = 250
KINDS: tuple[tuple[str, ...], ...] = ((), ("frame",), ("event",))


@dataclass(frozen=True)
class Visit:
    """When one subscriber comes and goes, on the monotonic clock, and what it follows."""

    join_s: float
    leave_s: float
    kinds: tuple[str, ...]


@dataclass
class Account:
    """What one subscriber knows of each topic."""

    before: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    last: Counter[str] = field(default_factory=Counter)
    has_beaten: bool = False

    def take(self, message: AnyMessage) -> None:
        name = topic(message)
        if name not in self.last:
            self.before[name] = message.seq - 1
        self.received[name] += 1
        self.last[name] = message.seq
        if isinstance(message, Heartbeat):
            self._take_events(message)

    def _take_events(self, beat: Heartbeat) -> None:
        """Learn from a heartbeat up to where events have been sent."""
        for name, seq in beat.last_seq.items():
            if name not in self.last:
                self.before[name] = 0 if self.has_beaten else seq
            self.last[name] = max(self.last[name], seq)
        self.has_beaten = True

    @property
    def wrong(self) -> list[str]:
        return [
            f"{name}: {self.last[name]} sent, {self.before[name]} before, "
            f"{self.received[name]} received, {self.lost[name]} lost"
            for name in {*self.last, *self.lost}
            if self.last[name] != self.before[name] + self.received[name] + self.lost[name]
        ]


def visits(count: int, seconds: float, draw: random.Random) -> Iterator[Visit]:
    began_s = time.monotonic()
    for _ in range(count):
        join_s = began_s + draw.uniform(0.0, seconds)
        yield Visit(join_s, join_s + draw.uniform(*STAY_S), draw.choice(KINDS))


def attend(visit: Visit, endpoint: str) -> Account:
    """Come, listen, go."""
    account = Account()
    time.sleep(max(0.0, visit.join_s - time.monotonic()))
    with Subscriber(endpoint, kinds=visit.kinds) as subscriber:
        while time.monotonic() < visit.leave_s:
            message = subscriber.receive(WAKE_S)
            if message is not None:
                account.take(message)
        account.lost = subscriber.lost
        if visit.kinds:  # the heartbeat tells of events of which it was not to hear
            account.last = Counter(
                {name: seq for name, seq in account.last.items() if _is_asked_for(name, visit)}
            )
    return account


def _is_asked_for(name: str, visit: Visit) -> bool:
    kind = name.split("/")[2]
    return kind == "sys" or kind in visit.kinds


@contextmanager
def hearing_a_tone(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield the process and the endpoint of an instrd that hears one tone."""
    tone_bundle(folder / "bundles" / "tones")
    known = f"ipc://{folder}/out"
    settings = (
        f'[daemon]\ncontrol = "none"\npublish = ["tcp://127.0.0.1:*", "{known}"]\n'
        f'[model]\nname = "tones"\nfolders = ["{folder}/bundles"]\n'
        '[[source]]\nuri = "synth:?tones=440&seconds=2"\nid = "tone"\nloop = true\n'
    )
    with running(*run_with(folder, settings)) as daemon:
        yield daemon.pid, _first_endpoint(known)
    print(f"instrd ended with exit code {daemon.returncode}")


def _first_endpoint(known: str) -> str:
    """Wait for the first frame, and return the tcp endpoint."""
    with Subscriber(known) as subscriber:
        deadline_s = time.monotonic() + START_S
        endpoint = ""
        while time.monotonic() < deadline_s:
            match subscriber.receive(WAKE_S):
                case Hello(endpoints=(first, *_)):
                    endpoint = first
                case Frame() if endpoint:
                    return endpoint
    raise TimeoutError(f"no frame within {START_S:g} s")


def kill_sometimes(daemon: int, count: int, seconds: float) -> None:
    for _ in range(count):
        time.sleep(seconds / (count + 1))
        os.kill(publishing_of(daemon), signal.SIGKILL)


def told(accounts: list[Account]) -> bool:
    """Print the totals; return whether every account adds up."""
    sums = {
        "sent": sum(one.last.total() for one in accounts),
        "before joining": sum(one.before[name] for one in accounts for name in one.last),
        "received": sum(one.received.total() for one in accounts),
        "lost and counted": sum(one.lost.total() for one in accounts),
    }
    wrong = [line for one in accounts for line in one.wrong]
    deaf = sum(not one.last for one in accounts)
    print(f"{len(accounts)} subscribers, {deaf} of them heard nothing before they left")
    print(", ".join(f"{name} {count}" for name, count in sums.items()))
    print(f"{len(wrong)} accounts of {sum(len(one.last) for one in accounts)} do not add up")
    print("\n".join(wrong[:20]))
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="churn-") as folder,
        hearing_a_tone(Path(folder)) as (daemon, endpoint),
        ThreadPoolExecutor(AT_ONCE + 1) as pool,
    ):
        planned = list(visits(chosen.subscribers, chosen.seconds, random.Random(chosen.seed)))
        killing = pool.submit(kill_sometimes, daemon, chosen.kills, chosen.seconds)
        planned.sort(key=lambda visit: visit.join_s)
        accounts = list(pool.map(attend, planned, [endpoint] * len(planned)))
        killing.result()
        good = told(accounts)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

"""Strikes a microphone with random faults and measures how instrd comes through them.

    python benchmarks/capture_faults.py [--faults 100] [--seed 1]

It hears PulseAudio's virtual microphone of the tests, which needs pulseaudio and libportaudio2.
Each fault lasts up to 4 s; then follow up to 3 s of peace after audio is back. What is measured:
from the fault until the loss was named, by a status or a gap; from the device's return until the
next frame was published; whether every heartbeat's accounts were exact; and whether in the end
they tell of as much audio as time has gone by.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from microphone_faults import AT_ONCE, FAULTS, Faults
from running import run_with, running
from tone_bundle import tone_bundle
from virtual_microphone import virtual_microphone

from instrd.clients.protocol import AnyMessage, Frame, Gap, Heartbeat, Status
from instrd.clients.subscriber import Subscriber

START_S, RECOVERY_S, STOP_S = 60.0, 20.0, 10.0
NOTICED_S = 1.0
LONGEST_S, PEACE_S = 4.0, (0.5, 3.0)
HEARD = ("running", "flat")


@dataclass
class Seen:
    """What the wire has said so far."""

    subscriber: Subscriber
    named_s: float | None = None
    """When the first loss was named since the last fault, on the monotonic clock."""
    frame_s: float | None = None
    """When the first frame came since the device was back and the source ran."""
    status: str = ""
    beats: int = 0
    wrong: list[str] = field(default_factory=list)
    named: int = 0
    """Samples that gaps have named."""
    first: Heartbeat | None = None
    last: Heartbeat | None = None
    rate_hz: int = 1

    def watch(self, seconds: float, *, until_frame: bool = False) -> None:
        """Take messages for some seconds, or until a frame comes."""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0.0:
            message = self.subscriber.receive(left_s)
            if message is not None:
                self._take(message)
            if until_frame and self.frame_s is not None:
                return

    def _take(self, message: AnyMessage) -> None:
        now_s = time.monotonic()
        match message:
            case Frame(rate_hz=rate_hz) if self.status in HEARD and self.frame_s is None:
                self.frame_s, self.rate_hz = now_s, rate_hz
            case Gap():
                self.named += message.count
                self.named_s = self.named_s or now_s
            case Status():
                self.status = message.status
                if message.status not in HEARD:
                    self.named_s, self.frame_s = self.named_s or now_s, None
            case Heartbeat():
                self._check(message)

    def _check(self, beat: Heartbeat) -> None:
        self.beats += 1
        dropped = sum(one.dropped for one in beat.sources.values())
        if self.last is None:  # what came before it may have been said before we listened
            self.first, self.named = beat, dropped
        else:  # a loss is named once what follows it is there, by the next heartbeat at the latest
            before = sum(one.dropped for one in self.last.sources.values())
            if not before <= self.named <= dropped:
                self.wrong.append(f"dropped {before}, then {dropped}; gaps name {self.named}")
        self.last = beat
        for one in beat.sources.values():
            if one.captured != one.analysed + one.gated + one.dropped + one.pending:
                self.wrong.append(f"accounts do not add up: {one}")


@dataclass(frozen=True)
class Result:
    """How one fault was come through, in seconds."""

    fault: str
    lasted_s: float
    named_s: float | None
    back_s: float | None


def strike(seen: Seen, faults: Faults, fault: str, lasts_s: float) -> Result:
    """Let one fault happen, and watch until audio is back."""
    began_s = time.monotonic()
    seen.named_s = seen.frame_s = None
    with faults.strike(fault):
        seen.watch(0.0 if fault in AT_ONCE else lasts_s)
    returned_s = time.monotonic()
    seen.frame_s = None
    seen.watch(RECOVERY_S, until_frame=True)
    seen.watch(NOTICED_S)  # a frame may be of before the fault: then it has been named by now
    if seen.frame_s is None:
        seen.watch(RECOVERY_S, until_frame=True)
    return Result(
        fault,
        returned_s - began_s,
        None if seen.named_s is None else seen.named_s - began_s,
        None if seen.frame_s is None else seen.frame_s - returned_s,
    )


def report(results: list[Result], seen: Seen, stop_s: float, code: int) -> None:
    """Print what was measured."""
    for fault in FAULTS:
        of = [one for one in results if one.fault == fault]
        named = [one.named_s for one in of if one.named_s is not None]
        back = [one.back_s for one in of if one.back_s is not None]
        print(f"{fault:16} {len(of):4} times, {len(of) - len(back)} unrecovered; ", end="")
        print(f"loss named {spread(named)} in {len(named)}; audio back {spread(back)}")
    print(f"{len(results)} faults, {sum(one.back_s is None for one in results)} unrecovered")
    told = Counter(seen.wrong).most_common(5)
    print(f"{seen.beats} heartbeats, {len(seen.wrong)} with wrong accounts {told or ''}")
    if seen.first is not None and seen.last is not None:
        passed_s = seen.last.uptime_s - seen.first.uptime_s
        for name, one in seen.last.sources.items():
            captured_s = (one.captured - seen.first.sources[name].captured) / seen.rate_hz
            print(f"{name}: {one}")
            print(f"{name}: {captured_s:.2f} s came or were named as lost in {passed_s:.2f} s")
    print(f"SIGTERM to exit {stop_s:.2f} s, exit code {code}")


def spread(seconds: list[float]) -> str:
    if not seconds:
        return "never"
    return f"{statistics.median(seconds):.2f} s in the median, {max(seconds):.2f} s at most"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    draw = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory(prefix="capture-faults-") as name:
        folder = Path(name)
        (folder / "sound").mkdir()
        tone_bundle(folder / "bundles" / "tones")
        endpoint = f"ipc://{folder}/out"
        settings = (
            f'[daemon]\ncontrol = "none"\n[model]\nname = "tones"\nfolders = ["{folder}/bundles"]\n'
        )
        run = run_with(folder, settings, "--source", "mic:", "--publish", endpoint)
        with (
            virtual_microphone(folder / "sound") as microphone,
            Subscriber(endpoint) as subscriber,
            running(*run, env=microphone.env) as daemon,
            Faults(microphone, daemon.pid) as faults,
        ):
            seen, results = Seen(subscriber), []
            seen.status = HEARD[0]
            seen.watch(START_S, until_frame=True)
            for number in range(chosen.faults):
                seen.watch(draw.uniform(*PEACE_S))
                result = strike(seen, faults, draw.choice(FAULTS), draw.uniform(0.1, LONGEST_S))
                results.append(result)
                print(f"{number + 1:4} {result}", flush=True)
            seen.watch(PEACE_S[1])  # what the last fault has cost is known a moment later
            began_s = time.monotonic()
            daemon.terminate()
            code = daemon.wait(STOP_S)
            report(results, seen, time.monotonic() - began_s, code)


if __name__ == "__main__":
    main()

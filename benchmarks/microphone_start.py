"""How soon a microphone is heard: after a cold start, and after its process has been killed.

    python benchmarks/microphone_start.py [--rounds 5] [--model base]

It hears PulseAudio's virtual microphone of the tests, which needs pulseaudio and libportaudio2.
Cold start: from the start of the process to the first frame, as a subscriber gets it. Restart:
from the kill of the recording process to the first sample of the next epoch, by the clock of its
samples, and to its first frame. Exit code 1: a median is above its bar.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from microphone_faults import Faults
from running import run_with, running
from tone_bundle import tone_bundle
from virtual_microphone import VirtualMicrophone, virtual_microphone

from instrd.clients.protocol import Frame
from instrd.clients.subscriber import Subscriber

COLD_START_S, RESTART_S = 1.5, 1.0
DEADLINE_S = 60.0


def first_frame(subscriber: Subscriber, wanted: Callable[[Frame], bool]) -> Frame:
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        message = subscriber.receive(0.1)
        if isinstance(message, Frame) and wanted(message):
            return message
    sys.exit(f"no frame within {DEADLINE_S:g} s")


def measure(microphone: VirtualMicrophone, folder: Path, model: str) -> tuple[float, float, float]:
    """Return cold start, next sample after a kill, next frame after it, in seconds."""
    endpoint = f"ipc://{folder}/out"
    settings = (
        f'[daemon]\ncontrol = "none"\n[model]\nname = "{model}"\nfolders = ["{folder}/bundles"]\n'
    )
    run = run_with(folder, settings, "--source", "mic:", "--publish", endpoint)
    began_s = time.monotonic()
    with (
        running(*run, env=microphone.env) as daemon,
        Subscriber(endpoint) as subscriber,
        Faults(microphone, daemon.pid) as faults,
    ):
        epoch = first_frame(subscriber, lambda _: True).epoch
        cold_s = time.monotonic() - began_s
        (recorder,) = faults.recorders()
        killed_us = time.time_ns() // 1000
        with faults.strike("kill"):
            frame = first_frame(subscriber, lambda one: one.epoch > epoch)
        framed_us = time.time_ns() // 1000
        opened_us = frame.t0_us - round(frame.s0 * 1e6 / frame.rate_hz)
        if recorder in faults.recorders():
            sys.exit("the recording process has not been replaced")
    return cold_s, (opened_us - killed_us) / 1e6, (framed_us - killed_us) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="base")
    chosen = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="microphone-start-") as name:
        folder = Path(name)
        (folder / "sound").mkdir()
        tone_bundle(folder / "bundles" / "tones")
        with virtual_microphone(folder / "sound") as microphone:
            for _ in range(chosen.rounds):
                results.append(measure(microphone, folder, chosen.model))
                print(*(f"{seconds:.2f}" for seconds in results[-1]), flush=True)
    names = ("process start to first frame", "kill to next sample", "kill to next frame")
    bars = (COLD_START_S, RESTART_S, None)
    broken = False
    for name, bar, seconds in zip(names, bars, zip(*results, strict=True), strict=True):
        median = statistics.median(seconds)
        broken |= bar is not None and median > bar
        allowed = "" if bar is None else f", allowed {bar:g} s"
        print(f"{name}: {median:.2f} s in the median, {max(seconds):.2f} s at most{allowed}")
    sys.exit(broken)


if __name__ == "__main__":
    main()

"""Lets instrd live through many hours of sound at full speed and looks whether it grows.

    python benchmarks/endurance.py [--hours 1000] [--minutes 20] [--sources 1] [--silent 0.9]
                                   [--hop 0.1] [--model base | tones]

The whole program runs: files in a loop at the pace `fast`, ring, listener, model, decision,
reporter, publisher, and a subscriber that takes everything. It ends after so many hours of sound,
those of all sources added up, or after so many minutes. `tones` is a small made-up model of the
tests, served by ONNX Runtime like any other; it and a longer hop reach more hours in the same
time. What is said of memory, files and threads is of all processes of the daemon together.
Exit code 1: a bar is broken.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import numpy as np
import soundfile
from processes import family_of
from running import STOP_S, run_with, running
from tone_bundle import TONES_HZ, tone_bundle

from instrd.clients.protocol import Account, Heartbeat
from instrd.clients.subscriber import Subscriber

RATE_HZ, PIECE_S = 16_000, 60.0
WARM_UP = 0.1
"""Part of the run before which memory, files and threads may still grow."""
MOST_GROWTH_MIB, MOST_CPU_GROWTH = 5.0, 1.1
START_S = 120.0
PAGE, TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """The daemon at one heartbeat."""

    hours: float
    """Of sound, all sources together."""
    cpu_s: float
    rss_mib: float
    files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure and what it may be."""

    name: str
    got: str
    allowed: str
    holds: bool


def look(pid: int, beat: Heartbeat) -> Sample:
    """Measure the daemon now."""
    cpu_s, pages, files, threads = 0.0, 0, 0, 0
    for process in (Path(f"/proc/{one}") for one in family_of(pid)):
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        cpu_s += (int(fields[11]) + int(fields[12])) / TICK
        threads += int(fields[17])
        pages += int((process / "statm").read_text().split()[1])
        files += len(list((process / "fd").iterdir()))
    samples = sum(one.analysed + one.gated for one in beat.sources.values())
    return Sample(samples / RATE_HZ / 3600.0, cpu_s, pages * PAGE / 2**20, files, threads)


def accounts_are_exact(one: Account) -> bool:
    accounted = one.analysed + one.gated + one.dropped + one.pending
    return one.captured == accounted and one.dropped == 0


def bars(samples: list[Sample], beats: list[Heartbeat], code: int) -> list[Bar]:
    """Hold what was measured to what is allowed."""
    end = samples[-1]
    after = [one for one in samples if one.hours >= WARM_UP * end.hours]
    growth_mib = end.rss_mib - after[0].rss_mib
    first, last = _cpu_per_hour(samples, 0.0, 0.1), _cpu_per_hour(samples, 0.9, 1.0)
    wrong = sum(not accounts_are_exact(one) for beat in beats for one in beat.sources.values())
    begun = [one for one in after if one.hours <= 2.0 * WARM_UP * end.hours]
    ended = [one for one in after if one.hours >= (1.0 - WARM_UP) * end.hours]
    return [
        Bar(
            "growth of memory after the warm-up, MiB",
            f"{growth_mib:.2f} (of {end.rss_mib:.0f})",
            f"< {MOST_GROWTH_MIB:g}",
            growth_mib < MOST_GROWTH_MIB,
        ),
        Bar(
            "CPU s an hour of sound, last tenth / first",
            f"{last:.2f} / {first:.2f} = {last / first:.3f}",
            f"< {MOST_CPU_GROWTH:g}",
            last / first < MOST_CPU_GROWTH,
        ),
        _flat("open files", [[one.files for one in part] for part in (begun, ended)]),
        _flat("threads", [[one.threads for one in part] for part in (begun, ended)]),
        Bar(f"wrong accounts in {len(beats)} heartbeats", str(wrong), "0", wrong == 0),
        Bar("exit code after SIGTERM", str(code), "0", code == 0),
    ]


def _cpu_per_hour(samples: list[Sample], begins: float, ends: float) -> float:
    """CPU time of a part of the run, from one sample to another."""
    least, most = (part * samples[-1].hours for part in (begins, ends))
    inside = [one for one in samples if least <= one.hours <= most]
    if len(inside) < 2:
        sys.exit("too short to compare its first tenth with its last: give it more minutes")
    return (inside[-1].cpu_s - inside[0].cpu_s) / (inside[-1].hours - inside[0].hours)


def _flat(name: str, tenths: list[list[int]]) -> Bar:
    """Hold the middle of the last tenth to that of the first after the warm-up.

    A file that plays in a loop is opened anew each time, so a look may find one more or less.
    """
    middles = [sorted(tenth)[len(tenth) // 2] for tenth in tenths]
    spans = [" to ".join(str(one) for one in sorted({min(t), max(t)})) for t in tenths]
    return Bar(f"{name}, second tenth / last", " / ".join(spans), "flat", middles[0] == middles[1])


def write_sound(path: Path, silent: float) -> None:
    """Write a minute whose first part sounds: one tone, then the other."""
    seconds = np.arange(round(PIECE_S * RATE_HZ)) / RATE_HZ
    sounding_s = (1.0 - silent) * PIECE_S
    tones = [0.1 * np.sin(2.0 * np.pi * hz * seconds) for hz in TONES_HZ]
    signal = np.where(seconds < sounding_s / 2, *tones) * (seconds < sounding_s)
    soundfile.write(path, signal.astype(np.float32), RATE_HZ, subtype="PCM_16")


def follow(
    daemon: "subprocess.Popen[bytes]", endpoint: str, chosen: argparse.Namespace
) -> tuple[list[Sample], list[Heartbeat]]:
    """Take heartbeats, which every subscriber gets, until there has been enough of it."""
    samples: list[Sample] = []
    beats: list[Heartbeat] = []
    deadline_s = time.monotonic() + START_S
    with Subscriber(endpoint, kinds=["gap"]) as subscriber:
        while time.monotonic() < deadline_s and daemon.poll() is None:
            message = subscriber.receive(1.0)
            if not isinstance(message, Heartbeat):
                continue
            if not samples:
                deadline_s = time.monotonic() + 60.0 * chosen.minutes
            beats.append(message)
            samples.append(look(daemon.pid, message))
            if samples[-1].hours >= chosen.hours:
                break
    if not samples:
        sys.exit(f"no heartbeat within {START_S:g} s")
    return samples, beats


def report(chosen: argparse.Namespace, beats: list[Heartbeat], held: list[Bar]) -> None:
    accounts = beats[-1].sources.values()
    analysed, gated = (
        sum(getattr(one, name) for one in accounts) for name in ("analysed", "gated")
    )
    hours = (analysed + gated) / RATE_HZ / 3600.0
    hops, minutes = hours * 3600 / chosen.hop, beats[-1].uptime_s / 60
    print(f"{hours:.2f} hours of sound of {chosen.hours:g} asked for, in {minutes:.1f} minutes:")
    print(f"{chosen.sources} sources, {gated / (analysed + gated):.0%} below the gate")
    print(f"{hops:.3g} hops of {chosen.hop:g} s, model {chosen.model}")
    for bar in held:
        verdict = "good" if bar.holds else "BROKEN"
        print(f"{verdict:7} {bar.name:44} {bar.got:26} allowed {bar.allowed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1000.0)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--sources", type=int, default=1)
    parser.add_argument("--silent", type=float, default=0.9)
    parser.add_argument("--hop", type=float, default=0.1)
    parser.add_argument("--model", default="tones")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="endurance-") as name:
        folder = Path(name)
        write_sound(folder / "sound.wav", chosen.silent)
        tone_bundle(folder / "bundles" / "tones")
        endpoint = f"ipc://{folder}/out"
        settings = (
            f'[daemon]\ncontrol = "none"\n[analysis]\nhop_s = {chosen.hop}\n'
            f'[model]\nname = "{chosen.model}"\nfolders = ["{folder}/bundles"]\n'
        )
        sources = ["--source", str(folder / "sound.wav")] * chosen.sources
        options = ["--pace", "fast", "--loop", "--publish", endpoint]
        with (
            running(*run_with(folder, settings, *sources, *options)) as daemon,
            running("tail", "--connect", endpoint),
        ):
            samples, beats = follow(daemon, endpoint, chosen)
            daemon.terminate()
            code = daemon.wait(STOP_S)
    held = bars(samples, beats, code)
    report(chosen, beats, held)
    sys.exit(0 if all(bar.holds for bar in held) else 1)


if __name__ == "__main__":
    main()

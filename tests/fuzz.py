"""Feeds instrd what nobody should, and counts what becomes of it.

    python tests/fuzz.py --what audio|bundle|config|control [--inputs 100000] [--seed 1] [--first 0]

Input N of a seed is always the same, so a run can go on with --first N and a finding be repeated
with --first N --inputs 1. One worker process takes one input after the other; when it crashes, or
computes on one for longer than it may, that is counted and another goes on behind it.
"""

import argparse
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from random import Random

TARGETS = ("audio", "bundle", "config", "control")
"""Each is a module `fuzz_...` with a function `target`: a scene that takes inputs.

It returns what became of one in a few words and raises, by an assertion or otherwise, where instrd
did what it must not.
"""
LONGEST_S = 5
"""What an input may take, in seconds of computing."""
BLOCKED_S = 300
"""A worker that is not heard of for so long waits for something that does not come."""
SHOWN = 20
"""Findings that are printed; all are counted."""


def worker(what: str, seed: str, numbers: range, pipe: int) -> None:
    """Write a line for each input that was taken: its number, ms, and what became of it."""
    with ExitStack() as opened:
        # libmpg123 writes a line for each damaged block of an mp3
        os.dup2(opened.enter_context(Path(os.devnull).open("wb")).fileno(), 2)
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="instrd-fuzz-"))
        take = opened.enter_context(import_module(f"fuzz_{what}").target(Path(folder)))
        for number in numbers:
            used_s = time.process_time()
            allowed_s = LONGEST_S + 1 + int(used_s)
            resource.setrlimit(resource.RLIMIT_CPU, (allowed_s, resource.RLIM_INFINITY))
            outcome = outcome_of(take, Random(f"{seed}:{number}"))
            spent_ms = round(1e3 * (time.process_time() - used_s))
            os.write(pipe, f"{number} {spent_ms} {outcome}\n".encode())


def outcome_of(take: Callable[[Random], str], rng: Random) -> str:
    try:
        return take(rng)
    except Exception:  # noqa: BLE001 - whatever it is, it is a finding
        return "FAULT " + traceback.format_exc().replace("\n", "\\n")


def run(what: str, seed: str, first: int, inputs: int) -> int:
    """Take all inputs; return how many findings there were."""
    counts: Counter[str] = Counter()
    slowest_ms, findings, began_s = 0, 0, time.monotonic()
    next_one, end = first, first + inputs
    import_module(f"fuzz_{what}")  # once, not in every worker
    while next_one < end:
        for number, spent_ms, outcome in results(what, seed, range(next_one, end)):
            next_one, slowest_ms = number + 1, max(slowest_ms, spent_ms)
            kind, _, told = outcome.partition(" ")
            counts[outcome if kind != "FAULT" else "FAULT"] += 1
            if kind in {"FAULT", "CRASH", "HANG"}:
                findings += 1
                if findings <= SHOWN:
                    print(f"input {number}: {kind} {told}".replace("\\n", "\n"), flush=True)
            if (next_one - first) % 10_000 == 0:
                print(f"{next_one - first} inputs, {findings} findings", flush=True)
    print(f"{what}, seed {seed}, inputs {first}..{end - 1}: {findings} findings")
    print(f"  slowest {slowest_ms} ms of computing, {time.monotonic() - began_s:.0f} s in all")
    for outcome, count in counts.most_common():
        print(f"  {count:7d} {outcome}")
    return findings


def results(what: str, seed: str, numbers: range) -> Iterator[tuple[int, int, str]]:
    """Yield what became of each input, up to one that ended the worker or the last."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        worker(what, seed, numbers, writing)
        os._exit(0)
    os.close(writing)
    done = 0
    for line in lines_in_time(reading):
        number, spent_ms, outcome = line.split(" ", 2)
        done += 1
        yield int(number), int(spent_ms), outcome
    os.close(reading)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if done < len(numbers):
        by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        hang = by in {signal.SIGXCPU, signal.SIGKILL}
        told = "HANG" if hang else f"CRASH {os.waitstatus_to_exitcode(status)}"
        yield numbers[done], 0, told


def lines_in_time(pipe: int) -> Iterator[str]:
    """Yield lines until the end, or until none has come for a time in which one should have."""
    rest = b""
    while select.select([pipe], [], [], BLOCKED_S)[0]:
        piece = os.read(pipe, 65_536)
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", choices=TARGETS, required=True)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    sys.exit(run(chosen.what, chosen.seed, chosen.first, chosen.inputs) > 0)


if __name__ == "__main__":
    main()

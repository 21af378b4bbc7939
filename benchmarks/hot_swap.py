"""Changes models under a running instrd and counts what that loses.

    python benchmarks/hot_swap.py [--seconds 40] [--every 4] [--models cnn svm base ensemble]

The bundled recording plays at the real pace. Every few seconds the next model of the list takes
over by `set_model`. Frames must go on hop by hop, and no gap may be told.
"""

import argparse
import sys
import tempfile
import time
from itertools import cycle, pairwise
from pathlib import Path
from statistics import median

from running import run_with, running

from instrd.clients.control import request
from instrd.clients.protocol import Frame, Gap, Heartbeat
from instrd.clients.subscriber import Subscriber
from instrd.daemon.demo import demo_path

WAIT_S = 10.0


def follow(endpoint: str, control: str, models: list[str], *, seconds: float, every: float) -> None:
    """Follow an instrd for some seconds, changing its model; print what was seen."""
    frames: list[Frame] = []
    gaps: list[Gap] = []
    beat: Heartbeat | None = None
    swap_ms: list[float] = []
    names = cycle(models)
    with Subscriber(endpoint) as subscriber:
        began = next_swap = time.monotonic()
        for message in subscriber:
            now = time.monotonic()
            if isinstance(message, Frame):
                frames.append(message)
            elif isinstance(message, Gap):
                gaps.append(message)
            elif isinstance(message, Heartbeat):
                beat = message
            if now >= next_swap and frames:
                reply = request(control, "set_model", model=next(names))
                if not reply.ok:
                    sys.exit(f"set_model: {reply.error}")
                swap_ms.append((time.monotonic() - now) * 1e3)
                next_swap = now + every
            if now > began + seconds:
                break
    told(frames, gaps, beat, swap_ms)


def told(
    frames: list[Frame], gaps: list[Gap], beat: Heartbeat | None, swap_ms: list[float]
) -> None:
    """Print hops, changes, losses and latencies."""
    steps = [after.s1 - before.s1 for before, after in pairwise(frames)]
    hop = round(frames[0].rate_hz * 0.1)
    jumps = [step for step in steps if abs(step - hop) > hop // 2]
    changes = sum(after.model != before.model for before, after in pairwise(frames))
    print(f"{len(frames)} frames, {changes} changes of model, {len(gaps)} gaps")
    print(f"steps between frames that are not one hop: {len(jumps)}")
    print(f"set_model took {median(swap_ms):.0f} ms in the median, {max(swap_ms):.0f} at most")
    print(f"latest frame: {max(frame.lat_ms.total for frame in frames):.0f} ms behind its sound")
    if beat is not None:
        for name, account in beat.sources.items():
            print(
                f"{name}: captured {account.captured} = analysed {account.analysed} + gated "
                f"{account.gated} + dropped {account.dropped} + pending {account.pending}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--every", type=float, default=4.0)
    parser.add_argument("--models", nargs="+", default=["cnn", "svm", "base", "ensemble"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        endpoint, control = f"ipc://{folder}/out", f"ipc://{folder}/control/control.ipc"
        settings = f'[daemon]\ncontrol = "{control}"\n'
        heard = ["--source", str(demo_path()), "--publish", endpoint]
        with running(*run_with(Path(folder), settings, *heard)):
            follow(endpoint, control, chosen.models, seconds=chosen.seconds, every=chosen.every)


if __name__ == "__main__":
    main()

"""What one live stream costs: instrd's models and YAMNet, one after the other in one run.

    python benchmarks/live_cost.py [--seconds 30] [--rounds 2] [--yamnet yamnet.tflite]
                                   [--model base cnn ...]

YAMNet is served by LiteRT (pip install '.[yamnet]') in the plainest live loop: every 100 ms
it judges its newest 0.975 s and publishes JSON by ZeroMQ, as instrd does. Both get the bundled
recording at the real pace, again and again. Latency is from the moment the last sample of a hop is
due to the moment instrd has judged it, or YAMNet's loop has handed its message to ZeroMQ.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import numpy as np
import zmq
from processes import family_of
from running import PROGRAM, run_with

from instrd.daemon.demo import demo_path

YAMNET = """
import itertools, json, sys, time
import numpy as np, soundfile, soxr, zmq
from ai_edge_litert.interpreter import Interpreter
model, path, endpoint = sys.argv[1:]
net = Interpreter(model, num_threads=1)
net.allocate_tensors()
feed, scores = net.get_input_details()[0]["index"], net.get_output_details()[0]["index"]
samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
samples = soxr.resample(samples.mean(axis=1), rate, 16000)
shape = net.get_input_details()[0]["shape"]
ring = np.zeros(15600, np.float32)
socket = zmq.Context().socket(zmq.PUB)
socket.bind(endpoint)
began = time.time()
for hop in itertools.count():
    due = began + (hop + 1) * 0.1
    time.sleep(max(0.0, due - time.time()))
    ring = np.roll(ring, -1600)
    ring[-1600:] = samples.take(np.arange(hop * 1600, hop * 1600 + 1600), mode="wrap")
    net.set_tensor(feed, ring.reshape(shape))
    net.invoke()
    p = net.get_tensor(scores)[0]
    message = {"type": "frame", "p": [round(float(x), 4) for x in p]}
    message["beyond_ms"] = (time.time() - due) * 1e3
    socket.send_multipart([b"frame/", json.dumps(message).encode()])
"""


def measure(program: list[str], endpoint: str, seconds: float) -> dict[str, float]:
    """Run a program, follow its frames for `seconds`, and return what it cost.

    SystemExit if the program ends before that; what it says on standard error is seen.
    """
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.subscribe(b"")
        socket.setsockopt(zmq.RECONNECT_IVL, 5)
        socket.connect(endpoint)
        with subprocess.Popen(program, stdout=subprocess.DEVNULL) as child:
            try:
                return _follow(child, socket, seconds)
            finally:
                child.terminate()


def _follow(
    child: subprocess.Popen[bytes], socket: zmq.Socket[bytes], seconds: float
) -> dict[str, float]:
    began = time.monotonic()
    beyond_ms: list[float] = []
    first_s = started_cpu_s = 0.0
    while time.monotonic() - began < seconds + 10 and len(beyond_ms) < seconds * 10:
        # what has ended is no longer in /proc
        if child.poll() is not None:
            told = f"{len(beyond_ms)} frames, with exit code {child.returncode}"
            raise SystemExit(f"the program ended after {told}")
        if not socket.poll(200):
            continue
        message = json.loads(socket.recv_multipart()[1])
        if message["type"] == "frame":
            if not beyond_ms:
                first_s, started_cpu_s = time.monotonic() - began, _cpu_s(child.pid)
            beyond_ms.append(_beyond_ms(message))
    if not beyond_ms:
        raise SystemExit(f"the program sent no frame within {seconds + 10} s")
    cpu_s, rss_mb = _cpu_s(child.pid) - started_cpu_s, _peak_rss_mb(child.pid)
    audio_s = len(beyond_ms) / 10
    return {
        "beyond the hop p50 ms": float(np.percentile(beyond_ms, 50)),
        "p99 ms": float(np.percentile(beyond_ms, 99)),
        "CPU s per audio s": cpu_s / audio_s,
        "first result s": first_s,
        "peak RSS MB": rss_mb,
    }


def _cpu_s(pid: int) -> float:
    """CPU time so far, of what it has started too; start-up is told apart by a first look."""
    stats = [Path(f"/proc/{one}/stat").read_text() for one in family_of(pid)]
    ticks = [stat.rpartition(")")[2].split()[11:13] for stat in stats]
    return sum(int(user) + int(system) for user, system in ticks) / os.sysconf("SC_CLK_TCK")


def _peak_rss_mb(pid: int) -> float:
    statuses = [Path(f"/proc/{one}/status").read_text() for one in family_of(pid)]
    lines = [line for status in statuses for line in status.splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _beyond_ms(message: dict[str, object]) -> float:
    if "beyond_ms" in message:
        return float(message["beyond_ms"])  # type: ignore[arg-type]
    spent = message["lat_ms"]
    assert isinstance(spent, dict)
    return float(spent["wait"] + spent["features"] + spent["infer"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--yamnet", type=Path, help="YAMNet as TFLite; without it only instrd")
    parser.add_argument("--model", nargs="+", default=["base"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/out"
        heard = ["--source", str(demo_path()), "--loop", "--publish", endpoint]
        instrd = [*PROGRAM, *run_with(Path(folder), '[daemon]\ncontrol = "none"\n', *heard)]
        programs = {f"instrd {model}": [*instrd, "--model", model] for model in chosen.model}
        if chosen.yamnet:
            arguments = [str(chosen.yamnet), str(demo_path()), endpoint]
            programs["YAMNet, LiteRT"] = [sys.executable, "-c", YAMNET, *arguments]
        for number in range(chosen.rounds):
            for name, program in programs.items():
                figures = measure(program, endpoint, chosen.seconds)
                shown = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
                print(f"round {number + 1}  {name:18} {shown}", flush=True)


if __name__ == "__main__":
    main()

"""The benchmark of one live stream measures a program that goes on, and no other."""

import sys
from pathlib import Path

import live_cost
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

PUBLISHES = """
import sys, time, zmq
socket = zmq.Context().socket(zmq.PUB)
socket.linger = 0
socket.bind(sys.argv[1])
for _ in range(int(sys.argv[2])):
    socket.send_multipart([b"frame/", b'{"type":"frame","beyond_ms":2.5}'])
    time.sleep(0.01)
print("no more", file=sys.stderr)
"""


def program(endpoint: str, frames: int) -> list[str]:
    return [sys.executable, "-c", PUBLISHES, endpoint, str(frames)]


def test_a_program_is_measured_while_it_goes_on(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/out"
    figures = live_cost.measure(program(endpoint, 100_000), endpoint, 1.0)
    assert figures["beyond the hop p50 ms"] == figures["p99 ms"] == 2.5
    assert figures["peak RSS MB"] > 1.0


@pytest.mark.parametrize("frames", [0, 50])
def test_a_program_that_ends_before_that_is_not_measured_and_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], frames: int
) -> None:
    endpoint = f"ipc://{tmp_path}/out"
    with pytest.raises(SystemExit, match=r"the program ended after \d+ frames, with exit code 0"):
        live_cost.measure(program(endpoint, frames), endpoint, 60.0)
    assert "no more" in capfd.readouterr().err

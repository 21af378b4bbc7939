"""The microphone source on a virtual microphone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from virtual_microphone import MISSING, RATE_HZ, VirtualMicrophone, virtual_microphone

pytestmark = [
    pytest.mark.microphone,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}"),
]

DEADLINE_S = 30.0
LISTENER = """
import json, sys, time
import numpy as np
from instrd.daemon.errors import SourceError
from instrd.daemon.sources import list_devices, open_source
uri, seconds, path = sys.argv[1], float(sys.argv[2]), sys.argv[3]
try:
    source = open_source(uri, pace="realtime")
except SourceError as error:
    sys.exit(str(error))
heard, lost, began, delays, sizes = [], 0, None, [], []
print("listening", flush=True)
while sum(map(len, heard)) < seconds * source.rate_hz:
    block = source.read()
    began = began or time.monotonic() - len(block.samples) / source.rate_hz
    heard.append(block.samples)
    lost += block.lost
    delays.append(time.time_ns() // 1000 - block.t_end_us)
elapsed = time.monotonic() - began
source.close()
np.save(path, np.concatenate(heard))
print(json.dumps({
    "ended": source.read() is None,
    "rate_hz": source.rate_hz, "description": source.description, "lost": lost,
    "elapsed_s": elapsed, "longest": max(map(len, heard)), "latest_us": max(delays),
    "default": any(device.default for device in list_devices()),
    "names": [device.name for device in list_devices()],
}))
"""


@dataclass(frozen=True, slots=True)
class Heard:
    samples: NDArray[np.float32]
    facts: dict[str, Any]

    def level_dbfs(self, freq_hz: float) -> float:
        """RMS level of one tone in its second half."""
        half = self.samples[len(self.samples) // 2 :].astype(np.float64)
        turn = np.exp(-2j * np.pi * freq_hz / self.facts["rate_hz"] * np.arange(len(half)))
        window = np.hanning(len(half))
        amplitude = 2.0 * abs(np.sum(half * turn * window)) / window.sum()
        return float(20.0 * np.log10(amplitude / np.sqrt(2.0)))


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    with virtual_microphone(tmp_path_factory.mktemp("vmic")) as microphone:
        yield microphone


def tone(freq_hz: float, seconds: float) -> NDArray[np.float32]:
    phase = 2.0 * np.pi * freq_hz / RATE_HZ * np.arange(round(seconds * RATE_HZ))
    samples: NDArray[np.float32] = (0.1 * np.sqrt(2.0) * np.sin(phase)).astype(np.float32)
    return samples


def listen(
    microphone: VirtualMicrophone,
    path: Path,
    uri: str,
    seconds: float,
    sound: NDArray[np.float32] | None = None,
) -> Heard:
    command = [sys.executable, "-c", LISTENER, uri, str(seconds), str(path)]
    with (
        ThreadPoolExecutor(1) as pool,
        subprocess.Popen(
            command, env=microphone.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as listener,
    ):
        assert listener.stdout is not None
        started = listener.stdout.readline()
        if started and sound is not None:
            pool.submit(microphone.play, sound)
        said, errors = listener.communicate(timeout=DEADLINE_S)
    assert listener.returncode == 0, errors
    return Heard(np.load(path), json.loads(said))


@pytest.mark.parametrize("uri", ["mic:", "mic:puls?rate=48000", "mic:?channel=2"])
def test_a_tone_comes_out_with_its_frequency_and_level(
    uri: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    heard = listen(microphone, tmp_path / "heard.npy", uri, 0.8, tone(1000.0, 1.0))
    assert heard.level_dbfs(1000.0) == pytest.approx(-20.0, abs=1.0)
    assert heard.level_dbfs(1100.0) < -60.0


def test_the_microphone_comes_in_short_blocks_at_the_real_pace_without_loss(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    heard = listen(microphone, tmp_path / "heard.npy", "mic:", 1.0)
    facts = heard.facts
    assert len(heard.samples) / facts["rate_hz"] == pytest.approx(facts["elapsed_s"], abs=0.1)
    assert facts["lost"] == 0
    assert facts["longest"] <= facts["rate_hz"] // 50
    assert facts["latest_us"] < 100_000
    assert facts["ended"]


def test_devices_are_listed_and_described(microphone: VirtualMicrophone, tmp_path: Path) -> None:
    facts = listen(microphone, tmp_path / "heard.npy", "mic:pulse", 0.1).facts
    assert facts["default"]
    assert facts["description"] == 'microphone "pulse"'
    assert {"pulse", "default"} <= set(facts["names"])


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mic:harp", r"microphone 'harp' is unknown; there are 'pulse', 'default'"),
        ("mic:u", r"microphone 'u' is ambiguous; it could be 'pulse', 'default'"),
        ("mic:?channel=99", r"got channel 99, allowed 1..32 of 'default'"),
    ],
)
def test_a_wrong_device_is_refused_with_the_right_ones(
    uri: str, said: str, microphone: VirtualMicrophone
) -> None:
    command = [sys.executable, "-c", LISTENER, uri, "1", ""]
    run = subprocess.run(
        command, env=microphone.env, capture_output=True, text=True, check=False, timeout=DEADLINE_S
    )
    assert run.returncode == 1
    assert said in run.stderr


def test_a_vanished_device_is_an_error_and_no_silence(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    with virtual_microphone(tmp_path_factory.mktemp("gone")) as microphone:
        command = [sys.executable, "-c", LISTENER, "mic:", "60", str(tmp_path / "heard.npy")]
        listener = subprocess.Popen(
            command, env=microphone.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listening\n"
    _, errors = listener.communicate(timeout=DEADLINE_S)
    assert 'SourceError: microphone "default"' in errors

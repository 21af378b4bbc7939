"""Microphones on a virtual one: what comes out of it, and what comes after every fault."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
from microphone_faults import FAULTS, Faults
from numpy.typing import NDArray
from virtual_microphone import MISSING, RATE_HZ, VirtualMicrophone, virtual_microphone

from instrd.daemon.errors import SourceError
from instrd.daemon.recording.lossmeter import SETTLED_S
from instrd.daemon.sources import Block, Feed, Item, Missed, Opened, Standing, open_feed

pytestmark = [
    pytest.mark.microphone,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}"),
]

DEADLINE_S = 30.0
FAULT_S = 2.5
BACK_S = 3.0
"""Audio is back so soon after its device, on a machine that is not too busy for it."""
DEVICES = "from instrd.daemon.cli import main; main(['devices'])"


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    with (
        virtual_microphone(tmp_path_factory.mktemp("vmic")) as microphone,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in microphone.env.items():
            patch.setenv(name, value)
        yield microphone


@dataclass
class Heard:
    """What has come of a feed since it was opened."""

    feed: Feed
    blocks: list[Block] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    delays_us: list[int] = field(default_factory=list)
    rate_hz: int = 0
    epochs: int = 0
    missed: int = 0
    """Samples that were lost, and named."""
    began_ns: int = 0

    def take_all(self) -> None:
        while (item := self.feed.read()) is not None:
            self._take(item)

    def _take(self, item: Item) -> None:
        match item:
            case Block():
                self.began_ns = self.began_ns or self._first_ns(item)
                self.blocks.append(item)
                self.missed += item.lost
                self.delays_us.append((time.monotonic_ns() - item.t_end_ns) // 1000)
            case Opened():
                self.rate_hz, self.epochs = item.rate_hz, self.epochs + 1
            case Missed():
                self.missed += item.count
            case Standing():
                self.statuses.append(item.status)

    @property
    def samples(self) -> NDArray[np.float32]:
        return np.concatenate([block.samples for block in self.blocks])

    @property
    def unaccounted_s(self) -> float:
        """How much less has come, or been named as lost, than time has gone by."""
        passed_s = (self.blocks[-1].t_end_ns - self.began_ns) / 1e9
        return passed_s - (len(self.samples) + self.missed) / self.rate_hz

    def _first_ns(self, block: Block) -> int:
        return block.t_end_ns - round(len(block.samples) * 1e9 / self.rate_hz)


@contextmanager
def listening(uri: str) -> Iterator[Heard]:
    """Open a feed, and take what comes of it on a thread of its own."""
    heard = Heard(open_feed(uri, pace="realtime"))
    thread = threading.Thread(target=heard.take_all, name="listener")
    thread.start()
    try:
        yield heard
    finally:
        heard.feed.close()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


def wait_for(reached: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not reached():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.01)


def listen(uri: str, seconds: float) -> Heard:
    with listening(uri) as heard:
        wait_for(lambda: heard.rate_hz > 0)
        wait_for(lambda: sum(len(one.samples) for one in heard.blocks) > seconds * heard.rate_hz)
    return heard


def tone(freq_hz: float, seconds: float) -> NDArray[np.float32]:
    phase = 2.0 * np.pi * freq_hz / RATE_HZ * np.arange(round(seconds * RATE_HZ))
    samples: NDArray[np.float32] = (0.1 * np.sqrt(2.0) * np.sin(phase)).astype(np.float32)
    return samples


def levels_dbfs(heard: Heard, freq_hz: float) -> NDArray[np.float64]:
    """RMS level of one tone in each whole tenth of a second."""
    length = heard.rate_hz // 10
    samples = heard.samples.astype(np.float64)
    tenths = samples[: len(samples) // length * length].reshape(-1, length)
    window = np.hanning(length + 1)[:-1]  # periodic: nothing of a tone in multiples of 10 Hz
    turn = window * np.exp(-2j * np.pi * freq_hz / heard.rate_hz * np.arange(length))
    amplitudes = 2.0 * np.abs(tenths @ turn) / window.sum()
    levels: NDArray[np.float64] = 20.0 * np.log10(np.maximum(amplitudes, 1e-9) / np.sqrt(2.0))
    return levels


def is_heard(heard: Heard, seconds: float) -> bool:
    """Whether so much of what came so far is no silence."""
    blocks = list(heard.blocks)
    loud = sum(int(np.count_nonzero(np.abs(one.samples) > 1e-3)) for one in blocks)
    return heard.rate_hz > 0 and loud > seconds * heard.rate_hz


@pytest.mark.parametrize("uri", ["mic:", "mic:puls?rate=48000", "mic:?channel=2"])
def test_a_tone_comes_out_with_its_frequency_and_level(
    uri: str, microphone: VirtualMicrophone
) -> None:
    """A busy machine starts its player late and may leave gaps in the tone, not in most of it."""
    with ThreadPoolExecutor(1) as pool, listening(uri) as heard:
        pool.submit(microphone.play, tone(1000.0, 2.0))
        wait_for(lambda: is_heard(heard, 1.0))
    levels = levels_dbfs(heard, 1000.0)
    sounding = levels > -40.0
    assert np.median(levels[sounding]) == pytest.approx(-20.0, abs=0.5)
    assert np.median(levels_dbfs(heard, 1100.0)[sounding]) < -60.0


@pytest.mark.usefixtures("microphone")
def test_the_microphone_comes_in_short_blocks_at_the_real_pace_without_loss() -> None:
    heard = listen("mic:", 1.0)
    assert heard.unaccounted_s == pytest.approx(0.0, abs=0.1)
    assert heard.missed == 0
    assert max(len(block.samples) for block in heard.blocks) <= heard.rate_hz // 50
    assert np.median(heard.delays_us) < 100_000
    assert heard.feed.description == 'microphone "default"'


@pytest.mark.parametrize("name", ["pulse", "default"])
def test_devices_are_listed(microphone: VirtualMicrophone, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEVICES],
        env=microphone.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert name in done.stdout
    assert "(default)" in done.stdout


@pytest.mark.usefixtures("microphone")
@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mic:u", r"microphone 'u' is ambiguous; it could be 'pulse', 'default'"),
        ("mic:?channel=99", r"got channel 99, allowed 1..32 of 'default'"),
    ],
)
def test_a_wrong_device_is_refused_with_the_right_ones(uri: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        open_feed(uri, pace="realtime")


@pytest.mark.usefixtures("microphone")
def test_a_device_that_is_not_there_is_waited_for_and_the_others_named() -> None:
    feed = open_feed("mic:harp", pace="realtime")
    standing = feed.read()
    feed.close()
    said = "microphone 'harp' is unknown; there are 'pulse', 'default'"
    assert standing == Standing("waiting", said)


@pytest.mark.parametrize("fault", FAULTS)
def test_audio_is_back_and_all_that_was_lost_is_named_after(
    fault: str, microphone: VirtualMicrophone
) -> None:
    with Faults(microphone, os.getpid()) as faults, listening("mic:") as heard:
        wait_for(lambda: len(heard.blocks) > 20)
        with faults.strike(fault):
            time.sleep(FAULT_S)
        returned_s, before = time.monotonic(), len(heard.blocks)
        wait_for(lambda: len(heard.blocks) > before and heard.statuses[-1] == "running")
        back_s, before = time.monotonic() - returned_s, len(heard.blocks)
        wait_for(lambda: len(heard.blocks) > before + 100)
        time.sleep(2.0 * SETTLED_S)  # a server that was frozen may still hand out what is missing
    assert back_s < BACK_S
    assert heard.epochs == 1 + heard.statuses.count("restarting")
    assert heard.unaccounted_s == pytest.approx(0.0, abs=0.2)

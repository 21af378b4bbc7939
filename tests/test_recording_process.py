"""The process of a microphone on a made-up sound system: whatever happens to it, audio is back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from audio_folder import RATE_HZ, AudioFolder, made_up_audio, recorders
from processes import dies

from instrd.daemon.recording.child import Child
from instrd.daemon.recording.messages import Heard, Missing, Opened, Said, Wanted
from instrd.daemon.sources import Block, Item, Microphone, Standing
from instrd.daemon.sources import Opened as Began

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
DEADLINE_S = 60.0


@pytest.fixture
def audio(tmp_path: Path) -> Iterator[AudioFolder]:
    with made_up_audio(tmp_path) as audio:
        yield audio
    assert recorders() == []


@pytest.fixture
def microphone(audio: AudioFolder) -> Iterator[Microphone]:
    microphone = Microphone(Wanted())
    assert microphone.first_answer() is None
    until(microphone, lambda item: isinstance(item, Block))
    yield microphone
    microphone.close()


def until(microphone: Microphone, wanted: Callable[[Item], bool]) -> list[Item]:
    """Return all that comes up to what is wanted."""
    items: list[Item] = []
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        item = microphone.read()
        assert item is not None
        items.append(item)
        if wanted(item):
            return items
    pytest.fail(f"waited in vain; last came {items[-3:]}")


def stands(status: str) -> Callable[[Item], bool]:
    return lambda item: isinstance(item, Standing) and item.status == status


def says(child: Child, kind: type[Said]) -> Said:
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        said = child.receive(0.1)
        if isinstance(said, kind):
            return said
    pytest.fail(f"waited in vain for {kind}")


def kill(_: AudioFolder) -> None:
    os.kill(recorders()[0], signal.SIGKILL)


def freeze(_: AudioFolder) -> None:
    os.kill(recorders()[0], signal.SIGSTOP)


def fault(name: str) -> Callable[[AudioFolder], None]:
    return lambda audio: audio.set_fault(name)


@pytest.mark.parametrize(
    "strike",
    [kill, freeze, fault("crash"), fault("hang"), fault("gone")],
    ids=["kill", "freeze", "crash", "hang", "gone"],
)
def test_audio_is_back_in_a_new_epoch_after(
    strike: Callable[[AudioFolder], None], audio: AudioFolder, microphone: Microphone
) -> None:
    (before,) = recorders()
    strike(audio)
    until(microphone, stands("restarting"))
    audio.set_fault("")
    items = until(microphone, lambda item: isinstance(item, Block))
    assert any(isinstance(item, Began) and item.rate_hz == RATE_HZ for item in items)
    (after,) = recorders()
    assert after != before


def test_a_device_that_comes_back_is_taken_and_no_other(
    audio: AudioFolder, microphone: Microphone
) -> None:
    audio.set_devices("HDA")
    audio.set_fault("gone")
    until(microphone, stands("restarting"))
    audio.set_fault("")
    (*_, waiting) = until(microphone, stands("waiting"))
    assert isinstance(waiting, Standing)
    assert waiting.detail == "microphone 'USB' is gone"
    audio.set_devices("HDA", "USB")
    until(microphone, lambda item: isinstance(item, Block))
    assert audio.opened == "USB"


def test_a_device_that_is_not_there_at_first_is_waited_for(audio: AudioFolder) -> None:
    audio.set_devices()
    with Child(Wanted("usb")) as child:
        missing = says(child, Missing)
        assert isinstance(missing, Missing)
        assert not missing.lasting
        audio.set_devices("USB")
        says(child, Opened)
        heard = says(child, Heard)
        assert isinstance(heard, Heard)
        assert heard.t_end_ns <= time.monotonic_ns()


def test_it_imports_no_model_and_no_network() -> None:
    program = "import sys, instrd.daemon.recording.__main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    packages = {module.partition(".")[0] for module in done.stdout.split()}
    heavy = {"torch", "onnxruntime", "zmq", "soundfile", "soxr", "librosa", "typer", "rich"}
    assert packages & heavy == set()


@pytest.mark.parametrize("frozen", [False, True])
def test_it_does_not_outlive_the_daemon(audio: AudioFolder, frozen: bool) -> None:
    program = """
import time
from instrd.daemon.recording.child import Child
from instrd.daemon.recording.messages import Wanted
child = Child(Wanted())
while not child.receive(0.1): pass
print(child.pid, flush=True)
time.sleep(600)
"""
    daemon = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with daemon:
        assert daemon.stdout is not None
        child = int(daemon.stdout.readline())
        if frozen:
            os.kill(child, signal.SIGSTOP)
        daemon.kill()
    assert dies(child)


def test_what_a_terminal_or_systemd_sends_to_all_leaves_the_end_to_the_daemon(
    audio: AudioFolder, microphone: Microphone
) -> None:
    (child,) = recorders()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(child, number)
    for _ in range(10):
        assert isinstance(microphone.read(), Block)
    assert recorders() == [child]

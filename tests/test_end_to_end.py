"""The whole way: sound into a microphone, instruments out of the wire, as from the file."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from sounds import TWO_TONES, two_tones
from tone_bundle import tone_bundle
from virtual_microphone import MISSING, RATE_HZ, VirtualMicrophone, virtual_microphone

from instrd.clients.protocol import AnyMessage, Bye, Event, Frame, Heartbeat, Status
from instrd.clients.subscriber import Subscriber
from instrd.daemon.classify import classify
from instrd.daemon.config import Config
from instrd.daemon.demo import demo_path
from instrd.daemon.hearing import Hearing
from instrd.models.audiofile import read_audio

pytestmark = [
    pytest.mark.microphone,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}"),
]
PROGRAM = "from instrd.daemon.cli import main; main()"
DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    with virtual_microphone(tmp_path_factory.mktemp("vmic")) as microphone:
        yield microphone


@contextmanager
def listening(microphone: VirtualMicrophone, folder: Path, *arguments: str) -> Iterator[Subscriber]:
    """Run the daemon on the microphone, and yield a subscriber that has seen it running."""
    endpoint = f"ipc://{folder}/out"
    settings = folder / "run.toml"
    settings.write_text('[daemon]\ncontrol = "none"\n[model]\nfolders = ["' + str(folder) + '"]\n')
    command = [sys.executable, "-c", PROGRAM, "run", "--config", str(settings), "--source", "mic:"]
    command += ["--publish", endpoint, "--no-dashboard", *arguments]
    daemon = subprocess.Popen(command, env=microphone.env, stdout=subprocess.DEVNULL)
    try:
        with Subscriber(endpoint) as subscriber:
            wait_for(subscriber, lambda message: isinstance(message, Frame))
            yield subscriber
    finally:
        daemon.terminate()
        assert daemon.wait(DEADLINE_S) == 0


def wait_for(
    subscriber: Subscriber, wanted: Callable[[AnyMessage], bool], seconds: float = DEADLINE_S
) -> list[AnyMessage]:
    """Return all messages up to the first wanted one."""
    messages: list[AnyMessage] = []
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        message = subscriber.receive(0.2)
        if message is not None:
            messages.append(message)
            if wanted(message):
                return messages
    pytest.fail(f"waited {seconds} s in vain; last came {messages[-3:]}")


def is_silence(message: AnyMessage) -> bool:
    return isinstance(message, Frame) and message.gate == "closed"


def test_tones_played_to_the_microphone_are_the_files_events(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    tone_bundle(tmp_path / "tones")
    with listening(microphone, tmp_path, "--model", "tones") as subscriber:
        microphone.play(two_tones(RATE_HZ))
        messages = wait_for(subscriber, lambda m: isinstance(m, Event) and m.label == "high")
        messages += wait_for(subscriber, is_silence)
    ons = {m.label: m.t_on_us for m in messages if isinstance(m, Event)}
    offs = {m.label: m.t_off_us for m in messages if isinstance(m, Event) and m.t_off_us}
    assert list(ons) == ["low", "high"]
    (_, low_on_s, low_off_s), (_, high_on_s, _) = TWO_TONES
    assert (ons["high"] - ons["low"]) / 1e6 == pytest.approx(high_on_s - low_on_s, abs=0.15)
    assert (offs["low"] - ons["low"]) / 1e6 == pytest.approx(low_off_s - low_on_s, abs=0.25)
    assert not any(isinstance(m, Status) and m.status == "failed" for m in messages)


def test_the_accounts_of_a_microphone_are_exact_and_it_says_bye(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    tone_bundle(tmp_path / "tones")
    with listening(microphone, tmp_path, "--model", "tones") as subscriber:
        beat = wait_for(subscriber, lambda m: isinstance(m, Heartbeat) and m.seq >= 3)[-1]
    assert isinstance(beat, Heartbeat)
    (account,) = beat.sources.values()
    accounted = account.analysed + account.gated + account.dropped + account.pending
    assert account.captured == accounted
    assert account.captured / 44_100 == pytest.approx(beat.uptime_s, abs=0.7)


def test_the_demo_heard_through_a_microphone_is_the_demo_read_from_its_file(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    """Room for the hop grid: live hops start anywhere, so edges may move by a hop or two."""
    seconds = 26.0
    samples, rate_hz = read_audio(demo_path())
    piece = soxr.resample(samples[: round(seconds * rate_hz)], rate_hz, RATE_HZ)
    soundfile.write(tmp_path / "piece.wav", piece, RATE_HZ, subtype="FLOAT")
    expected = classify(tmp_path / "piece.wav", Hearing(Config(), "file"), with_frames=True).frames
    assert expected is not None
    with listening(microphone, tmp_path) as subscriber:
        microphone.play(np.asarray(piece, np.float32))
        messages = wait_for(subscriber, is_silence_after(23.0))
    live = [m for m in messages if isinstance(m, Frame)]
    assert not any(isinstance(m, Bye) for m in messages)
    names = [frame.decision for frame in live]
    best = max(agreement(names, [f.decision for f in expected], lag) for lag in range(60))
    assert best > 0.85


def is_silence_after(heard_s: float) -> Callable[[AnyMessage], bool]:
    """Return a check for the silence that follows a long stretch of sound."""
    sound_frames = 0

    def check(message: AnyMessage) -> bool:
        nonlocal sound_frames
        sound_frames += isinstance(message, Frame) and message.gate == "open"
        return sound_frames > heard_s * 10 and is_silence(message)

    return check


def agreement(live: list[str], expected: list[str], lag: int) -> float:
    """Return the share of the expected decisions that came `lag` hops later live."""
    pairs = list(zip(live[lag:], expected, strict=False))
    return sum(a == b for a, b in pairs) / len(expected)

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
from microphone_faults import Faults
from sounds import TWO_TONES, two_tones
from tone_bundle import tone_bundle
from virtual_microphone import MISSING, RATE_HZ, VirtualMicrophone, virtual_microphone

from instrd.clients.protocol import AnyMessage, Bye, Event, Frame, Gap, Heartbeat, Status
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
PIECE_S = 26.0
STOP_S = 2.0
Span = tuple[str, float, float]
"""Label, on and off in seconds."""


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    with virtual_microphone(tmp_path_factory.mktemp("vmic")) as microphone:
        yield microphone


@contextmanager
def listening(microphone: VirtualMicrophone, folder: Path, *arguments: str) -> Iterator[Subscriber]:
    """Run the daemon on the microphone, and yield a subscriber that has seen it running."""
    with running(microphone, folder, *arguments) as (subscriber, _):
        yield subscriber


@contextmanager
def running(
    microphone: VirtualMicrophone, folder: Path, *arguments: str
) -> Iterator[tuple[Subscriber, "subprocess.Popen[bytes]"]]:
    endpoint = f"ipc://{folder}/out"
    settings = folder / "run.toml"
    settings.write_text('[daemon]\ncontrol = "none"\n[model]\nfolders = ["' + str(folder) + '"]\n')
    command = [sys.executable, "-c", PROGRAM, "run", "--config", str(settings), "--source", "mic:"]
    command += ["--publish", endpoint, "--no-dashboard", *arguments]
    daemon = subprocess.Popen(command, env=microphone.env, stdout=subprocess.DEVNULL)
    try:
        with Subscriber(endpoint) as subscriber:
            wait_for(subscriber, lambda message: isinstance(message, Frame))
            yield subscriber, daemon
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


def test_the_demo_heard_through_a_microphone_gives_the_events_of_its_file(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    """Live hops start anywhere in the file's hops, so edges may move by a hop or two."""
    samples, rate_hz = read_audio(demo_path())
    piece = soxr.resample(samples[: round(PIECE_S * rate_hz)], rate_hz, RATE_HZ)
    soundfile.write(tmp_path / "piece.wav", piece, RATE_HZ, subtype="FLOAT")
    events = classify(tmp_path / "piece.wav", Hearing(Config(), "file")).events
    with listening(microphone, tmp_path) as subscriber:
        microphone.play(np.asarray(piece, np.float32))
        messages = wait_for(subscriber, is_silence_after(PIECE_S - 3.0))
    assert not any(isinstance(m, Gap) for m in messages)
    offs = [m for m in messages if isinstance(m, Event) and m.t_off_us is not None]
    began_us = min(m.t_on_us for m in offs) - round(events[0].t_on_s * 1e6)
    live = [
        (m.label, (m.t_on_us - began_us) / 1e6, ((m.t_off_us or 0) - began_us) / 1e6) for m in offs
    ]
    expected = [(event.label, event.t_on_s, event.t_off_s) for event in events]
    common = max(agreement(live, expected, shift_s) for shift_s in np.arange(-0.2, 0.21, 0.05))
    assert common > 0.85, (live, expected)


@pytest.mark.parametrize("fault", ["freeze_server", "freeze_for_good", "unload"])
def test_it_stops_soon_and_in_order_in_the_middle_of_a_fault(
    fault: str, microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    tone_bundle(tmp_path / "tones")
    with (
        running(microphone, tmp_path, "--model", "tones") as (subscriber, daemon),
        Faults(microphone, daemon.pid) as faults,
        faults.strike(fault),
    ):
        wait_for(subscriber, lambda m: isinstance(m, Status) and m.status != "running")
        recorders = faults.recorders()
        daemon.terminate()
        began_s = time.monotonic()
        *_, bye = list(subscriber)
        assert daemon.wait(DEADLINE_S) == 0
        assert time.monotonic() - began_s < STOP_S
        assert isinstance(bye, Bye)
        assert not any(Path(f"/proc/{pid}").exists() for pid in recorders)


def is_silence_after(heard_s: float) -> Callable[[AnyMessage], bool]:
    """Return a check for the silence that follows a long stretch of sound."""
    sound_frames = 0

    def check(message: AnyMessage) -> bool:
        nonlocal sound_frames
        sound_frames += isinstance(message, Frame) and message.gate == "open"
        return sound_frames > heard_s * 10 and is_silence(message)

    return check


def agreement(live: list[Span], expected: list[Span], shift_s: float) -> float:
    """Return how much of all the time in which a label sounds in either, it sounds in both."""
    late = [(label, on_s + shift_s, off_s + shift_s) for label, on_s, off_s in live]
    both, either = sounding(late) & sounding(expected), sounding(late) | sounding(expected)
    return len(both) / len(either)


def sounding(spans: list[Span]) -> set[tuple[str, int]]:
    """Return in which twentieths of a second which label sounds."""
    return {
        (label, tick)
        for label, on_s, off_s in spans
        for tick in range(round(on_s * 20), round(off_s * 20))
    }

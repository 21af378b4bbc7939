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
PIECE_S = 19.0
STOP_S = 2.0
RECORDED_HZ = 44_100
"""What PortAudio takes for the rate of a PulseAudio."""
BEFORE_US, AFTER_US = 500_000, 3_500_000
"""Around a loss the model knows less than in the file: it looks back up to 3 s."""
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
    assert account.captured / RECORDED_HZ == pytest.approx(beat.uptime_s, abs=0.7)


def test_the_demo_heard_through_a_microphone_gives_the_events_of_its_file(
    microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    """Live hops start anywhere in the file's hops, so edges may move by a hop or two.

    A machine that is too busy leaves out hops, or loses sound; then the model begins anew. Such
    losses are named, and everywhere else the events are those of the file.
    """
    samples, rate_hz = read_audio(demo_path())
    piece = soxr.resample(samples[: round(PIECE_S * rate_hz)], rate_hz, RATE_HZ)
    soundfile.write(tmp_path / "piece.wav", piece, RATE_HZ, subtype="FLOAT")
    events = classify(tmp_path / "piece.wav", Hearing(Config(), "file")).events
    with listening(microphone, tmp_path) as subscriber:
        microphone.play(np.asarray(piece, np.float32))
        messages = wait_for(subscriber, is_silence_after(PIECE_S - 3.0))
    check_losses(messages, RECORDED_HZ)
    offs = [m for m in messages if isinstance(m, Event) and m.t_off_us is not None]
    began_us = min(m.t_on_us for m in offs) - round(events[0].t_on_s * 1e6)
    live = [
        (m.label, (m.t_on_us - began_us) / 1e6, ((m.t_off_us or 0) - began_us) / 1e6) for m in offs
    ]
    expected = [(event.label, event.t_on_s, event.t_off_s) for event in events]
    anew = [
        ((t0_us - began_us) / 1e6, (t1_us - began_us) / 1e6) for t0_us, t1_us in anew_us(messages)
    ]
    common = max(
        agreement(live, expected, shift_s, anew) for shift_s in np.arange(-0.2, 0.21, 0.05)
    )
    assert common > 0.85, (live, expected, anew)


def check_losses(messages: list[AnyMessage], rate_hz: int) -> None:
    """Check that what was lost has been named, and nothing else: in all as much as time passed.

    A loss is named once what follows it is there, by the next heartbeat at the latest.
    """
    beats = [m for m in messages if isinstance(m, Heartbeat)]
    dropped = [sum(one.dropped for one in beat.sources.values()) for beat in beats]
    between = messages[messages.index(beats[0]) : messages.index(beats[-1])]
    named = dropped[0] + sum(m.count for m in between if isinstance(m, Gap))
    assert dropped[-2] <= named <= dropped[-1]
    (account,) = beats[-1].sources.values()
    assert account.captured / rate_hz == pytest.approx(beats[-1].uptime_s, abs=0.7)


def anew_us(messages: list[AnyMessage]) -> Iterator[tuple[int, int]]:
    """Yield the times around losses in which the model knew less, UTC microseconds."""
    frame_of = {m.epoch: m for m in messages if isinstance(m, Frame)}
    for gap in (m for m in messages if isinstance(m, Gap)):
        frame = frame_of[gap.epoch]
        first_us, end_us = (
            frame.t1_us + round((position - frame.s1) * 1e6 / RECORDED_HZ)
            for position in (gap.s0, gap.s1)
        )
        yield first_us - BEFORE_US, end_us + AFTER_US


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
    """Return a check for the second of silence that follows a long stretch of sound."""
    sound_frames = silent_frames = 0

    def check(message: AnyMessage) -> bool:
        nonlocal sound_frames, silent_frames
        if isinstance(message, Frame):
            sound_frames += message.gate == "open"
            silent_frames = silent_frames + 1 if is_silence(message) else 0
        return sound_frames > heard_s * 10 and silent_frames > 10

    return check


def agreement(
    live: list[Span], expected: list[Span], shift_s: float, anew: list[tuple[float, float]]
) -> float:
    """Return how much of all the time in which a label sounds in either, it sounds in both.

    Left out are the times in which the model began anew.
    """
    late = [(label, on_s + shift_s, off_s + shift_s) for label, on_s, off_s in live]
    left_out = {tick for _, tick in sounding([("", *one) for one in anew])}
    both, either = (
        [one for one in ticks if one[1] not in left_out]
        for ticks in (sounding(late) & sounding(expected), sounding(late) | sounding(expected))
    )
    return len(both) / len(either)


def sounding(spans: list[Span]) -> set[tuple[str, int]]:
    """Return in which twentieths of a second which label sounds."""
    return {
        (label, tick)
        for label, on_s, off_s in spans
        for tick in range(round(on_s * 20), round(off_s * 20))
    }

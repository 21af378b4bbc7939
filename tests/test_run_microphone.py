"""`instrd run` on a made-up sound system: in every state of a fault it stops soon and in order."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from audio_folder import AudioFolder
from processes import children_of, recorders_of
from program import started

from instrd.clients.protocol import AnyMessage, Bye, Frame, Gap, Heartbeat, Status
from instrd.clients.subscriber import Subscriber
from instrd.daemon.exit_codes import ExitCode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
DEADLINE_S = 60.0
STOP_S = 2.0


def follow(subscriber: Subscriber, wanted: Callable[[AnyMessage], bool]) -> list[AnyMessage]:
    """Return all messages up to a wanted one and one heartbeat more."""
    told: list[AnyMessage] = []
    deadline_s = time.monotonic() + DEADLINE_S
    seen = False
    while time.monotonic() < deadline_s:
        message = subscriber.receive(0.2)
        if message is None:
            continue
        told.append(message)
        seen = seen or wanted(message)
        if seen and isinstance(message, Heartbeat):
            return told
    pytest.fail(f"waited in vain; last came {told[-3:]}")


def is_status(status: str) -> Callable[[AnyMessage], bool]:
    return lambda m: isinstance(m, Status) and (m.source, m.status) == ("usb", status)


def check_accounts(told: list[AnyMessage]) -> None:
    """Gaps before the first heartbeat may have been said before we listened."""
    beats = [message for message in told if isinstance(message, Heartbeat)]
    for beat in beats:
        for one in beat.sources.values():
            assert one.captured == one.analysed + one.gated + one.dropped + one.pending
    gaps = [message for message in told[told.index(beats[0]) :] if isinstance(message, Gap)]
    dropped = [beat.sources["usb"].dropped for beat in (beats[0], beats[-1])]
    assert dropped[1] - dropped[0] == sum(gap.count for gap in gaps)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("", "running"),
        ("zeros", "flat"),
        ("stall", "stalled"),
        ("freeze", "stalled"),
        ("hang", "restarting"),
        ("away", "waiting"),
    ],
)
def test_a_signal_ends_it_soon_and_in_order(
    settings: Path, tmp_path: Path, fault: str, status: str
) -> None:
    audio = AudioFolder(tmp_path)
    source = ["--source", "mic:USB", "--no-dashboard"]
    daemon = started("run", "--config", settings, *source, extra=audio.env)
    with daemon, Subscriber(f"ipc://{tmp_path}/out") as subscriber:
        told = follow(subscriber, is_status("running"))
        if fault == "freeze":
            (recorder,) = recorders_of(daemon.pid)
            os.kill(recorder, signal.SIGSTOP)
        elif fault == "away":
            audio.set_devices("HDA")
            audio.set_fault("gone")
        elif fault:
            audio.set_fault(fault)
        if fault:
            told += follow(subscriber, is_status(status))
        left = children_of(daemon.pid)
        daemon.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        told += list(subscriber)
        assert daemon.wait(DEADLINE_S) == ExitCode.DONE
        assert time.monotonic() - began_s < STOP_S
        assert not any(Path(f"/proc/{child}").exists() for child in left)
    assert isinstance(told[-1], Bye)
    assert (told[-1].exit_code, told[-1].reason) == (0, "SIGTERM")
    check_accounts(told)


def test_a_signal_ends_it_soon_and_in_order_while_the_sound_system_does_not_answer(
    settings: Path, tmp_path: Path
) -> None:
    audio = AudioFolder(tmp_path)
    audio.set_fault("hang")
    source = ["--source", "mic:USB", "--no-dashboard"]
    daemon = started("run", "--config", settings, *source, extra=audio.env)
    deadline_s = time.monotonic() + DEADLINE_S
    while not (recorders := recorders_of(daemon.pid)) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    daemon.send_signal(signal.SIGTERM)
    began_s = time.monotonic()
    printed, _ = daemon.communicate(timeout=DEADLINE_S)
    took_s = time.monotonic() - began_s
    assert daemon.returncode == ExitCode.DONE
    assert printed.splitlines()[-1].endswith("bye: SIGTERM")
    assert not any(Path(f"/proc/{pid}").exists() for pid in recorders)
    assert took_s < STOP_S


def test_it_starts_without_its_microphone_and_runs_once_that_comes(
    settings: Path, tmp_path: Path
) -> None:
    audio = AudioFolder(tmp_path)
    audio.set_devices()
    sources = ["--source", "mic:USB", "--source", "synth:?tones=440", "--no-dashboard"]
    daemon = started("run", "--config", settings, *sources, extra=audio.env)
    with daemon, Subscriber(f"ipc://{tmp_path}/out") as subscriber:
        told = follow(subscriber, is_status("waiting"))
        told += follow(subscriber, lambda m: isinstance(m, Frame) and m.source == "synth")
        audio.set_devices("HDA", "USB")
        told += follow(subscriber, lambda m: isinstance(m, Frame) and m.source == "usb")
        daemon.terminate()
        told += list(subscriber)
        assert daemon.wait(DEADLINE_S) == ExitCode.DONE
    assert audio.opened == "USB"
    assert isinstance(told[-1], Bye)

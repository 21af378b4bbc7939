"""Single checks, on machines that this one is not."""

import os
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from fake_portaudio import FakePortAudio

from instrd.clients.control import Request
from instrd.clients.keyfile import make_pair
from instrd.clients.protocol import Hello
from instrd.daemon.config import KeyFiles, SourceChoice
from instrd.daemon.control import ControlSocket
from instrd.daemon.doctor.audio import (
    check_devices,
    check_holders,
    check_permission,
    check_portaudio,
    check_source,
)
from instrd.daemon.doctor.machine import check_clocks, check_ntp, check_versions
from instrd.daemon.doctor.wire import (
    check_control,
    check_directory,
    check_keys,
    check_publish,
)
from instrd.daemon.errors import ConfigError, WireError
from instrd.daemon.exit_codes import ExitCode
from instrd.daemon.publisher import Publisher

ANYWHERE = "tcp://127.0.0.1:*"


def opened_device(proc: Path, card: str, thread: int, process: int, name: str) -> None:
    """Write what Linux says of a capture device that a thread of a process has open."""
    status = proc / "asound" / card / "pcm0c" / "sub0" / "status"
    status.parent.mkdir(parents=True)
    status.write_text(f"state: RUNNING\nowner_pid   : {thread}\ntrigger_time: 12.5\n")
    for pid in (thread, process):
        (proc / str(pid)).mkdir(exist_ok=True)
        told = name if pid == process else "data-loop"
        (proc / str(pid) / "status").write_text(f"Name:\t{told}\nTgid:\t{process}\n")


def test_who_holds_a_device_is_told_by_process(tmp_path: Path) -> None:
    opened_device(tmp_path, "card1", 4243, 4242, "arecord")
    found = check_holders(tmp_path)
    assert (found.state, found.found) == ("warning", "open: card1/pcm0c by arecord (4242)")


def test_a_sound_server_may_hold_a_device(tmp_path: Path) -> None:
    opened_device(tmp_path, "card0", 77, 70, "pipewire")
    assert check_holders(tmp_path).state == "ok"


def test_a_holder_that_has_gone_meanwhile_and_a_closed_device_are_no_trouble(
    tmp_path: Path,
) -> None:
    opened_device(tmp_path, "card0", 77, 77, "arecord")
    (tmp_path / "77" / "status").unlink()
    assert "unknown (77)" in check_holders(tmp_path).found
    (tmp_path / "asound/card0/pcm0c/sub0/status").write_text("closed\n")
    assert check_holders(tmp_path).found == "no capture device is open"
    assert check_holders(tmp_path / "none").state == "ok"


def test_devices_that_are_closed_to_us_need_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_permission(tmp_path).state == "ok"
    (tmp_path / "pcmC0D0c").touch()
    (tmp_path / "pcmC0D0p").touch()
    assert check_permission(tmp_path).found == "1 capture devices may be opened"
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = check_permission(tmp_path)
    assert found.state == "warning"
    assert "pcmC0D0c" in found.found
    assert "usermod -aG audio" in found.advice


def test_without_portaudio_only_a_microphone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert check_portaudio().state == "warning"
    assert check_devices().state == "warning"
    assert check_source(SourceChoice("auto")).state == "warning"
    assert check_source(SourceChoice("mic:")).state == "error"
    assert check_source(SourceChoice("synth:")).state == "ok"


@pytest.mark.parametrize(
    ("uri", "state", "code"),
    [
        ("auto", "ok", ExitCode.DONE),
        ("mic:usb?channel=2", "ok", ExitCode.DONE),
        ("mic:usb?channel=3", "error", ExitCode.BAD_INPUT),
        ("mic:harp", "warning", ExitCode.DONE),
        ("stdin:", "ok", ExitCode.DONE),
        ("stdin:?rate=abc", "error", ExitCode.BAD_INPUT),
        ("file:/nothing.wav", "error", ExitCode.BAD_INPUT),
    ],
)
def test_a_source_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, uri: str, state: str, code: ExitCode
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(["USB"], 0))
    found = check_source(SourceChoice(uri))
    assert (found.state, found.exit_code) == (state, code)


def test_devices_are_listed_with_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(["speaker", "USB", "HDA"], 2))
    assert check_devices().found == "'USB', 'HDA' (default)"
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(["USB"], -1))
    assert "mic:NAME" in check_devices().advice


def test_the_directory_of_control_must_be_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    endpoint = f"ipc://{folder}/control"
    assert "will make" in check_directory(endpoint).found
    folder.mkdir(mode=0o700)
    assert "ours alone" in check_directory(endpoint).found
    folder.chmod(0o755)
    with pytest.raises(WireError, match="chmod 700"):
        check_directory(endpoint)
    assert check_directory("none").state == "ok"


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[str]:
    """Run what answers pings until the test ends."""
    ended = threading.Event()

    def ping(_: Request) -> dict[str, object]:
        return {"node": "foh", "run": "run1"}

    def answer() -> None:
        while not ended.wait(0.01):
            control.answer({"ping": ping})

    with ControlSocket(f"ipc://{tmp_path}/run/control") as control:
        thread = threading.Thread(target=answer, name="answering")
        thread.start()
        yield control.endpoint
        ended.set()
        thread.join()


def test_another_instrd_is_named(answering: str) -> None:
    assert check_control(answering).found == "an instrd runs: node foh, run run1"


def test_one_that_is_stuck_is_an_error_and_one_that_ended_is_not(tmp_path: Path) -> None:
    with ControlSocket(f"ipc://{tmp_path}/run/control") as control:
        stuck = check_control(control.endpoint)
        assert (stuck.state, stuck.exit_code) == ("error", ExitCode.IN_USE)
    assert "no instrd runs" in check_control(control.endpoint).found
    assert check_control("none").state == "ok"


def test_an_endpoint_can_be_had_or_somebody_has_it(tmp_path: Path) -> None:
    assert check_publish(ANYWHERE).state == "ok"
    endpoint = f"ipc://{tmp_path}/out"
    assert check_publish(endpoint).state == "ok"
    with Publisher([ANYWHERE, endpoint], node="foh", run="run1") as silent:
        for held in silent.endpoints:
            found = check_publish(held)
            assert (found.state, found.exit_code) == ("error", ExitCode.IN_USE)
    (tmp_path / "file").write_text("precious")
    assert check_publish(f"ipc://{tmp_path}/file").found == "a file is there"
    with pytest.raises(WireError, match="CURVE"):
        check_publish("tcp://0.0.0.0:5570")


def test_an_instrd_that_publishes_there_is_no_error() -> None:
    ended = threading.Event()
    with Publisher([ANYWHERE], node="foh", run="run1") as publisher:
        hello = Hello(
            version="1", t_start_us=1, sources=(), endpoints=(), control=None, interval_ms=1000
        )
        publisher.publish(hello)

        def greet() -> None:
            while not ended.wait(0.01):
                publisher.tend()

        thread = threading.Thread(target=greet, name="greeting")
        thread.start()
        found = check_publish(publisher.endpoints[0])
        ended.set()
        thread.join()
    assert (found.state, found.found) == ("warning", "node foh, run run1, publishes here")


@pytest.mark.parametrize(
    ("wall_s", "state"),
    [
        ((1.8e9, 1.8e9 + 0.05, 1.8e9 + 0.05), "ok"),
        ((1.8e9, 1.8e9, 1.8e9), "error"),
        ((1.8e9, 1.8e9 - 60, 1.8e9 - 60), "warning"),
        ((10.0, 10.05, 10.05), "warning"),
    ],
)
def test_clocks_go_on_together(wall_s: tuple[float, ...], state: str) -> None:
    monotonic, wall = count(5.0, 0.05), iter(wall_s)
    found = check_clocks(lambda: next(monotonic), lambda: next(wall), lambda _: None)
    assert found.state == state


@pytest.mark.parametrize(
    ("script", "state", "told"),
    [
        ("echo yes", "ok", "is synchronised"),
        ("echo no", "warning", "is not synchronised"),
        ("echo no bus >&2; exit 1", "warning", "unknown: no bus"),
    ],
)
def test_ntp_is_what_timedatectl_says(tmp_path: Path, script: str, state: str, told: str) -> None:
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    found = check_ntp(str(program))
    assert (found.state, told in found.found) == (state, True)


def test_versions_name_the_libraries_inside_too() -> None:
    found = check_versions().found
    for name in ("Python", "numpy", "onnxruntime", "libzmq", "libsndfile", "sounddevice"):
        assert name in found


def test_the_keys_of_other_machines_are_counted_and_broken_ones_told(tmp_path: Path) -> None:
    assert check_keys(KeyFiles()).found == "none: only this machine is served"
    _, server_key = make_pair("studio", tmp_path)
    clients = tmp_path / "clients"
    clients.mkdir()
    public, _ = make_pair("light", tmp_path)
    public.rename(clients / public.name)
    files = KeyFiles(server_key=str(server_key), clients=str(clients))
    assert check_keys(files).found == "ours, and those of 1 clients"
    assert check_publish("tcp://0.0.0.0:*", files).state == "ok"
    (clients / "broken.key").write_text("nothing")
    with pytest.raises(ConfigError, match=r"broken\.key"):
        check_keys(files)

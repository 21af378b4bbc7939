import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from program import call, started
from sounds import two_tones
from threadpoolctl import threadpool_info, threadpool_limits

from instrd.clients.protocol import Bye, Event, Frame, State
from instrd.clients.subscriber import Subscriber
from instrd.daemon import cli
from instrd.daemon.config import Config
from instrd.daemon.service import Chosen, Service


def test_run_prints_what_it_hears_and_ends_with_the_file(
    settings: Path, two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--config", settings, "--source", two, "--pace", "fast", "--no-dashboard") == 0
    shown = capsys.readouterr().out
    assert "low " in shown
    assert "high " in shown
    assert "bye: all sources ended" in shown


def test_a_hops_matrices_are_multiplied_on_one_thread(
    settings: Path, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = Service.run, []

    def looked_at(service: Service, *chosen: Any) -> int:
        seen.extend(blas_threads())
        return run(service, *chosen)

    monkeypatch.setattr(Service, "run", looked_at)
    with threadpool_limits(2, user_api="blas"):
        assert call("--config", settings, "--source", two, "--pace", "fast", "--no-dashboard") == 0
        assert set(blas_threads()) == {2}
    assert set(seen) == {1}


def blas_threads() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_a_signal_ends_the_daemon_with_exit_code_0_and_a_bye(
    settings: Path, tmp_path: Path
) -> None:
    endpoint = f"ipc://{tmp_path}/out"
    daemon = started("run", "--config", settings, "--source", "synth:?tones=440&seconds=30")
    told = []
    with daemon, Subscriber(endpoint) as subscriber:
        for message in subscriber:
            told.append(message)
            if isinstance(message, State) and message.active:
                daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
    assert isinstance(told[-1], Bye)
    assert told[-1].reason == "SIGTERM"
    ends = [m for m in told if isinstance(m, Event) and m.event == "off"]
    assert [end.end_reason for end in ends] == ["shutdown"]
    frames = [m for m in told if isinstance(m, Frame)]
    assert frames
    assert frames[-1].lat_ms.total < 1000


def test_without_a_microphone_the_recording_plays_once_and_a_summary_ends_it(
    settings: Path, tmp_path: Path
) -> None:
    stand_in = tmp_path / "without_portaudio"
    stand_in.mkdir()
    (stand_in / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    here = {"PYTHONPATH": str(stand_in)}
    daemon = started("--config", settings, "--pace", "fast", "--no-dashboard", extra=here)
    out, err = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, err
    assert "apt-get install libportaudio2" in out
    assert "Playing the bundled recording" in out
    assert "running  bundled recording, as no microphone can be opened" in out
    assert "What instrd heard" in out
    assert "plays for" in out


PROGRAM = """
import sys
from instrd.daemon import service
from instrd.daemon.cli import main
say_goodbye = service.Service._say_goodbye
def look(self, heartbeats):
    heavy = {"torch", "torchaudio", "torchvision", "librosa", "sklearn", "scipy", "numba", "onnx"}
    analysed = sum(one.samples().analysed for one in self.followed.values())
    print("IMPORTED", sorted(heavy & set(sys.modules)), "after", analysed > 0)
    return say_goodbye(self, heartbeats)
service.Service._say_goodbye = look
main()
"""


def test_the_serving_process_imports_no_training_library(settings: Path, two: Path) -> None:
    arguments = ["run", "--config", settings, "--source", two, "--pace", "fast"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "IMPORTED [] after True" in done.stdout.splitlines()


def test_pcm_comes_through_a_pipe(settings: Path) -> None:
    pcm = (two_tones(48_000) * 32767).astype("<i2").tobytes()
    arguments = ["run", "--config", settings, "--source", "stdin:?rate=48000", "--pace", "fast"]
    done = subprocess.run(
        [sys.executable, "-c", "from instrd.daemon.cli import main; main()", *map(str, arguments)],
        input=pcm,
        capture_output=True,
        check=True,
        timeout=60,
    )
    events = [line.split() for line in done.stdout.decode().splitlines() if "  on   p" in line]
    assert [event[2] for event in events] == ["low", "high"]


def test_the_end_of_a_pipeline_ends_the_daemon_in_order(settings: Path, two: Path) -> None:
    daemon = started("run", "--config", settings, "--source", two, "--loop", "--pace", "fast")
    with daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        daemon.stdout.close()
        assert daemon.wait(20) == 0


def test_an_event_keeps_its_onset_from_on_to_off_at_any_pace(
    settings: Path, two: Path, tmp_path: Path
) -> None:
    endpoint = f"ipc://{tmp_path}/out"
    source = ["--source", str(two), "--pace", "fast", "--loop"]
    daemon = started("run", "--config", settings, *source)
    with daemon, Subscriber(endpoint, kinds=["event"]) as subscriber:
        events = [m for m in (subscriber.receive(5) for _ in range(400)) if isinstance(m, Event)]
        daemon.terminate()
        assert daemon.wait(20) == 0
    onsets = defaultdict(set)
    lengths_s = []
    for event in events:
        onsets[event.id].add(event.t_on_us)
        if event.t_off_us is not None:
            lengths_s.append((event.label, (event.t_off_us - event.t_on_us) / 1e6))
    assert len(onsets) > 10
    assert all(len(found) == 1 for found in onsets.values())
    for label, length_s in lengths_s:
        assert length_s == pytest.approx(1.5 if label == "low" else 1.0, abs=0.35)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the daemon is asked for, which does not start."""
    options: dict[str, Any] = {}

    def run_daemon(config: Config, **given: Any) -> int:
        options.update(given, config=config)
        return 0

    monkeypatch.setattr(cli, "run_daemon", run_daemon)
    return options


def test_settings_are_read_again_as_the_command_line_changes_them(
    settings: Path, asked: dict[str, Any]
) -> None:
    assert call("run", "--config", settings, "--model", "base", "--loop") == 0
    settings.write_text(settings.read_text() + "[gate]\nhold_s = 2.0\n")
    again = asked["read_again"]()
    assert (again.model.name, again.source[0].loop, again.gate.hold_s) == ("base", True, 2.0)
    assert asked["config"].gate.hold_s != 2.0
    assert call("run", "--model", "base") == 0
    assert asked["read_again"] is None


def test_what_came_through_a_pipe_is_not_read_again(settings: Path, asked: dict[str, Any]) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading):
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(settings.read_bytes())
        assert call("run", "--config", f"/dev/fd/{reading}") == 0
    assert asked["config"].model.name == "tones"
    assert asked["read_again"] is None


@pytest.mark.parametrize("given_comes_first", [True, False])
def test_a_name_made_from_a_file_is_none_that_another_source_was_given(
    settings: Path, two: Path, monkeypatch: pytest.MonkeyPatch, *, given_comes_first: bool
) -> None:
    names: list[str] = []

    def run(_: Service, sources: dict[str, Chosen], *__: object) -> int:
        names.extend(sources)
        return 0

    monkeypatch.setattr(Service, "run", run)
    sources = ['uri = "synth:"\nid = "two"', f'uri = "file:{two}"']
    ordered = sources if given_comes_first else sources[::-1]
    settings.write_text("\n[[source]]\n".join([settings.read_text(), *ordered]))
    assert call("check-config", settings) == 0
    assert call("run", "--config", settings, "--no-dashboard") == 0
    assert sorted(names) == ["two", "two-2"]


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--publish"),
        ("run", "--control"),
        ("ask", "ping", "--connect"),
    ],
)
def test_an_endpoint_that_is_no_text_is_refused_in_a_sentence(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    endpoint = os.fsdecode(f"ipc://{tmp_path}/p".encode() + b"\xff")
    given = ("--config", settings) if command[0] == "run" else ()
    assert call(*command, endpoint, *given) == 2
    assert "instrd: cannot " in capsys.readouterr().err

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import silence, two_tones
from tone_bundle import tone_bundle

from instrd.clients.protocol import Bye, Event, Frame, State
from instrd.clients.subscriber import Subscriber
from instrd.daemon.cli import main


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return a config file that chooses the tone model, a private endpoint and no control."""
    tone_bundle(tmp_path / "bundles" / "tones")
    path = tmp_path / "settings.toml"
    path.write_text(
        f"""
        [daemon]
        publish = ["ipc://{tmp_path}/out"]
        control = "ipc://{tmp_path}/private/control"
        [model]
        name = "tones"
        folders = ["{tmp_path}/bundles"]
        """
    )
    return path


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = tmp_path / "two.wav"
    soundfile.write(path, two_tones(48_000), 48_000)
    return path


def call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def started(*arguments: str | Path, extra: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from instrd.daemon.cli import main; main()", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (extra or {}),
    )


def test_classify_writes_one_line_of_json_a_file(
    settings: Path, two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("classify", two, two, "--config", settings, "--format", "json", "--frames") == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == second
    assert (first["path"], first["decision"]) == (str(two), "low")
    assert set(first["p"]) == {"low", "high"}
    assert set(first["events"][0]) == {"label", "t_on_s", "t_off_s", "p_mean"}
    assert set(first["frames"][0]) == {"t0_s", "t1_s", "decision", "p"}


def test_classify_goes_on_and_says_what_it_left_out(
    settings: Path, two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    nan = np.full(800, np.nan, np.float32)
    soundfile.write(tmp_path / "nan.wav", nan, 8000, subtype="FLOAT")
    files = [tmp_path / name for name in ("empty.wav", "nan.wav", "none.wav")]
    assert call("classify", *files, two, "--config", settings) == 2
    shown = capsys.readouterr()
    assert "low 1.0-2.5 s" in shown.out
    assert "left out 3 of 4 files" in shown.err
    for file in files:
        assert f"audio file {file}: " in shown.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--source", "file:/nothing.wav"], "/nothing.wav"),
        (["run", "--source", "harp:"], "harp:"),
        (["run", "--source", "mic:", "--pace", "slow"], "'slow'"),
        (["run", "--publish", "tcp://0.0.0.0:5570"], "CURVE"),
        (["--publish", "carrier-pigeon"], "carrier-pigeon"),
        (["run", "--model", "nothing"], "tones"),
        (["run", "--device", "abacus"], "'abacus'"),
        (["classify", "x.wav", "--mask", "low,harp"], "got harp; model tones has: low, high"),
        (["classify", "x.wav", "--mask", ""], "--mask: got ''"),
        (["classify", "x.wav", "--frames"], "--frames"),
        (["run", "--source", "stdin:", "--source", "stdin:"], "only one standard input"),
        (["run", "--control", "tcp://127.0.0.1:1"], "tcp://127.0.0.1:1"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    settings: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert call(*arguments, "--config", settings) == 2
    error = capsys.readouterr().err
    assert error.startswith("instrd: ")
    assert told in error
    assert "Traceback" not in error


def test_check_config_lists_every_mistake(
    tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("check-config", settings) == 0
    bad = tmp_path / "bad.toml"
    bad.write_text("[gate]\nopen = 3\n[model]\nname = 3\n")
    assert call("check-config", bad) == 2
    error = capsys.readouterr().err
    assert "gate.open: is not a setting" in error
    assert "model.name: got 3" in error


def test_check_config_tries_addresses_and_labels_too(
    tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    text = settings.read_text().replace('publish = ["ipc:', 'publish = ["carrier-pigeon", "ipc:')
    bad.write_text(text + '[[source]]\nuri = "harp:"\n[decision]\nmask = ["harp"]\n')
    assert call("check-config", bad) == 2
    error = capsys.readouterr().err
    assert "3 mistake(s)" in error
    for told in ("carrier-pigeon", "harp:", "got harp; model tones has"):
        assert told in error


def test_a_broken_bundle_does_not_hide_the_others(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundles" / "broken").mkdir()
    (tmp_path / "bundles" / "broken" / "manifest.json").write_text("{}")
    assert call("models", "--config", settings) == 0
    shown = capsys.readouterr().out
    assert "tones" in shown
    assert "broken:" in shown


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out.startswith("instrd 0.")


def test_a_word_that_is_no_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("chek-config") == 2
    assert "No such command 'chek-config'" in capsys.readouterr().err


def test_models_lists_the_bundles(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("models", "--config", settings) == 0
    assert "tones" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "classify", "tail", "watch", "devices", "models"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "--help") == 0
    assert "Usage" in capsys.readouterr().out


def test_run_prints_what_it_hears_and_ends_with_the_file(
    settings: Path, two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("--config", settings, "--source", two, "--pace", "fast", "--no-dashboard") == 0
    shown = capsys.readouterr().out
    assert "low " in shown
    assert "high " in shown
    assert "bye: all sources ended" in shown


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
    assert "What instrd heard" in out
    assert "plays for" in out


PROGRAM = """
import sys
from instrd.daemon import service
from instrd.daemon.cli import main
say_goodbye = service.Service._say_goodbye
def look(self, heartbeats):
    heavy = {"torch", "torchaudio", "torchvision", "librosa", "sklearn", "scipy", "numba", "onnx"}
    analysed = sum(one.stream.analysed for one in self.followed.values())
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


def test_a_silent_file_names_nothing(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, silence(3.0, 16_000), 16_000)
    assert call("classify", path, "--config", settings, "--format", "json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["decision"], verdict["events"]) == ("silence", [])


def test_the_end_of_a_pipeline_ends_the_daemon_in_order(settings: Path, two: Path) -> None:
    daemon = started("run", "--config", settings, "--source", two, "--loop", "--pace", "fast")
    with daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        daemon.stdout.close()
        assert daemon.wait(20) == 0


def test_a_file_with_a_name_that_is_no_text_is_judged(
    settings: Path, two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.wav"))
    odd.write_bytes(two.read_bytes())
    assert call("classify", odd, "--config", settings, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["path"].endswith("bad\ufffd.wav")
    assert call("--config", settings, "--source", odd, "--pace", "fast", "--no-dashboard") == 0


def test_numbers_that_are_no_sound_are_refused(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "huge.wav"
    soundfile.write(path, np.full(8000, 1e30, np.float32), 8000, subtype="FLOAT")
    assert call("classify", path, "--config", settings) == 2
    assert "not finite numbers up to 100" in capsys.readouterr().err


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

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from program import PROGRAM, call
from sounds import silence

COMMANDS = [
    "run",
    "classify",
    "tail",
    "watch",
    "ask",
    "doctor",
    "check-config",
    "keygen",
    "devices",
    "models",
]


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


def test_json_goes_where_it_is_sent_while_errors_go_to_a_terminal(
    settings: Path, two: Path
) -> None:
    terminal, its = os.openpty()
    done = subprocess.run(
        [*PROGRAM, "classify", two, "--config", settings, "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=its,
        env=os.environ | {"TERM": "xterm"},
        timeout=60,
        check=True,
    )
    os.close(its)
    os.close(terminal)
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["decision"] == "low"


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


def test_classify_takes_folders_too(
    settings: Path, tmp_path: Path, two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    takes, empty = tmp_path / "takes", tmp_path / "empty"
    (takes / "deep").mkdir(parents=True)
    (takes / ".trash").mkdir()
    empty.mkdir()
    for name in ("b.WAV", "deep/a.wav", ".hidden.wav", ".trash/c.wav", "notes.txt"):
        (takes / name).write_bytes(two.read_bytes())
    (takes / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    too_long = "x" * 300
    files = (takes, empty, too_long)
    assert call("classify", *files, "--config", settings, "--format", "json") == 2
    shown = capsys.readouterr()
    paths = [json.loads(line)["path"] for line in shown.out.splitlines()]
    assert paths == [str(takes / name) for name in ("b.WAV", "deep/a.wav")]
    assert "left out 3 of 5 files" in shown.err
    assert f"{takes / 'gone.wav'}: no such file" in shown.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--source", "file:/nothing.wav"], "/nothing.wav"),
        (["run", "--source", "harp:"], "harp:"),
        (
            ["run", "--source", "mic:", "--pace", "slow"],
            "--pace: got 'slow', allowed: realtime, fast",
        ),
        (["run", "--publish", "tcp://0.0.0.0:5570"], "CURVE"),
        (["--publish", "carrier-pigeon"], "carrier-pigeon"),
        (["run", "--model", "nothing"], "tones"),
        (
            ["run", "--model", "my.model\x1b"],
            "'my.model\\x1b': is not there; there are: tones, base",
        ),
        (["classify", "x.wav", "--model", "../bundles/tones"], "'../bundles/tones': is not there"),
        (["run", "--device", "abacus"], "--device: got 'abacus', allowed: cpu, cuda"),
        (["classify", "x.wav", "--mask", "low,harp"], "--mask: got harp; model tones has: low"),
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
    bad.write_text(bad.read_text() + "[gate]\nclose_dbfs = -40.0\n")
    assert call("check-config", bad) == 2
    error = capsys.readouterr().err
    assert "4 mistake(s)" in error
    for told in ("carrier-pigeon", "harp:", "got harp; model tones has", "gate.close_dbfs: got"):
        assert told in error


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ('[[source]]\nuri = "mic:"\nloop = true', "a microphone cannot be looped"),
        ('[[source]]\nuri = "mic:?chanel=2"', "unknown field `chanel`; options are channel, rate"),
        ('[[source]]\nuri = "stdin:?format=s24le"', "format (s16le, s32le, f32le)"),
        ('[[source]]\nuri = "synth:?tones=x"', "got tones x"),
        ('[[source]]\nuri = "file:/nothing.wav"', "/nothing.wav"),
        ('[security]\nserver_key = "~nobody1/a"\nclients = "b"', "security.server_key: got '~nob"),
    ],
)
def test_check_config_refuses_what_run_would_refuse(
    tmp_path: Path, settings: Path, capsys: pytest.CaptureFixture[str], added: str, told: str
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(f"{settings.read_text()}\n{added}\n")
    assert call("check-config", bad) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('control = "ipc:', 'control = "tcp:', "allowed is ipc://"),
        ('control = "ipc:', 'control = "ipc:///tmp/x.ipc" #', "/tmp is not yours alone"),
        ('publish = ["ipc:', 'publish = ["ipc:///a\\u0000", "ipc:', "no null character"),
        (
            'publish = ["ipc:',
            f'publish = ["tcp://127.0.0.1:{"9" * 5000}", "ipc:',
            "PORT: 0 to 65535",
        ),
        ('folders = ["', 'folders = ["/nowhere", "', "model.folders: got /nowhere"),
        ('folders = ["', 'folders = ["~nobody1", "', "model.folders: got '~nobody1'"),
    ],
)
def test_check_config_refuses_places_that_are_none(
    tmp_path: Path,
    settings: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    told: str,
) -> None:
    bad = tmp_path / "bad.toml"
    text = settings.read_text()
    assert old in text
    bad.write_text(text.replace(old, new))
    assert call("check-config", bad) == 2
    assert told in capsys.readouterr().err
    assert call("doctor", "--config", bad) != 0
    assert "Traceback" not in capsys.readouterr().err


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


def test_the_help_lists_the_commands_in_the_order_in_which_they_are_needed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call("--help") == 0
    told = capsys.readouterr().out.partition("Commands")[2]
    assert re.findall(r"^│ (\S+)", told, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_fits_a_terminal(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command, "--help") == 0
    told = capsys.readouterr().out
    assert "Usage" in told
    assert "…" not in told
    assert ("stdin:?rate=48000&channels=2&format=s16le" in told) == (command == "run")


def test_a_silent_file_names_nothing(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, silence(3.0, 16_000), 16_000)
    assert call("classify", path, "--config", settings, "--format", "json") == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["decision"], verdict["events"]) == ("silence", [])


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

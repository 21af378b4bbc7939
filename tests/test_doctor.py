"""The doctor says in one line each what it found; whatever a check does, it is a line."""

import json
import sys
import threading
from pathlib import Path

import pytest
from fake_portaudio import FakePortAudio
from program import call

from instrd.daemon.doctor.finding import Finding, ask, exit_code_for, wrong
from instrd.daemon.errors import DeviceError, InUseError
from instrd.daemon.exit_codes import ExitCode
from instrd.models.bundle import MANIFEST
from instrd.models.errors import BundleError

FINE = Finding("x", "ok", "fine")


@pytest.fixture(autouse=True)
def _one_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(["USB"], 0))


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    lines = capsys.readouterr().out.splitlines()
    return {finding["check"]: finding for finding in map(json.loads, lines)}


def test_a_healthy_machine_has_no_error_and_exit_code_0(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("doctor", "--config", settings) == ExitCode.DONE
    shown = capsys.readouterr().out
    for check in ("versions", "clocks", "model tones", "publish", "runtime", "PortAudio", "auto"):
        assert check in shown
    assert "error" not in shown


def test_json_is_one_line_a_finding(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("doctor", "--config", settings, "--json") == ExitCode.DONE
    findings = told(capsys)
    assert findings["source auto"]["found"] == "microphone 'USB'"
    assert findings["bundle tones"]["state"] == "ok"
    assert set(findings["model tones"]) == {"check", "state", "found", "advice", "exit_code"}
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "private").exists()


def test_a_microphone_that_is_not_there_is_what_run_would_wait_for(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.write_text(settings.read_text() + '[[source]]\nuri = "mic:Scarlett"\n')
    assert call("doctor", "--config", settings, "--json") == ExitCode.DONE
    found = told(capsys)["source mic:Scarlett"]
    assert found["state"] == "warning"
    assert "waits for it" in str(found["advice"])
    assert "there are 'USB'" in str(found["found"])


def test_a_mistake_in_the_config_does_not_keep_it_from_looking_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[gate]\nopen = 3\n")
    assert call("doctor", "--config", bad, "--json") == ExitCode.BAD_INPUT
    findings = told(capsys)
    assert "gate.open: is not a setting" in str(findings["config"]["found"])
    assert findings["model base"]["state"] == "ok"


def test_a_broken_bundle_is_an_error_only_where_it_is_chosen(
    settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundles" / "broken").mkdir()
    (tmp_path / "bundles" / "broken" / MANIFEST).write_text("{}")
    assert call("doctor", "--config", settings, "--json") == ExitCode.DONE
    assert told(capsys)["bundle broken"]["state"] == "warning"
    settings.write_text(settings.read_text().replace('"tones"', '"broken"'))
    assert call("doctor", "--config", settings, "--json") == ExitCode.BAD_INPUT
    assert told(capsys)["model broken"]["state"] == "error"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeviceError("no microphone"), ExitCode.BAD_INPUT),
        (InUseError("taken"), ExitCode.IN_USE),
        (BundleError("base", "is broken"), ExitCode.BAD_INPUT),
        (ZeroDivisionError("defect"), ExitCode.FAILED),
    ],
)
def test_a_check_that_fails_is_an_error_and_no_traceback(error: Exception, code: ExitCode) -> None:
    def check() -> Finding:
        raise error

    found = ask(check, "x")
    assert (found.check, found.state, found.exit_code) == ("x", "error", code)
    assert str(error) in found.found


def test_a_check_that_hangs_is_an_error_too() -> None:
    released = threading.Event()

    def check() -> Finding:
        released.wait(60)
        return FINE

    found = ask(check, "x", limit_s=0.01)
    released.set()
    assert (found.state, found.exit_code) == ("error", ExitCode.FAILED)
    assert "no answer within 0.01 s" in found.found


def test_what_no_start_helps_decides_the_exit_code() -> None:
    taken, hangs = (wrong("x", "", code=c) for c in (ExitCode.IN_USE, ExitCode.FAILED))
    assert exit_code_for([FINE, Finding("x", "warning", "")]) == ExitCode.DONE
    assert exit_code_for([hangs, taken, FINE]) == ExitCode.IN_USE
    assert exit_code_for([hangs, wrong("x", ""), taken]) == ExitCode.BAD_INPUT

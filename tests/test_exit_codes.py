"""A supervisor learns from the exit code whether another start can help."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_portaudio import FakePortAudio
from program import PROGRAM, call

from instrd.daemon.exit_codes import ExitCode
from instrd.daemon.publisher import Publisher
from instrd.models.bundle import MANIFEST

ROOT = Path(__file__).parent.parent


def test_the_manual_lists_every_exit_code_and_no_other() -> None:
    manual = (ROOT / "docs" / "running.md").read_text()
    section = manual.partition("## Exit codes")[2].partition("\n## ")[0]
    assert re.findall(r"^\| (\d+) \|", section, re.MULTILINE) == [str(int(c)) for c in ExitCode]


def test_what_another_start_cannot_help_is_2(settings: Path, two: Path, tmp_path: Path) -> None:
    (tmp_path / "bundles" / "tones" / MANIFEST).write_text("{}")
    assert call("run", "--config", settings, "--source", two) == ExitCode.BAD_INPUT
    assert call("run", "--config", tmp_path / "none.toml") == ExitCode.BAD_INPUT
    assert call("run", "--no-such-option") == ExitCode.BAD_INPUT


@pytest.mark.parametrize(
    ("names", "source", "code"),
    [
        ([], "mic:", ExitCode.NO_DEVICE),
        (["USB"], "mic:Scarlett", ExitCode.NO_DEVICE),
        (["USB"], "mic:USB", ExitCode.NO_DEVICE),  # it is busy
        (["USB 1", "USB 2"], "mic:USB", ExitCode.BAD_INPUT),
        (["USB"], "mic:USB?channel=3", ExitCode.BAD_INPUT),
    ],
)
def test_a_microphone_that_may_come_later_is_3(
    settings: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    source: str,
    code: ExitCode,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio(names, 0 if names else -1))
    assert call("run", "--config", settings, "--source", source) == code


def test_an_address_that_another_process_holds_is_4(
    settings: Path, two: Path, tmp_path: Path
) -> None:
    with Publisher(["tcp://127.0.0.1:*"], node="foh", run="run1") as other:
        taken = ["--publish", other.endpoints[0]]
        assert call("run", "--config", settings, "--source", two, *taken) == ExitCode.IN_USE
    with Publisher([f"ipc://{tmp_path}/out"], node="foh", run="run1"):
        assert call("run", "--config", settings, "--source", two) == ExitCode.IN_USE


def test_a_source_that_fails_while_running_is_1(settings: Path) -> None:
    source = ["--source", "stdin:?format=f32le", "--pace", "fast"]
    done = subprocess.run(
        [*PROGRAM, "run", "--config", str(settings), *source],
        input=np.full(48_000, np.nan, "<f4").tobytes(),
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    assert done.returncode == ExitCode.FAILED
    assert b"not finite numbers" in done.stderr


def test_an_end_in_order_is_0(settings: Path, two: Path) -> None:
    assert call("run", "--config", settings, "--source", two, "--pace", "fast") == ExitCode.DONE

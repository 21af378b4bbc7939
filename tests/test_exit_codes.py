"""A supervisor learns from the exit code whether another start can help."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from audio_folder import made_up_audio, recorders
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
    ("names", "source"), [(["USB 1", "USB 2"], "mic:USB"), (["USB"], "mic:USB?channel=3")]
)
def test_a_microphone_that_can_never_be_meant_is_2(
    settings: Path, tmp_path: Path, names: list[str], source: str
) -> None:
    with made_up_audio(tmp_path) as audio:
        audio.set_devices(*names)
        assert call("run", "--config", settings, "--source", source) == ExitCode.BAD_INPUT
    assert recorders() == []


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

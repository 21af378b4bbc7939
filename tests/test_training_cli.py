import sys
from pathlib import Path

import pytest

from instrd.training.cli import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["instrd-train", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_an_error_of_ours_is_one_sentence_and_exit_code_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.toml"
    assert run(monkeypatch, "fit", missing, "--stems", tmp_path, "--run", tmp_path) == 1
    assert capsys.readouterr().err.strip() == (
        f"instrd-train: {missing}: cannot be read: No such file or directory"
    )


def test_a_folder_that_is_no_bundle_is_one_sentence_and_exit_code_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "evaluate", tmp_path, "--data", tmp_path) == 1
    assert "manifest.json" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["render", "fit", "export", "evaluate", "reproduce", "compare"])
def test_every_step_of_the_training_is_a_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert command in capsys.readouterr().out

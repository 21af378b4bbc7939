import subprocess
import sys
from pathlib import Path

import pytest
from small_run import BASE, small_bank
from tone_bundle import tone_bundle

from instrd.models.bundle import read_bundle
from instrd.training.cli import main
from instrd.training.stems import stems


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["instrd-train", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_an_error_of_ours_is_one_sentence_and_exit_code_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "none.toml"
    assert run(monkeypatch, "fit", missing, "--stems", tmp_path, "--run", tmp_path) == 2
    assert capsys.readouterr().err.strip() == (
        f"instrd-train: {missing}: cannot be read: No such file or directory"
    )


def test_a_folder_that_is_no_bundle_is_one_sentence_and_exit_code_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "evaluate", tmp_path, "--data", tmp_path) == 2
    assert "manifest.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["render", "fit", "export", "evaluate", "perform", "ensemble", "reproduce", "compare", "teach"],
)
def test_every_step_of_the_training_is_a_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert command in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "told"), [("render", "instrd[singing]"), ("fit", "[finish]"), ("fit", "[stems]")]
)
def test_the_help_tells_what_stands_in_square_brackets(
    command: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, command, "--help") == 0
    assert told in capsys.readouterr().out


def test_the_package_can_be_run() -> None:
    command = [sys.executable, "-m", "instrd.training", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "perform" in shown.stdout


def test_a_rendering_that_is_interrupted_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stems, "render_bank", interrupted)
    folders = ("--data", tmp_path, "--midi", tmp_path, "--stems", tmp_path)
    assert run(monkeypatch, "render", BASE, *folders) == 130
    told = "instrd-train: interrupted; the same command renders what is left\n"
    assert capsys.readouterr().err == told


def test_a_rendering_tells_which_tracks_no_mixture_will_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = small_bank(tmp_path / "stems")
    monkeypatch.setattr(stems, "render_bank", lambda *_, **__: (1, 5))
    arguments = ("--data", tmp_path, "--midi", tmp_path, "--stems", bank)
    assert run(monkeypatch, "render", BASE, *arguments) == 0
    said = capsys.readouterr()
    first, *_, last = said.err.splitlines()
    short = "got 2.8 s, allowed more than a segment of 4.0 s"
    assert first == f"left out: flute of made up (train): {short}"
    assert last == "More recordings make longer ones, or more repeats and minutes in [stems]."
    assert said.out == f"{bank}: 1 tracks rendered, 5 kept, 6 of them left out\n"


def test_perform_says_what_it_lacks_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    font, out = tmp_path / "a.sf2", tmp_path / "out"
    arguments = ["perform", out, "--midi", tmp_path, "--soundfont", font, "--labels", "drum, bass"]
    assert run(monkeypatch, *arguments) == 2
    assert capsys.readouterr().err == f"instrd-train: {font}: no such soundfont\n"
    font.touch()
    assert run(monkeypatch, *arguments) == 2
    assert "has no groove" in capsys.readouterr().err
    assert not out.exists()


def test_the_command_writes_an_ensemble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    members = [tone_bundle(tmp_path / name).folder for name in ("one", "two")]
    both = tmp_path / "both"
    assert run(monkeypatch, "ensemble", both, *members, "--vote", "majority") == 0
    bundle = read_bundle(both)
    assert bundle.manifest.vote == "majority"
    assert bundle.sha256 in capsys.readouterr().out


def test_a_weighted_ensemble_of_members_without_a_figure_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tone_bundle(tmp_path / "one")
    assert run(monkeypatch, "ensemble", tmp_path / "both", tmp_path / "one") == 2
    assert "member one: got validation accuracy None" in capsys.readouterr().err

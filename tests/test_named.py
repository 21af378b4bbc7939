"""Recordings that instrd classify names are counted, label by label."""

import sys
from pathlib import Path

import named
import pytest
import soundfile
from named import Named
from rich.console import Console
from sounds import silence, tone

CLIPS = (
    ("low", tone(440.0, 2.0, 16_000)),
    ("low", tone(2000.0, 2.0, 16_000)),
    ("high", silence(2.0, 16_000)),
    ("other", tone(440.0, 2.0, 16_000)),
    ("other", silence(2.0, 16_000)),
)


def pool(folder: Path, labels: tuple[str, ...]) -> Path:
    folder.mkdir()
    lines = ["path,label,source,original,licence,credit,kind,seconds"]
    for number, (label, sound) in enumerate(CLIPS):
        if label in labels:
            soundfile.write(folder / f"{number}.wav", sound, 16_000)
            lines.append(f"{number}.wav,{label},a package,,,,recording,2.0")
    (folder / "manifest.csv").write_text("\n".join(lines))
    return folder


def counts(table: str) -> list[list[str]]:
    """Return the cells of a printed table's rows."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines()]
    return [row for row in rows if row]


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> list[list[str]]:
    monkeypatch.setattr(sys, "argv", ["named.py", *map(str, arguments)])
    named.main()
    return counts(capsys.readouterr().out)


def test_each_recording_is_right_unknown_or_wrong(
    tmp_path: Path,
    tone_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = pool(tmp_path / "pool", ("low", "high", "other"))
    chosen = ("--data", data, "--model", "tones", "--folder", tone_model)
    assert run(monkeypatch, capsys, *chosen) == [
        ["high", "1", "0", "1", "0", ""],  # silence
        ["low", "2", "1", "0", "1", "high 1"],
        ["all", "3", "1", "1", "1", ""],
        ["other", "2", "1", "1", "1", "low 1"],
        ["no instrument", "2", "1", "1", "1", ""],
    ]


def test_what_wrong_ones_are_called_is_told_in_order() -> None:
    found = [Named("piano", called) for called in ("organ", "guitar", "organ", "piano", "unknown")]
    console = Console(width=100, record=True)
    console.print(named.table(found, {"piano"}))
    row, _ = counts(console.export_text())
    assert row == ["piano", "5", "1", "1", "3", "guitar 1, organ 2"]

"""What is printed may be lost; whoever prints goes on."""

import errno
import io
import subprocess
import sys
from pathlib import Path

import pytest
from program import PROGRAM, started

from instrd.daemon.printing import Printing
from instrd.daemon.signals import StopWish

FULL_DISK = Path("/dev/full")


class Disk(io.StringIO):
    """Standard output that is at times on a full disk."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_full_disk_is_told_once_and_so_is_its_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk, wish = Disk(), StopWish()
    monkeypatch.setattr(sys, "stdout", disk)
    printing = Printing(wish)
    for disk.full in (False, True, True, False, False):
        printing.line("one")
    printing.close()
    assert disk.getvalue() == "one\n" * 3
    assert not wish
    assert [record.getMessage() for record in caplog.records] == [
        "standard output cannot be written (No space left on device); going on",
        "standard output is written again, 2 line(s) later",
    ]


@pytest.mark.parametrize(
    "arguments", [("run", "--pace", "fast", "--no-dashboard", "--source"), ("classify",)]
)
def test_a_name_that_the_terminal_cannot_show_is_printed_with_question_marks(
    arguments: tuple[str, ...], settings: Path, two: Path
) -> None:
    odd = two.rename(two.with_name("ü.wav"))
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    with started(*arguments, odd, "--config", settings, extra=ascii_only) as program:
        out, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    assert "?.wav" in out


@pytest.mark.skipif(not FULL_DISK.exists(), reason="has no full disk to offer")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("run", "--source", "synth:?tones=440&seconds=1", "--no-dashboard"), 0, "going on"),
        (("models",), 1, "nothing more can be written"),
    ],
)
def test_on_a_full_disk_a_daemon_ends_well_and_others_say_why_not(
    settings: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    with FULL_DISK.open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments, "--config", str(settings)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == code
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr

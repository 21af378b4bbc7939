"""What is typed while the dashboard draws, in a real shell on a real terminal."""

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a shell with jobs")
DEADLINE_S = 60.0
LEFT = r"\x1b\[\?1049l"
DRAWN = r"\x1b\[\?1049h[^$]*q quits"
PROMPT = "ready>"


class Shell:
    """A shell that leads the session of a terminal, and what that shows."""

    def __init__(self, ours: int) -> None:
        self._ours = ours
        self._shown = ""

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def shows(self, pattern: str) -> str:
        """Return what is shown up to the end of the pattern; what follows is left for later."""
        deadline_s = time.monotonic() + DEADLINE_S
        while (found := re.search(pattern, self._shown)) is None:
            assert time.monotonic() < deadline_s, f"waited in vain for {pattern}: {self._shown}"
            if select.select([self._ours], [], [], 0.1)[0]:
                self._shown += os.read(self._ours, 65_536).decode(errors="replace")
        before, self._shown = self._shown[: found.end()], self._shown[found.end() :]
        return before

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (24, 80))
    lead = "import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY); "
    lead += "os.execvp('bash', ['bash', '--norc', '--noediting', '-i'])"
    started = subprocess.Popen(
        [sys.executable, "-c", lead],
        start_new_session=True,
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=tmp_path,
        env={**os.environ, "PS1": PROMPT, "TERM": "xterm-256color"},
    )
    os.close(its)
    yield Shell(ours)
    started.send_signal(signal.SIGHUP)
    os.close(ours)
    started.wait(DEADLINE_S)


def test_keys_get_neither_into_the_picture_nor_to_the_shell_and_q_quits(
    shell: Shell, settings: Path, tmp_path: Path
) -> None:
    program = [sys.executable, "-c", "from instrd.daemon.cli import main; main()"]
    chosen = ["run", "--config", str(settings), "--source", "synth:?tones=440", "--dashboard"]
    shell.shows(PROMPT)
    shell.type(f"{shlex.join([*program, *chosen])}\n")
    shell.shows(DRAWN)
    shell.type("touch typed\n")

    shell.type("\x1a")  # ^Z
    shell.shows(LEFT)
    shell.shows(PROMPT)
    shell.type("fg\n")
    assert "touch" not in shell.shows(DRAWN)
    assert not shell.echoes

    shell.type("touch typed\n")
    shell.type("q")
    assert "touch" not in shell.shows(LEFT)
    shell.shows(PROMPT)
    shell.type("echo then $((40 + 2))\n")
    shell.shows("then 42")
    assert not (tmp_path / "typed").exists()

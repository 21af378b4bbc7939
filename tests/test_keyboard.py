"""What is typed while the dashboard is drawn reaches neither the picture nor the shell."""

import io
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import PROGRAM
from rich.console import Console
from test_withholding import shown_in

from instrd.clients.dashboard import watch
from instrd.clients.keyboard import Keyboard
from instrd.clients.subscriber import Subscriber

LOUD = termios.ECHO | termios.ICANON


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Have a terminal as standard input; what is written to the result is typed into it."""
    ours, its = os.openpty()
    with os.fdopen(its) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield ours
    os.close(ours)


def loud() -> bool:
    modes: int = termios.tcgetattr(sys.stdin)[3]
    return modes & LOUD == LOUD


def test_a_q_is_a_wish_to_stop_and_all_else_that_is_typed_is_nothing(typing: int) -> None:
    wishes: list[str] = []
    with Keyboard(lambda: wishes.append("stop")) as keyboard:
        keyboard.look()
        assert keyboard.is_ours
        assert not loud()
        os.write(typing, b"touch it\n")
        keyboard.look()
        assert not wishes
        os.write(typing, b"q")
        keyboard.look()
        os.write(typing, b"rm it\n")  # read by nobody
    assert wishes == ["stop"]
    assert loud()
    os.set_blocking(sys.stdin.fileno(), False)
    with pytest.raises(BlockingIOError):
        os.read(sys.stdin.fileno(), 1)
    os.set_blocking(typing, False)
    with pytest.raises(BlockingIOError):  # nothing was echoed
        os.read(typing, 1)


def test_a_shell_that_was_there_meanwhile_leaves_no_echo_behind(typing: int) -> None:
    with Keyboard(lambda: None) as keyboard:
        keyboard.look()
        modes = termios.tcgetattr(typing)
        modes[3] |= LOUD
        termios.tcsetattr(sys.stdin, termios.TCSANOW, modes)
        keyboard.look()
        assert not loud()
    assert loud()


@pytest.mark.usefixtures("typing")
def test_a_picture_that_breaks_leaves_the_terminal_as_it_was() -> None:
    def broken() -> str:
        assert not loud()
        raise ArithmeticError

    console = Console(file=io.StringIO(), force_terminal=True)
    with Subscriber("tcp://127.0.0.1:9") as subscriber, pytest.raises(ArithmeticError):
        watch(subscriber, console, lambda: False, broken)
    assert loud()


IN_THE_BACKGROUND = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY)
if not (child := os.fork()):
    os.setpgid(0, 0)
    from instrd.clients.keyboard import Keyboard
    with Keyboard(sys.exit) as keyboard:
        keyboard.look()
        os._exit(keyboard.is_ours)
_, status = os.waitpid(child, os.WUNTRACED)
sys.exit(status)
"""


def test_in_the_background_the_keys_are_left_to_those_in_front() -> None:
    ours, its = os.openpty()
    os.write(ours, b"q\n")
    done = subprocess.run(
        [sys.executable, "-c", IN_THE_BACKGROUND], stdin=its, start_new_session=True, check=False
    )
    assert done.returncode == 0
    assert termios.tcgetattr(its)[3] & LOUD == LOUD
    os.close(its)
    os.close(ours)


@pytest.mark.parametrize("end", ["q", "SIGTERM"])
def test_a_daemon_that_draws_stops_in_order_and_leaves_the_terminal_as_it_was(
    end: str, settings: Path
) -> None:
    ours, its = os.openpty()
    arguments = ["run", "--config", str(settings), "--source", "synth:?tones=440", "--dashboard"]
    with subprocess.Popen([*PROGRAM, *arguments], stdin=its, stdout=its, stderr=its) as daemon:
        showing = shown_in(ours)
        next(shown for shown in showing if "q quits" in shown and "running" in shown)
        assert not termios.tcgetattr(its)[3] & LOUD
        if end == "q":
            os.write(ours, b"touch it\nq")
        else:
            daemon.terminate()
        shown = next(shown for shown in showing if "instrd ended" in shown)
        assert daemon.wait(20) == 0
    assert "touch it" not in shown
    assert ("instrd ended: " + {"q": "q was typed"}.get(end, end)) in shown
    assert termios.tcgetattr(its)[3] & LOUD == LOUD
    os.close(its)
    os.close(ours)


LIKE_A_SHELL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if not (child := os.fork()):
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
_, status = os.waitpid(child, os.WUNTRACED)
loud = bool(termios.tcgetattr(0)[3] & termios.ECHO)
print(f"[stopped by {os.WSTOPSIG(status)}, loud {loud}]", flush=True)
os.tcsetpgrp(0, os.getpgrp())
os.killpg(child, signal.SIGCONT)  # as bg does
sys.stdin.readline()
print("[in front]", flush=True)
os.tcsetpgrp(0, child)
os.killpg(child, signal.SIGCONT)  # as fg does
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("command", ["run", "watch"])
def test_a_stopped_dashboard_gives_the_terminal_back_until_it_is_in_front_again(
    command: str, settings: Path
) -> None:
    ours, its = os.openpty()
    arguments = [*PROGRAM[1:], "watch", "--connect", "tcp://127.0.0.1:9"]
    if command == "run":
        source = ["--source", "synth:?tones=440", "--dashboard"]
        arguments = [*PROGRAM[1:], "run", "--config", str(settings), *source]
    shell = [sys.executable, "-c", LIKE_A_SHELL, *arguments]
    with subprocess.Popen(shell, stdin=its, stdout=its, stderr=its, start_new_session=True) as led:
        os.close(its)
        showing = shown_in(ours)
        next(shown for shown in showing if "q quits" in shown)
        os.write(ours, b"\x1a")
        next(shown for shown in showing if "[stopped by" in shown)
        os.write(ours, b"fg\n")
        next(shown for shown in showing if "q quits" in shown.partition("[in front]")[2])
        os.write(ours, b"q")
        *_, shown = showing
        assert led.wait(20) == 0
    os.close(ours)
    picture, stop, after = shown.partition(f"[stopped by {signal.SIGTSTP}, loud True]")
    assert stop
    assert picture.rindex("\x1b[?1049l") > picture.rindex("\x1b[?1049h")
    assert picture.rindex("\x1b[?25h") > picture.rindex("\x1b[?25l")
    assert after.index("[in front]") < after.index("\x1b[?1049h")

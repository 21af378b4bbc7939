import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from instrd.clients.protocol import AnyMessage, Bye, State
from instrd.clients.subscriber import Subscriber
from instrd.daemon import signals
from instrd.daemon.signals import ReloadWish, StopWish, obey_signals


def test_a_hangup_is_a_wish_to_reload_as_often_as_it_comes() -> None:
    stop, reload = StopWish(), ReloadWish()
    former = signal.getsignal(signal.SIGHUP)
    with obey_signals(stop, reload):
        taken = [reload.take()]
        for _ in range(2):
            signal.raise_signal(signal.SIGHUP)
            taken += [reload.take(), reload.take()]
    assert taken == [False, True, False, True, False]
    assert not stop
    assert signal.getsignal(signal.SIGHUP) is former


@pytest.mark.parametrize(
    ("handler", "reason"), [(signal.SIG_DFL, "SIGHUP"), (signal.SIG_IGN, "")], ids=["", "nohup"]
)
def test_where_nothing_can_be_reloaded_a_hangup_is_a_wish_to_stop_unless_it_is_ignored(
    handler: signal.Handlers, reason: str
) -> None:
    former, stop = signal.signal(signal.SIGHUP, handler), StopWish()
    try:
        with obey_signals(stop):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)
    assert stop.reason == reason


@pytest.mark.parametrize(
    ("handler", "reloads"), [(signal.SIG_DFL, False), (signal.SIG_IGN, True)], ids=["", "nohup"]
)
def test_without_its_terminal_only_what_nohup_started_reloads(
    handler: signal.Handlers, reloads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, reload, former = StopWish(), ReloadWish(), signal.signal(signal.SIGHUP, handler)
    monkeypatch.setattr(signals, "group_in_front", lambda: 1)
    try:
        with obey_signals(stop, reload):
            monkeypatch.setattr(signals, "group_in_front", lambda: None)
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)
    assert (reload.take(), stop.reason) == (reloads, "" if reloads else "SIGHUP")


IN_A_TERMINAL = """
import fcntl, signal, termios
fcntl.ioctl(0, termios.TIOCSCTTY)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run by nohup
from instrd.daemon.cli import main
main()
"""


LED_BY_ONE_WHO_WAITS = """
import fcntl, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY)
signal.signal(signal.SIGHUP, lambda *_: None)  # make, too, keeps it to itself
program = "from instrd.daemon.cli import main; main()"
sys.exit(subprocess.call([sys.executable, "-c", program, *sys.argv[1:]]))
"""


@contextmanager
def terminal() -> Iterator[int]:
    """Open a terminal that shows what comes to nobody; closed at the end, like its window."""
    ours, its = os.openpty()
    closed = Event()

    def show() -> None:
        while not closed.is_set():
            if select.select([ours], [], [], 0.02)[0]:
                os.read(ours, 65_536)

    thread = Thread(target=show)
    thread.start()
    try:
        yield its
    finally:
        closed.set()
        thread.join()
        os.close(ours)


@contextmanager
def daemon_in_a_terminal(program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program that leads the session of a terminal; the terminal is closed at the end."""
    with terminal() as its:
        started = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            start_new_session=True,
            stdin=its,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        yield started


@pytest.mark.parametrize("dashboard", ["--dashboard", "--no-dashboard"])
def test_a_daemon_whose_terminal_is_closed_stops_in_order_though_it_could_reload(
    dashboard: str, settings: Path, tmp_path: Path
) -> None:
    arguments = ["run", "--config", str(settings), "--source", "synth:?tones=440", dashboard]
    told: list[AnyMessage | None] = []
    with Subscriber(f"ipc://{tmp_path}/out") as subscriber:
        with daemon_in_a_terminal(IN_A_TERMINAL, *arguments) as daemon:
            while not told or not isinstance(told[-1], State):
                told.append(subscriber.receive(30.0))
            daemon.send_signal(signal.SIGHUP)  # it has its terminal, so it reloads
            time.sleep(0.5)
            assert daemon.poll() is None
        with daemon:
            told += list(subscriber)
            assert daemon.wait(10) == 0
    assert isinstance(told[-1], Bye)
    assert told[-1].reason == "SIGHUP"


def test_it_stops_too_where_the_kernel_tells_only_the_make_that_started_it(
    settings: Path, tmp_path: Path
) -> None:
    arguments = ["run", "--config", str(settings), "--source", "synth:?tones=440"]
    told: list[AnyMessage | None] = []
    with Subscriber(f"ipc://{tmp_path}/out") as subscriber:
        with daemon_in_a_terminal(LED_BY_ONE_WHO_WAITS, *arguments) as leader:
            while not told or not isinstance(told[-1], State):
                told.append(subscriber.receive(30.0))
        with leader:
            told += list(subscriber)
            assert leader.wait(10) == 0
    assert isinstance(told[-1], Bye)
    assert told[-1].reason == "SIGHUP"


@pytest.mark.parametrize("in_front", [True, False])
def test_only_who_is_in_the_foreground_of_a_terminal_misses_it(
    in_front: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "ctermid", lambda: os.devnull)
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp() if in_front else os.getpgrp() + 1)
    former, stop = signal.signal(signal.SIGHUP, signal.SIG_DFL), StopWish()
    try:
        with obey_signals(stop, ReloadWish()):
            stop.look()
            assert not stop
            monkeypatch.setattr(os, "ctermid", lambda: str(tmp_path / "gone"))
            stop.look()
    finally:
        signal.signal(signal.SIGHUP, former)
    assert stop.reason == ("SIGHUP" if in_front else "")
    assert stop.terminal is None


WHILE_IT_LOADS = """
import signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "numpy":
            signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, {})
sys.meta_path.insert(0, Interrupting())
from instrd.daemon.entry import main
sys.argv[1:] = ["--version"]
main()
"""


@pytest.mark.parametrize(
    ("handler", "code"), [("signal.default_int_handler", -signal.SIGINT), ("signal.SIG_IGN", 0)]
)
def test_an_interrupt_while_it_is_being_loaded_ends_it_without_a_word(
    handler: str, code: int
) -> None:
    program = [sys.executable, "-c", WHILE_IT_LOADS.format(handler)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (code, "")


def test_a_termination_is_a_wish_to_stop() -> None:
    stop = StopWish()
    with obey_signals(stop, ReloadWish()):
        signal.raise_signal(signal.SIGTERM)
    assert stop.reason == "SIGTERM"

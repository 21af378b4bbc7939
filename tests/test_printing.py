"""What is printed may be lost; whoever prints goes on."""

import os
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from program import PROGRAM, started

from instrd.clients.protocol import Bye, Frame
from instrd.clients.subscriber import Subscriber
from instrd.daemon.printing import MOST_HELD, Printer, complain, printing
from instrd.daemon.signals import StopWish

FULL_DISK = Path("/dev/full")
IN_TIME_S = 30.0


def until(happened: Callable[[], bool]) -> None:
    deadline_s = monotonic() + IN_TIME_S
    while not happened():
        assert monotonic() < deadline_s
        sleep(0.01)


def fill(descriptor: int) -> bytes:
    """Leave no room for another byte; return what is in it."""
    filled = b""
    os.set_blocking(descriptor, False)
    try:
        while True:
            filled += b"." * os.write(descriptor, b"." * 512)
    except BlockingIOError:
        os.set_blocking(descriptor, True)
    return filled


@pytest.fixture(params=["full pipe", "stopped terminal"])
def unread(request: pytest.FixtureRequest) -> Iterator[int]:
    """Return what can be written to, but has no room until the end."""
    is_pipe = request.param == "full pipe"
    one, other = os.pipe() if is_pipe else os.openpty()
    if is_pipe:
        fill(other)
    else:
        termios.tcflow(other, termios.TCOOFF)  # as ^S does
    yield other
    if is_pipe:
        os.read(one, 1 << 20)
    else:
        termios.tcflow(other, termios.TCOON)
    # there is room now; whoever waited for it must be done before other files get these numbers
    for thread in threading.enumerate():
        if thread.name == "standard output":
            thread.join(IN_TIME_S)
    os.close(one)
    os.close(other)


@pytest.mark.skipif(not FULL_DISK.exists(), reason="has no full disk to offer")
def test_a_full_disk_is_told_once_and_so_is_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, wish = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY), StopWish()
    full, descriptor = os.open(FULL_DISK, os.O_WRONLY), os.dup(file)
    printer = Printer(descriptor, "standard output", wish)
    printer.write(b"first\n")
    until(lambda: (tmp_path / "file").read_bytes() == b"first\n")
    os.dup2(full, descriptor)
    for lost in (1, 2):
        printer.write(b"lost\n")
        until(lambda lost=lost: printer._lost == lost)  # type: ignore[misc]
    os.dup2(file, descriptor)
    printer.write(b"last\n")
    printer.finish(wish)
    assert (tmp_path / "file").read_bytes() == b"first\nlast\n"
    assert not wish
    assert caplog.messages == [
        "standard output cannot be written (No space left on device); going on",
        "standard output is written again, 2 line(s) later",
    ]
    for one in (file, full, descriptor):
        os.close(one)


FILLS_A_DISK = """
import resource, time
from instrd.daemon.printing import Printer
from instrd.daemon.signals import StopWish
wish, printer = StopWish(), Printer(1, "standard output")
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, most))
for lost, line in enumerate((b"first\\nis torn\\n", b"lost\\n"), 1):
    printer.write(line)
    while printer._lost < lost:
        time.sleep(0.01)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
printer.write(b"last\\n")
printer.finish(wish)
"""


def test_a_line_that_a_full_disk_tore_ends_before_the_next(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        fill_it = [sys.executable, "-c", FILLS_A_DISK]
        subprocess.run(fill_it, stdout=file, stderr=subprocess.PIPE, check=True, timeout=60)
    assert (tmp_path / "file").read_bytes() == b"first\nis t\nlast\n"


def test_what_a_reader_leaves_too_long_is_left_out_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, other = os.pipe()
    filled, wish, line = fill(other), StopWish(), b"x" * 1023 + b"\n"
    printer, told = Printer(other, "standard output", wish), MOST_HELD // len(line) + 8
    for _ in range(told):
        printer.write(line)
    shown = b""
    while not caplog.messages:
        if select.select([one], [], [], 0.1)[0]:
            shown += os.read(one, 1 << 16)
    printer.finish(wish)
    lost = int(caplog.messages[0].removeprefix("standard output is written again, ").split()[0])
    os.close(other)
    while some := os.read(one, 1 << 16):
        shown += some
    assert shown == filled + line * (told - lost)
    assert lost in {7, 8}  # one is being written
    os.close(one)


def test_who_wishes_to_stop_does_not_wait_for_a_reader(
    unread: int, caplog: pytest.LogCaptureFixture
) -> None:
    descriptor, wish = os.dup(unread), StopWish()
    printer = Printer(descriptor, "standard output", wish)
    printer.write(b"lost\n")
    wish.ask("SIGTERM")
    printer.finish(wish)
    assert caplog.messages == ["1 line(s) of standard output were not written"]
    os.write(descriptor, b"nowhere")  # nor does Python itself at its end
    os.close(descriptor)


def test_where_nobody_reads_any_more_that_is_a_wish_to_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, other = os.pipe()
    os.close(one)
    wish = StopWish()
    printer = Printer(other, "standard output", wish)
    for _ in range(2):
        printer.write(b"nobody reads this\n")
    printer.finish(wish)
    assert wish.reason == "standard output was closed"
    assert caplog.messages == []
    os.close(other)


def test_what_is_printed_and_logged_to_one_place_stays_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "both").open("w") as out, (tmp_path / "both").open("a") as errors:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", errors)
        with printing(StopWish()):
            for number in range(1000):
                print(number, file=(sys.stdout, sys.stderr)[number % 2])
        assert (sys.stdout, sys.stderr) == (out, errors)
    shown = (tmp_path / "both").read_text()
    assert shown == "".join(f"{number}\n" for number in range(1000))


def test_a_line_without_an_end_is_printed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with printing(StopWish()):
            sys.stdout.write("without an end")
    assert (tmp_path / "out").read_text() == "without an end"


def test_a_complaint_does_not_go_to_standard_output_where_there_is_no_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    complain("what is wrong")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("dashboard", ["--dashboard", "--no-dashboard"])
def test_a_daemon_whose_output_and_log_nobody_reads_goes_on_and_ends_in_order(
    unread: int, settings: Path, tmp_path: Path, dashboard: str
) -> None:
    arguments = ["run", "--config", str(settings), "--source", "synth:?tones=440", dashboard]
    command = [*PROGRAM, *arguments]
    with (
        Subscriber(f"ipc://{tmp_path}/out") as subscriber,
        subprocess.Popen(command, stdout=unread, stderr=unread) as daemon,
    ):
        for _ in range(3):
            next(message for message in subscriber if isinstance(message, Frame))
            settings.write_text("bogus = 1")
            daemon.send_signal(signal.SIGHUP)  # is logged
        daemon.terminate()
        *_, last = subscriber
        assert isinstance(last, Bye)
        assert last.reason == "SIGTERM"
        assert daemon.wait(IN_TIME_S) == 0


def test_a_daemon_whose_log_has_lost_its_reader_goes_on(settings: Path, tmp_path: Path) -> None:
    command = [*PROGRAM, "run", "--config", str(settings), "--source", "synth:?tones=440"]
    with (
        Subscriber(f"ipc://{tmp_path}/out") as subscriber,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as daemon,
    ):
        assert daemon.stderr is not None
        daemon.stderr.close()
        for _ in range(3):
            next(message for message in subscriber if isinstance(message, Frame))
            settings.write_text("bogus = 1")
            daemon.send_signal(signal.SIGHUP)  # is logged
        daemon.terminate()
        *_, last = subscriber
        assert isinstance(last, Bye)
        assert daemon.wait(IN_TIME_S) == 0


@pytest.mark.parametrize("arguments", [("run", "--config"), ("classify",)])
def test_the_exit_code_of_bad_input_does_not_depend_on_who_reads_why(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    one, other = os.pipe()
    os.close(one)
    command = [*PROGRAM, *arguments, str(tmp_path / "nowhere")]
    assert subprocess.run(command, stderr=other, timeout=60, check=False).returncode == 2
    os.close(other)


@pytest.mark.parametrize("stopped", [False, True])
def test_who_has_played_to_the_end_waits_for_its_reader_until_told_to_stop(
    settings: Path, tmp_path: Path, stopped: bool
) -> None:
    one, other = os.pipe()
    filled = fill(other)
    arguments = ["run", "--config", str(settings), "--source", "stdin:?rate=48000"]
    with (
        Subscriber(f"ipc://{tmp_path}/out") as subscriber,
        subprocess.Popen([*PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=other) as daemon,
    ):
        os.close(other)
        next(iter(subscriber))
        assert daemon.stdin is not None
        daemon.stdin.close()
        *_, last = subscriber
        assert isinstance(last, Bye)
        sleep(1.0)  # longer than last words may take
        assert daemon.poll() is None
        if stopped:
            daemon.terminate()
            assert daemon.wait(IN_TIME_S) == 0
        shown = b""
        while some := os.read(one, 1 << 16):
            shown += some
        assert daemon.wait(IN_TIME_S) == 0
    assert (b"bye" in shown.removeprefix(filled)) != stopped
    os.close(one)


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

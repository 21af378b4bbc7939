"""The process that faces subscribers: whatever becomes of it, what follows is heard again."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import zmtp
from keys import Keys
from processes import dies, memory_mib, publishing_of
from program import started

from instrd.clients.protocol import AnyMessage, Bye, Frame, Level, Status
from instrd.clients.subscriber import Subscriber
from instrd.daemon.publisher import Publisher

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
DEADLINE_S = 30.0
PUBLISH_EVERY_S = 0.005
LOW_LIMIT_BYTES = 64 << 20
STATUS = Status(source="mic1", status="running")


def level() -> Level:
    return Level(source="mic1", rms_dbfs=-20.0, peak_dbfs=-10.0, clipped=0)


class Room:
    """A publisher, its process, and one who listens."""

    def __init__(self, publisher: Publisher, subscriber: Subscriber) -> None:
        self.publisher, self.subscriber = publisher, subscriber
        self.heard: list[AnyMessage] = []

    @property
    def process(self) -> int:
        return publishing_of(os.getpid())

    def until(self, done: Callable[[], object]) -> None:
        """Publish levels and listen until it is done."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not done():
            assert time.monotonic() < deadline_s
            self.publisher.publish(level())
            self.publisher.tend()
            message = self.subscriber.receive(PUBLISH_EVERY_S)
            if message is not None:
                self.heard.append(message)

    def comes_through(self, strike: Callable[[], object]) -> list[AnyMessage]:
        """Strike, and return what is heard from a new process."""
        self.until(lambda: self.heard and isinstance(self.heard[-1], Level))
        before = self.process
        strike()
        self.until(lambda: self.publisher.restarts)
        self.heard.clear()
        self.until(lambda: len(self.heard) > 20)
        assert dies(before)
        assert self.process != before
        return self.heard


@pytest.fixture
def room() -> Iterator[Room]:
    endpoints = ["tcp://127.0.0.1:*"]
    with (
        Publisher(endpoints, node="foh", run="run1") as publisher,
        Subscriber(publisher.endpoints) as subscriber,
    ):
        yield Room(publisher, subscriber)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_numbers_go_on_and_what_is_retained_is_given_again_when_it_is(
    number: signal.Signals, room: Room
) -> None:
    room.publisher.publish(STATUS)
    process = room.process
    heard = room.comes_through(lambda: os.kill(process, number))
    with Subscriber(room.publisher.endpoints) as late:
        room.until(lambda: isinstance(late.receive(0), Status))
    levels = [message.seq for message in heard if isinstance(message, Level)]
    assert levels == sorted(set(levels))
    # what the old process had not sent is missing from the numbers, and so it is counted
    lost, first = room.subscriber.lost["instrd/1/level/mic1/"], levels[0]
    assert 0 < lost < first


def test_a_message_without_an_end_costs_the_process_its_life_and_us_nothing(room: Room) -> None:
    port = int(room.publisher.endpoints[0].rpartition(":")[2])
    parts = zmtp.frame(bytes(1000), zmtp.MORE) * 64
    mib = memory_mib(os.getpid())
    process = room.process
    # the real limit would only take longer
    resource.prlimit(process, resource.RLIMIT_DATA, (LOW_LIMIT_BYTES, LOW_LIMIT_BYTES))

    def attack() -> None:
        """Go on until it is dead: libzmq may only hang up, depending on what lacks memory."""
        deadline_s = time.monotonic() + DEADLINE_S
        while not dies(process, within_s=0.0) and time.monotonic() < deadline_s:
            with suppress(OSError), zmtp.shaken(port) as peer:
                while True:
                    peer.sendall(parts)

    room.comes_through(attack)
    assert memory_mib(os.getpid()) < mib + 10


def test_the_list_of_who_may_come_in_outlives_it(tmp_path: Path) -> None:
    keys = Keys.made(tmp_path)
    with (
        Publisher(
            ["tcp://0.0.0.0:*", "tcp://127.0.0.1:*"], node="foh", run="run1", security=keys.read()
        ) as publisher,
        Subscriber(publisher.plain_endpoints) as neighbour,
    ):
        room = Room(publisher, neighbour)
        keys.let_in("stranger")
        keys.shut_out("friend")
        publisher.admit(keys.read().clients)
        process = room.process
        room.comes_through(lambda: os.kill(process, signal.SIGKILL))
        secured = publisher.endpoints[1]
        with keys.subscriber(secured, "stranger") as stranger:
            room.until(lambda: stranger.receive(0))
        with keys.subscriber(secured, "friend") as friend:

            def is_refused() -> bool:
                try:
                    assert friend.receive(0) is None
                except ConnectionError as error:
                    return "does not know this key" in str(error)
                return False

            room.until(is_refused)


def test_closing_waits_for_a_frozen_one_less_than_two_seconds(room: Room) -> None:
    process = room.process
    os.kill(process, signal.SIGSTOP)
    # more than the pipe can hold
    while not room.publisher.unsent:
        room.publisher.publish(STATUS)
    room.publisher.publish(Bye(reason="SIGTERM", exit_code=0))
    began_s = time.monotonic()
    room.publisher.__exit__()
    assert time.monotonic() - began_s < 2.0
    assert dies(process, within_s=0.0)


def test_sigterm_ends_the_daemon_in_order_beside_a_frozen_one(
    settings: Path, tmp_path: Path
) -> None:
    daemon = started("run", "--config", settings, "--source", "synth:?tones=440&seconds=60")
    with daemon, Subscriber(f"ipc://{tmp_path}/out") as subscriber:
        while not isinstance(subscriber.receive(DEADLINE_S), Frame):
            pass
        process = publishing_of(daemon.pid)
        os.kill(process, signal.SIGSTOP)
        daemon.terminate()
        assert daemon.wait(DEADLINE_S) == 0
        assert dies(process)


@pytest.mark.parametrize("frozen", [False, True])
def test_it_does_not_outlive_the_daemon(frozen: bool) -> None:
    program = """
import time
from instrd.daemon.publisher import Publisher
with Publisher(["tcp://127.0.0.1:*"], node="foh", run="run1"):
    print("ready", flush=True)
    time.sleep(600)
"""
    daemon = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "ready\n"
        process = publishing_of(daemon.pid)
        if frozen:
            os.kill(process, signal.SIGSTOP)
        daemon.kill()
    assert dies(process)


def test_what_a_terminal_or_systemd_sends_to_all_leaves_the_end_to_the_daemon(room: Room) -> None:
    room.until(lambda: room.heard)
    process = room.process
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process, number)
    room.heard.clear()
    room.until(lambda: len(room.heard) > 20)
    assert room.process == process


def test_it_has_limits_and_imports_no_arrays_and_no_model(room: Room) -> None:
    limits = Path(f"/proc/{room.process}/limits").read_text()
    assert re.search(r"Max data size +536870912 ", limits)
    assert re.search(r"Max core file size +0 ", limits)
    program = "import sys, instrd.daemon.publishing.__main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    packages = {module.partition(".")[0] for module in done.stdout.split()}
    heavy = {"numpy", "torch", "onnxruntime", "soundfile", "soxr", "librosa", "typer", "rich"}
    assert packages & heavy == set()


def test_more_connections_than_it_may_have_hurt_nobody(room: Room) -> None:
    room.until(lambda: room.heard)
    port = int(room.publisher.endpoints[0].rpartition(":")[2])
    files, _ = resource.prlimit(room.process, resource.RLIMIT_NOFILE)
    assert files >= 1024
    resource.prlimit(room.process, resource.RLIMIT_NOFILE, (64, 64))
    with ExitStack() as opened:
        for _ in range(100):
            opened.enter_context(socket.create_connection(("127.0.0.1", port)))
        room.heard.clear()
        room.until(lambda: len(room.heard) > 50)
    assert not room.subscriber.lost
    with Subscriber(room.publisher.endpoints) as late:
        room.until(lambda: late.receive(0))
    assert room.publisher.restarts == 0

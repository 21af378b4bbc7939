"""Endpoints that other machines can reach: who has a known key is served, nobody else is."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from keys import Keys

from instrd.clients.codec import decode
from instrd.clients.protocol import AnyMessage, Hello, Level, Model, State, Status
from instrd.clients.subscriber import Subscriber
from instrd.daemon.errors import ConfigError
from instrd.daemon.publisher import Publisher

HERE = Path(__file__).parent
LEVEL_EVERY_S = 0.005
RETAINED = ("hello", "model", "status", "state")


def golden(name: str) -> AnyMessage:
    found = (HERE / "golden" / f"{name}.json").read_bytes()
    return decode(bytes(msgspec.json.decode(found, type=tuple[str, msgspec.Raw])[1]))


def level() -> Level:
    return Level(source="mic1", rms_dbfs=-20.0, peak_dbfs=-10.0, clipped=0)


class Stage:
    """A publisher at a plain and a secured endpoint, and those who listen."""

    def __init__(self, keys: Keys, publisher: Publisher) -> None:
        self.keys = keys
        self.publisher = publisher
        self.plain, self.secured = publisher.endpoints
        self.port = int(self.secured.rpartition(":")[2])

    def until(self, done: Callable[[], object], timeout_s: float = 30.0) -> None:
        """Publish levels until it is done; fail after a while.

        No more of them than any queue on the way can hold, however slow this machine is now.
        """
        due_s = time.monotonic()
        deadline_s = due_s + timeout_s
        while not done():
            now_s = time.monotonic()
            assert now_s < deadline_s
            if now_s >= due_s:
                self.publisher.publish(level())
                due_s = now_s + LEVEL_EVERY_S
            self.publisher.tend()

    def hears(self, subscriber: Subscriber, count: int = 20) -> list[AnyMessage]:
        heard: list[AnyMessage] = []

        def listen() -> bool:
            message = subscriber.receive(0.005)
            heard.extend([message] if message else [])
            return len(heard) >= count

        self.until(listen)
        return heard

    def refuses(self, subscriber: Subscriber) -> str:
        """Return how the subscriber learns that it is not let in; it must hear nothing."""
        told = ""

        def listen() -> str:
            nonlocal told
            try:
                assert subscriber.receive(0.005) is None
            except ConnectionError as error:
                told = str(error)
            return told or subscriber.trouble

        self.until(listen)
        return told or subscriber.trouble


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    keys = Keys.made(tmp_path / "keys")
    # the secured endpoint first: the order of binding must not matter
    endpoints = ["tcp://0.0.0.0:*", "tcp://127.0.0.1:*"]
    with Publisher(endpoints, node="foh", run="run1", security=keys.read()) as publisher:
        yield Stage(keys, publisher)


@pytest.fixture
def friend(stage: Stage) -> Iterator[Subscriber]:
    with stage.keys.subscriber(stage.secured, "friend") as subscriber:
        stage.hears(subscriber)
        yield subscriber


def test_a_known_client_is_sent_what_is_retained_and_all_that_follows(stage: Stage) -> None:
    for name in (*RETAINED, "level"):
        stage.publisher.publish(golden(name))
    with Subscriber(stage.plain, kinds=["level"]) as early:
        stage.hears(early, 1)  # so all of the above has been sent
    with stage.keys.subscriber(stage.secured, "friend") as subscriber:
        heard = stage.hears(subscriber, 50)
        kept = [type(m) for m in heard if m.retained]
        assert kept == [Hello, Model, Status, State]
        assert not subscriber.lost


def test_plain_and_secured_endpoints_of_one_socket_tell_the_same(
    stage: Stage, friend: Subscriber
) -> None:
    with Subscriber(stage.plain) as neighbour:
        told = {m.seq: m for m in stage.hears(neighbour, 30)}
        both = [m for m in stage.hears(friend, 60) if m.seq in told]
        assert both
        assert all(told[m.seq] == m for m in both)
        assert not friend.lost
        assert not neighbour.lost


def test_an_unknown_key_is_refused_and_told_so_and_the_log_names_it(
    stage: Stage, friend: Subscriber, caplog: pytest.LogCaptureFixture
) -> None:
    with stage.keys.subscriber(stage.secured, "stranger") as stranger:
        assert "does not know this key" in stage.refuses(stranger)
    stage.until(lambda: caplog.records)
    (record,) = caplog.records
    assert "refused 1 connection(s), the last from 127.0.0.1" in record.getMessage()
    stage.hears(friend)
    assert not friend.lost


def test_a_client_without_keys_is_refused_and_told_so(stage: Stage, friend: Subscriber) -> None:
    with Subscriber(stage.secured.replace("0.0.0.0", "127.0.0.1")) as bare:
        assert re.search("needs? keys", stage.refuses(bare))
    stage.hears(friend)
    assert not friend.lost


def test_keys_for_an_endpoint_without_are_told_so(stage: Stage) -> None:
    with stage.keys.subscriber(stage.plain, "friend") as subscriber:
        assert re.search("does not use keys|hangs up", stage.refuses(subscriber))


def test_a_client_with_a_wrong_server_key_hears_nothing_and_can_know_why(
    stage: Stage, friend: Subscriber
) -> None:
    with stage.keys.subscriber(stage.secured, "friend", server="stranger") as misled:
        assert "is the server key its own?" in stage.refuses(misled)
    stage.hears(friend)
    assert not friend.lost


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 100_000,
        # a greeting of ZMTP 3 that wants CURVE, then a command that is none
        b"\xff" + bytes(8) + b"\x7f\x03\x00CURVE" + bytes(47) + b"\x04\xff" + b"\x05HELLO" * 90,
    ],
)
def test_garbage_hurts_nobody(stage: Stage, friend: Subscriber, garbage: bytes) -> None:
    with ExitStack() as opened:
        for _ in range(20):
            rude = opened.enter_context(socket.create_connection(("127.0.0.1", stage.port)))
            rude.setblocking(False)
            rude.send(garbage)
        stage.hears(friend, 50)
        assert not friend.lost


def test_two_hundred_mute_connections_hurt_nobody_and_are_cut(
    stage: Stage, friend: Subscriber
) -> None:
    with ExitStack() as opened:
        mute = [
            opened.enter_context(socket.create_connection(("127.0.0.1", stage.port)))
            for _ in range(200)
        ]
        stage.hears(friend, 50)
        with stage.keys.subscriber(stage.secured, "friend") as late:
            stage.hears(late, 50)
        for one in mute:
            one.setblocking(False)
        stage.until(lambda: friend.receive(0) and all(is_cut(one) for one in mute))
        assert not friend.lost


def is_cut(connection: socket.socket) -> bool:
    """Tell whether the other side has closed; what it had sent before is thrown away."""
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        pass
    return True


def test_who_is_shut_out_cannot_come_again_and_others_can(stage: Stage, friend: Subscriber) -> None:
    stage.keys.let_in("stranger")
    stage.keys.shut_out("friend")
    stage.publisher.admit(stage.keys.read().clients)
    with stage.keys.subscriber(stage.secured, "friend") as again:
        assert "does not know this key" in stage.refuses(again)
    with stage.keys.subscriber(stage.secured, "stranger") as admitted:
        stage.hears(admitted)
    stage.hears(friend)  # who was in stays in
    assert not friend.lost


def test_a_folder_without_keys_lets_nobody_in(stage: Stage) -> None:
    stage.keys.shut_out("friend")
    assert stage.keys.read().clients == {}


def test_every_broken_key_is_listed_at_once(tmp_path: Path) -> None:
    keys = Keys.made(tmp_path)
    keys.secret("server").chmod(0o644)
    (tmp_path / "clients" / "one.key").write_text("nothing")
    (tmp_path / "clients" / "two.key").write_bytes(keys.secret("friend").read_bytes())
    (tmp_path / "clients" / "notes.txt").write_text("is not looked at")
    with pytest.raises(ConfigError) as caught:
        keys.read()
    first, second, third = str(caught.value).splitlines()
    assert first.startswith("security.server_key: ")
    assert "chmod 600" in first
    assert "one.key: holds no line public-key" in second
    assert "two.key: holds a secret key" in third


def test_one_key_of_two_is_refused_by_a_subscriber(tmp_path: Path) -> None:
    keys = Keys.made(tmp_path)
    with pytest.raises(ValueError, match="allowed: both or none"):
        Subscriber("tcp://127.0.0.1:1", key=keys.secret("friend"))

"""The doorkeeper, asked as libzmq asks: it says no to all that is odd, and lives on."""

from collections.abc import Iterator

import pytest
import zmq
from zmq.utils import z85

from instrd.daemon.zap import Doorkeeper

FRIEND = z85.encode(bytes(range(32)))
GOOD = (b"1.0", b"7", b"instrd", b"10.0.0.3", b"", b"CURVE", bytes(range(32)))


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Door:
    """A doorkeeper and somebody who knocks."""

    def __init__(self, keeper: Doorkeeper, knocker: zmq.Socket[bytes]) -> None:
        self.keeper = keeper
        self._knocker = knocker

    def knock(self, *request: bytes) -> list[bytes]:
        self._knocker.send_multipart([b"", *request])
        self.keeper.answer()
        assert self._knocker.poll(5000)
        return self._knocker.recv_multipart()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Iterator[Door]:
    with (
        zmq.Context() as context,
        Doorkeeper(context, {FRIEND: "friend"}, clock) as keeper,
        context.socket(zmq.DEALER) as knocker,
    ):
        knocker.linger = 0
        knocker.connect("inproc://zeromq.zap.01")
        yield Door(keeper, knocker)


def test_a_known_key_comes_in_under_its_name(door: Door) -> None:
    assert door.knock(*GOOD) == [b"", b"1.0", b"7", b"200", b"OK", b"friend", b""]
    assert door.keeper.refused == 0


@pytest.mark.parametrize(
    "request_",
    [
        (*GOOD[:6], bytes(32)),
        (*GOOD[:6], b"short"),
        (*GOOD[:6], b""),
        GOOD[:6],
        (*GOOD, b"more"),
        (b"2.0", *GOOD[1:]),
        (*GOOD[:2], b"elsewhere", *GOOD[3:]),
        (*GOOD[:2], b"", *GOOD[3:]),
        (*GOOD[:5], b"NULL"),
        (*GOOD[:5], b"PLAIN", b"admin", b"admin"),
        (b"1.0",),
        (b"\xff" * 300, b"\xff", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff"),
    ],
)
def test_whatever_else_is_refused_and_the_next_friend_comes_in(
    door: Door, request_: tuple[bytes, ...]
) -> None:
    assert door.knock(*request_)[3] in {b"400", b"500"}
    assert door.keeper.refused == 1
    assert door.knock(*GOOD)[3] == b"200"


class Raising(dict[bytes, str]):
    def get(self, *_: object) -> str:
        raise ZeroDivisionError("defect")


def test_an_allow_list_that_raises_lets_nobody_in_and_ends_nothing(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.keeper.clients = Raising()
    assert door.knock(*GOOD)[3] == b"500"
    assert "defect" in caplog.text
    door.keeper.clients = {FRIEND: "friend"}
    assert door.knock(*GOOD)[3] == b"200"


def test_refusals_are_counted_and_told_once_in_a_while(
    door: Door, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        door.knock(*GOOD[:6], bytes(32))
    clock.now_s += 10.0
    door.knock(*GOOD[:6], bytes(32))
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "refused 1 connection(s), the last from 10.0.0.3 (unknown key); 1 since the start",
        "refused 50 connection(s), the last from 10.0.0.3 (unknown key); 51 since the start",
    ]

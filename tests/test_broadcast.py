"""The socket of the publishing process, here in this one."""

import time
from pathlib import Path

from keys import Keys

from instrd.clients.codec import encode
from instrd.clients.protocol import Level
from instrd.clients.subscriber import Subscriber
from instrd.daemon.publishing.broadcast import Broadcast
from instrd.daemon.publishing.messages import Keys as Guard
from instrd.daemon.publishing.messages import Publish, Setup

LEVEL = Level(seq=1, source="mic1", rms_dbfs=-20.0, peak_dbfs=-10.0, clipped=0)
MESSAGE = Publish("instrd/1/level/mic1/", encode(LEVEL))


def test_without_a_doorkeeper_nobody_comes_in(tmp_path: Path) -> None:
    keys = Keys.made(tmp_path)
    security = keys.read()
    guard = Guard(security.server.secret, dict(security.clients))
    with Broadcast(Setup(("tcp://127.0.0.1:*",), ("tcp://0.0.0.0:*",), guard)) as broadcast:
        (plain,), (secured,) = broadcast.bound.plain, broadcast.bound.secured
        broadcast.doorkeeper.__exit__()
        with keys.subscriber(secured, "friend") as friend, Subscriber(plain) as neighbour:
            while neighbour.receive(0.05) is None:
                broadcast.send(MESSAGE)
            deadline_s = time.monotonic() + 10
            while not friend.trouble and time.monotonic() < deadline_s:
                broadcast.send(MESSAGE)
                assert friend.receive(0.05) is None
            assert friend.trouble

"""The publisher over real sockets."""

import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
import zmq
from keys import Keys

from instrd.clients.codec import decode
from instrd.clients.protocol import AnyMessage, Bye, Event, Hello, Level, Model, State, Status
from instrd.daemon.publisher import Publisher, random_run

ANYWHERE = "tcp://127.0.0.1:*"
HERE = Path(__file__).parent


def golden(name: str) -> AnyMessage:
    found = (HERE / "golden" / f"{name}.json").read_bytes()
    return decode(bytes(msgspec.json.decode(found, type=tuple[str, msgspec.Raw])[1]))


def level(source: str = "mic1", rms_dbfs: float = -20.0) -> Level:
    return Level(source=source, rms_dbfs=rms_dbfs, peak_dbfs=-10.0, clipped=0)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with Publisher([ANYWHERE], node="foh", run="run1", clock_us=lambda: 123) as opened:
        yield opened


class Subscribers:
    """Bare sockets that close with the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._context = stack.enter_context(zmq.Context())

    def connect(self, endpoint: str, kind: int = zmq.SUB) -> zmq.Socket[bytes]:
        socket = self._stack.enter_context(self._context.socket(kind))
        socket.linger = 0
        socket.setsockopt(zmq.RCVHWM, 10)
        socket.connect(endpoint)
        return socket

    def subscribe(self, endpoint: str, prefix: str = "") -> zmq.Socket[bytes]:
        socket = self.connect(endpoint)
        socket.subscribe(prefix)
        return socket


@pytest.fixture
def subscribers() -> Iterator[Subscribers]:
    with ExitStack() as stack:
        yield Subscribers(stack)


def hear(
    publisher: Publisher, socket: zmq.Socket[bytes], count: int
) -> list[tuple[str, AnyMessage]]:
    """Wait until `count` messages have come; fail after 5 s."""
    heard: list[tuple[str, AnyMessage]] = []
    deadline = time.monotonic() + 5
    while len(heard) < count and time.monotonic() < deadline:
        publisher.tend()
        if socket.poll(10):
            topic, payload = socket.recv_multipart()
            heard.append((topic.decode(), decode(payload)))
    assert len(heard) == count
    return heard


def joined(publisher: Publisher, socket: zmq.Socket[bytes]) -> None:
    """Return once the subscription is known, and nothing is on its way."""
    deadline_s = time.monotonic() + 5
    while not socket.poll(10):
        publisher.publish(level("joined"))
        assert time.monotonic() < deadline_s
    last = publisher.publish(level("joined"))
    while hear(publisher, socket, 1)[0][1] != last:
        pass


def settled(publisher: Publisher, subscribers: Subscribers) -> None:
    """Return once all that was published has been sent: what joins now joins late."""
    joined(publisher, subscribers.subscribe(publisher.endpoints[0], "instrd/1/level/joined/"))


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_late_joiner_is_sent_what_is_retained_with_its_first_number(
    transport: str, tmp_path: Path, subscribers: Subscribers
) -> None:
    endpoint = ANYWHERE if transport == "tcp" else f"ipc://{tmp_path}/new/wire.ipc"
    with Publisher([endpoint], node="foh", run="run1") as publisher:
        for name in ("hello", "model", "status", "state", "state", "level", "frame"):
            publisher.publish(golden(name))
        settled(publisher, subscribers)
        socket = subscribers.subscribe(publisher.endpoints[0])
        heard = [message for _, message in hear(publisher, socket, 4)]
        assert [type(message) for message in heard] == [Hello, Model, Status, State]
        assert [message.seq for message in heard] == [1, 1, 1, 2]
        assert all(message.retained is True for message in heard)


def test_a_second_late_joiner_with_the_same_subscription_is_sent_it_too(
    publisher: Publisher, subscribers: Subscribers
) -> None:
    publisher.publish(golden("status"))
    for _ in range(2):
        hear(publisher, subscribers.subscribe(publisher.endpoints[0], "instrd/1/status/"), 1)


def test_a_late_joiner_is_sent_only_what_it_asked_for(
    publisher: Publisher, subscribers: Subscribers
) -> None:
    for source in ("mic1", "mic10"):
        publisher.publish(Status(source=source, status="running"))
    settled(publisher, subscribers)
    socket = subscribers.subscribe(publisher.endpoints[0], "instrd/1/status/mic1/")
    [(topic, _)] = hear(publisher, socket, 1)
    assert topic == "instrd/1/status/mic1/"
    assert not socket.poll(50)


def test_messages_are_stamped_and_counted_per_topic(publisher: Publisher) -> None:
    sent = [publisher.publish(level(source)) for source in ("mic1", "mic2", "mic1")]
    assert [message.seq for message in sent] == [1, 1, 2]
    assert {(m.node, m.run, m.v, m.t_pub_us) for m in sent} == {("foh", "run1", "1.0", 123)}


def test_last_seq_knows_the_event_topics_and_no_others(publisher: Publisher) -> None:
    event = golden("event")
    assert isinstance(event, Event)
    for message in (event, event, level(), golden("state")):
        publisher.publish(message)
    assert publisher.last_seq == {"instrd/1/event/stage-left/piano/": 2}


def test_a_subscriber_that_does_not_read_loses_messages_sees_it_and_delays_nobody(
    publisher: Publisher, subscribers: Subscribers
) -> None:
    socket = subscribers.subscribe(publisher.endpoints[0])
    joined(publisher, socket)
    slowest_s = 0.0
    status = Status(source="mic1", status="running", detail="x" * 4000)
    # as much as no buffer on the way can hold
    for _ in range(6000):
        start_s = time.monotonic()
        publisher.publish(status)
        slowest_s = max(slowest_s, time.monotonic() - start_s)
    numbers = []
    while socket.poll(300):
        numbers.append(decode(socket.recv_multipart()[1]).seq)
    assert numbers[0] == 1
    assert len(numbers) < 6000
    assert slowest_s < 1.0


def test_the_bye_goes_out_although_the_publisher_closes_at_once(
    subscribers: Subscribers,
) -> None:
    with Publisher([ANYWHERE], node="foh", run="run1") as publisher:
        socket = subscribers.subscribe(publisher.endpoints[0])
        joined(publisher, socket)
        publisher.publish(Bye(reason="SIGTERM", exit_code=0))
    assert socket.poll(2000)
    assert decode(socket.recv_multipart()[1]).seq == 1


def test_garbage_from_subscribers_does_not_disturb(
    publisher: Publisher, subscribers: Subscribers
) -> None:
    rude = subscribers.connect(publisher.endpoints[0], zmq.XSUB)
    for notice in (b"", b"\x07", b"\x01\xff\xfe", b"\x00unknown", b"{}", b"\x01" + b"a" * 900):
        rude.send(notice)
    joined(publisher, subscribers.subscribe(publisher.endpoints[0]))


def test_two_starts_have_different_names() -> None:
    assert random_run() != random_run()


def test_the_client_in_the_docs_follows_a_running_publisher(publisher: Publisher) -> None:
    client = client_in_the_docs("tcp://127.0.0.1:5570")
    client = client.replace("tcp://127.0.0.1:5570", publisher.endpoints[0])
    assert first_line_of(client, publisher) == "stage-left piano on 0.81\n"


def test_the_client_with_keys_in_the_docs_follows_a_secured_publisher(tmp_path: Path) -> None:
    keys = Keys.made(tmp_path)
    endpoints = ["tcp://0.0.0.0:*"]
    with Publisher(endpoints, node="foh", run="run1", security=keys.read()) as publisher:
        port = publisher.endpoints[0].rpartition(":")[2]
        client = client_in_the_docs("tcp://studio:5571")
        for shown, real in (
            ("tcp://studio:5571", f"tcp://127.0.0.1:{port}"),
            ("studio.key", str(keys.public("server"))),
            ("stage.key_secret", str(keys.secret("friend"))),
        ):
            client = client.replace(shown, real)
        assert first_line_of(client, publisher) == "piano\n"


def test_the_loops_over_a_subscriber_in_the_docs_follow_a_running_publisher(
    publisher: Publisher,
) -> None:
    first, second = (one for one in examples_in_the_docs() if "with Subscriber(" in one)
    imports = first.partition("with ")[0]
    for client in (first, imports + second):
        here = client.replace("tcp://127.0.0.1:5570", publisher.endpoints[0])
        assert first_line_of(here, publisher) == "stage-left piano on\n"


def client_in_the_docs(endpoint: str) -> str:
    """Return the first example that connects a bare socket to the endpoint."""
    return next(one for one in examples_in_the_docs() if f'connect("{endpoint}")' in one)


def examples_in_the_docs() -> list[str]:
    page = (HERE.parent / "docs" / "protocol.md").read_text(encoding="utf-8")
    return [part.split("```")[0] for part in page.split("```python\n")[1:]]


def first_line_of(client: str, publisher: Publisher) -> str:
    """Run a client beside a publisher of events until it prints a line."""
    command = [sys.executable, "-c", client]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        deadline = time.monotonic() + 10
        while not select.select([process.stdout], [], [], 0.02)[0]:
            publisher.tend()
            publisher.publish(golden("event"))
            if time.monotonic() > deadline:
                process.kill()  # its silence then reads as an empty line
        line = process.stdout.readline()
        process.kill()
    return line


def test_every_payload_is_plain_json_for_other_languages(
    publisher: Publisher, subscribers: Subscribers
) -> None:
    socket = subscribers.subscribe(publisher.endpoints[0])
    joined(publisher, socket)
    publisher.publish(level())
    topic, payload = socket.recv_multipart()
    assert topic == b"instrd/1/level/mic1/"
    assert json.loads(payload)["rms_dbfs"] == -20.0

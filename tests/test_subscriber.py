"""The subscriber: losses counted, copies dropped, death noticed; and its lines of text."""

import json
import math
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import zmq
from msgspec import UNSET

from instrd.clients.codec import decode, encode, topic
from instrd.clients.protocol import AnyMessage, Bye, Event, Gap, Heartbeat, Level, State, Status
from instrd.clients.subscriber import WAKE_S, Subscriber
from instrd.clients.tail import json_lines, lines

HERE = Path(__file__).parent


def golden(name: str) -> AnyMessage:
    found = (HERE / "golden" / f"{name}.json").read_bytes()
    return decode(bytes(msgspec.json.decode(found, type=tuple[str, msgspec.Raw])[1]))


class FakeDaemon:
    """Sends whatever a test wants, with the numbers a test wants."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self.endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def wait_for_subscriptions(self, count: int) -> list[bytes]:
        found = []
        for _ in range(count):
            assert self._socket.poll(5000)
            found.append(self._socket.recv())
        return found

    def send(self, *messages: AnyMessage) -> None:
        for message in messages:
            self.send_raw(topic(message).encode(), encode(message))

    def send_raw(self, *parts: bytes) -> None:
        self._socket.send_multipart(parts)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")
        yield FakeDaemon(socket)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def subscriber(daemon: FakeDaemon, clock: Clock) -> Iterator[Subscriber]:
    with Subscriber(daemon.endpoint, clock_s=clock) as opened:
        daemon.wait_for_subscriptions(1)
        yield opened


def level(seq: int, source: str = "mic1", run: str = "run1") -> Level:
    return Level(run=run, seq=seq, source=source, rms_dbfs=-20.0, peak_dbfs=-9.0, clipped=0)


def beat(seq: int, uptime_s: float = 1.0, **last_seq: int) -> Heartbeat:
    topics = {f"instrd/1/event/mic1/{label}/": last for label, last in last_seq.items()}
    return Heartbeat(run="run1", seq=seq, uptime_s=uptime_s, sources={}, last_seq=topics)


def event(seq: int) -> AnyMessage:
    return msgspec.structs.replace(golden("event"), run="run1", seq=seq, source="mic1")


def take(subscriber: Subscriber, count: int) -> list[AnyMessage]:
    heard = [subscriber.receive(5) for _ in range(count)]
    assert subscriber.receive(0) is None
    return [message for message in heard if message is not None]


BYE = Bye(run="run1", seq=1, reason="SIGTERM", exit_code=0)


def test_iteration_ends_with_the_bye(daemon: FakeDaemon, subscriber: Subscriber) -> None:
    daemon.send(level(1), BYE, level(2))
    assert list(subscriber) == [level(1), BYE]
    assert subscriber.ended
    assert not subscriber.alive


def test_a_new_run_after_the_bye_is_followed(daemon: FakeDaemon, subscriber: Subscriber) -> None:
    daemon.send(level(7), BYE, level(1, run="run2"))
    assert take(subscriber, 3)[-1] == level(1, run="run2")
    assert not subscriber.ended
    assert not subscriber.lost


def test_a_run_that_was_killed_does_not_keep_the_bye_of_the_next_from_ending(
    daemon: FakeDaemon, subscriber: Subscriber, clock: Clock
) -> None:
    daemon.send(level(1, run="killed"))
    take(subscriber, 1)
    clock.now_s += 60
    daemon.send(BYE)
    take(subscriber, 1)
    assert subscriber.ended


def test_losses_are_counted_by_topic(daemon: FakeDaemon, subscriber: Subscriber) -> None:
    daemon.send(level(5), level(1, "mic2"), level(6), level(9), level(2, "mic2"))
    take(subscriber, 5)
    assert subscriber.lost == {"instrd/1/level/mic1/": 2}


def test_a_copy_for_a_late_joiner_is_seen_once(daemon: FakeDaemon, subscriber: Subscriber) -> None:
    status = Status(run="run1", seq=3, source="mic1", status="running")
    copy = msgspec.structs.replace(status, retained=True)
    daemon.send(copy, status, copy)
    assert take(subscriber, 1) == [copy]


def test_a_heartbeat_gives_away_a_lost_last_event(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    daemon.send(beat(1, piano=4, drum=9), event(5), beat(2, piano=7, drum=9, violin=1))
    take(subscriber, 3)
    assert subscriber.lost == {
        "instrd/1/event/mic1/piano/": 2,
        "instrd/1/event/mic1/violin/": 1,
    }


def test_events_that_were_not_asked_for_are_not_lost(daemon: FakeDaemon) -> None:
    with Subscriber(daemon.endpoint, sources=["mic2"]) as subscriber:
        daemon.wait_for_subscriptions(7)
        daemon.send(beat(1, piano=4), beat(2, piano=7))
        take(subscriber, 2)
        assert not subscriber.lost


def test_a_publisher_without_heartbeat_for_3_s_is_dead(
    daemon: FakeDaemon, subscriber: Subscriber, clock: Clock
) -> None:
    life = [subscriber.alive]
    daemon.send(beat(1))
    take(subscriber, 1)
    for later_s in (2.9, 0.2):
        clock.now_s += later_s
        life.append(subscriber.alive)
    assert life == [False, True, False]
    assert subscriber.heartbeat_age_s == pytest.approx(3.1)


def test_who_waits_long_looks_often_so_that_a_heartbeat_looks_no_older_than_it_is(
    subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    monkeypatch.setattr(subscriber, "_ready", looks.append)
    assert subscriber.receive(0.01) is None
    assert looks[0] == 0.01
    looks.clear()
    monkeypatch.setattr(time, "monotonic", iter(range(100)).__next__)
    assert subscriber.receive(10.0) is None
    assert looks[:2] == [WAKE_S, WAKE_S]


def test_a_heartbeat_that_waited_to_be_read_does_not_bring_the_dead_to_life(
    daemon: FakeDaemon, subscriber: Subscriber, clock: Clock
) -> None:
    daemon.send(beat(1, uptime_s=1.0))
    take(subscriber, 1)
    clock.now_s += 8
    daemon.send(beat(2, uptime_s=2.0))
    assert subscriber._poller.poll(5000)  # it waits before anybody looks
    take(subscriber, 1)
    assert subscriber.heartbeat_age_s == pytest.approx(7.0)
    assert not subscriber.alive


def test_a_heartbeat_that_had_to_be_waited_for_is_new_whatever_its_uptime_says(
    daemon: FakeDaemon, subscriber: Subscriber, clock: Clock
) -> None:
    daemon.send(beat(1, uptime_s=1.0))
    take(subscriber, 1)
    clock.now_s += 8  # in which the daemon's machine slept
    assert subscriber.receive(0) is None
    daemon.send(beat(2, uptime_s=2.0))
    take(subscriber, 1)
    assert subscriber.alive


def test_what_cannot_be_read_is_counted_and_passed_over(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    daemon.send_raw(b"instrd/1/later/mic1/", b'{"type":"later"}')
    daemon.send_raw(b"instrd/1/level/mic1/")
    daemon.send_raw(topic(level(1)).encode(), encode(level(1)), b"a further part")
    assert take(subscriber, 1) == [level(1)]
    assert subscriber.invalid == 2


def test_a_flood_of_what_is_passed_over_does_not_prolong_the_wait(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    daemon.send(level(1))
    take(subscriber, 1)
    for _ in range(20):
        daemon.send_raw(b"instrd/1/later/mic1/", b'{"type":"later"}')
        daemon.send(level(1))
    deadline = time.monotonic() + 5
    while subscriber.invalid < 20 and time.monotonic() < deadline:
        before = subscriber.invalid
        assert subscriber.receive(0) is None
        assert subscriber.invalid <= before + 1  # whoever asks is answered one by one
    assert subscriber.invalid == 20


def test_without_a_time_it_waits_until_something_comes(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    for timeout_s in (None, math.inf, 1e300):
        later = threading.Timer(0.05, daemon.send, [level(int(time.monotonic_ns()))])
        later.start()
        assert subscriber.receive(timeout_s) is not None
        later.join()


def test_a_subscriber_that_was_closed_says_so(daemon: FakeDaemon, subscriber: Subscriber) -> None:
    subscriber.close()
    subscriber.close()
    with pytest.raises(ValueError, match="was closed"):
        subscriber.receive(0)
    with pytest.raises(ValueError, match="was closed"):
        next(iter(subscriber))


@pytest.mark.parametrize("source", ["", "Mic 1", "mic1/", "m" * 33])
def test_a_source_that_cannot_be_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"got sources 'mic1', .*; allowed: each 1 to 32 of a-z"):
        Subscriber(sources=["mic1", source])


def test_no_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="got no endpoint"):
        Subscriber([])


def test_subscriptions_follow_sources_and_kinds_and_heartbeats_always_come(
    daemon: FakeDaemon,
) -> None:
    with Subscriber(daemon.endpoint, sources=["mic1", "mic2"], kinds=["event"]):
        assert daemon.wait_for_subscriptions(3) == [
            b"\x01instrd/1/event/mic1/",
            b"\x01instrd/1/event/mic2/",
            b"\x01instrd/1/sys/",
        ]


def test_one_source_and_one_kind_need_no_list(daemon: FakeDaemon) -> None:
    with Subscriber(daemon.endpoint, sources="mic1", kinds="event"):
        assert daemon.wait_for_subscriptions(2) == [
            b"\x01instrd/1/event/mic1/",
            b"\x01instrd/1/sys/",
        ]


def test_an_unknown_kind_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ValueError, match="unknown kind sound; allowed: frame, event"):
        Subscriber(kinds=["sound"])


@pytest.mark.parametrize("endpoint", ["nowhere", "ipc:///nowhere\udcff"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ConnectionError, match=r"cannot connect to '(ipc:///)?nowhere"):
        Subscriber(endpoint)


def test_lines_tell_what_begins_and_ends(daemon: FakeDaemon, subscriber: Subscriber) -> None:
    on = event(1)
    assert isinstance(on, Event)
    off = msgspec.structs.replace(
        on, seq=2, event="off", t_off_us=on.t_on_us + 3_200_000, end_reason="decay"
    )
    status = Status(run="run1", seq=1, source="mic1", status="running", description="evil \x1b[2J")
    paused = Status(run="run1", seq=1, source="mic2", status="running", detail="paused")
    daemon.send(status, level(1), on, off, paused, BYE)
    told = list(lines(subscriber))
    assert len(told) == 5
    assert told[0].endswith("mic1            running  evil ?[2J")
    assert told[1].endswith("mic1            piano         on   p_peak 0.81")
    assert told[2].endswith("mic1            piano         off  p_mean 0.77  after 3.2 s (decay)")
    assert told[3].endswith("mic2            running  paused")
    assert told[4].endswith("instrd          bye: SIGTERM")


def test_lines_begin_with_what_sounds_already(daemon: FakeDaemon, subscriber: Subscriber) -> None:
    state = golden("state")
    assert isinstance(state, State)
    state = msgspec.structs.replace(state, run="run1", source="mic1", retained=True)
    quiet = msgspec.structs.replace(state, source="mic2", active=())
    later = msgspec.structs.replace(state, seq=state.seq + 1, retained=UNSET)
    daemon.send(state, quiet, later, BYE)
    began = datetime.fromtimestamp(state.active[0].t_on_us / 1e6, UTC).astimezone()
    begins, bye = lines(subscriber)
    assert begins.endswith(f"mic1            sounding: piano since {began:%H:%M:%S}")
    assert "bye" in bye


def test_lines_tell_losses_in_seconds_and_a_pause_as_no_loss(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    gap = golden("gap")
    assert isinstance(gap, Gap)
    lost = msgspec.structs.replace(gap, run="run1", seq=1, count=66_150, rate_hz=44_100)
    paused = msgspec.structs.replace(lost, seq=2, count=185_220, reason="paused")
    daemon.send(lost, paused, BYE)
    told = [line.split(maxsplit=2)[2] for line in lines(subscriber)]
    assert told[:2] == ["1.500 s lost (overrun)", "paused for 4.2 s"]


def test_lines_have_columns_as_wide_as_the_longest_source_needs(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    sources = ("a-source-with-a-long-id", "mic1")
    hello = msgspec.structs.replace(golden("hello"), run="run1", seq=1, sources=sources)
    ones = [Status(run="run1", seq=1, source=source, status="running") for source in sources]
    nobody = msgspec.structs.replace(hello, seq=0, sources=())
    daemon.send(nobody, hello, *ones, BYE)
    told = list(lines(subscriber))[1:]
    words = ("version", "running", "running", "bye")
    assert len({line.index(word) for line, word in zip(told, words, strict=True)}) == 1


def test_lines_go_on_after_times_and_numbers_that_are_too_large(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    for huge in (b'"t_pub_us":1000000000000000000', b'"seq":1' + b"0" * 30):
        payload = b'{"type":"bye","run":"run2","reason":"x","exit_code":0,%s}' % huge
        daemon.send_raw(topic(BYE).encode(), payload)
    daemon.send(msgspec.structs.replace(BYE, t_pub_us=253_402_214_399_999_999))
    assert [line[-12:] for line in lines(subscriber)] == ["his program?", "bye: SIGTERM"]
    assert subscriber.invalid == 2


def test_lines_as_json_tell_everything(daemon: FakeDaemon, subscriber: Subscriber) -> None:
    daemon.send(level(1), BYE)
    told = [json.loads(line) for line in json_lines(subscriber, warn=pytest.fail)]
    assert [(one["type"], one["seq"]) for one in told] == [("level", 1), ("bye", 1)]


def test_lines_as_json_keep_what_this_program_does_not_know(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    grown = encode(level(1)).replace(b"{", b'{"later": {"more":\n[1]}, ', 1)
    daemon.send_raw(topic(level(1)).encode(), grown)
    daemon.send_raw(b"instrd/1/later/mic1/", b'{"type":"later"}')
    daemon.send(BYE)
    warnings: list[str] = []
    first, _ = json_lines(subscriber, warnings.append)
    assert json.loads(first) == json.loads(grown)
    (warning,) = warnings
    assert warning.endswith(
        "instrd          some messages cannot be read: is instrd newer than this program?"
    )


def test_lines_say_when_the_heartbeat_stops(
    daemon: FakeDaemon, subscriber: Subscriber, clock: Clock
) -> None:
    daemon.send(beat(1), event(1))
    told = lines(subscriber)
    assert "piano" in next(told)
    clock.now_s += 3.1
    missing = next(told)
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3}  instrd          no heartbeat for 3 s: ", missing)
    clock.now_s += 4.0
    later = threading.Timer(0.4, daemon.send, [beat(2, uptime_s=8.1)])
    later.start()
    assert next(told).endswith("instrd          heartbeat again after 7 s")
    later.join()
    daemon.send(BYE)
    assert next(told).endswith("bye: SIGTERM")


def test_lines_say_once_that_messages_are_passed_over(
    daemon: FakeDaemon, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instrd.clients.books.MOST_RUNS", 1)
    daemon.send(beat(1), level(1, run="run2"), level(2, run="run2"), BYE)
    surplus, bye = lines(subscriber)
    assert "more runs or topics than can be followed" in surplus
    assert bye.endswith("bye: SIGTERM")


def test_lines_tell_of_a_model_once_and_of_another(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    base = msgspec.structs.replace(golden("model"), run="run1", seq=1)
    masked = msgspec.structs.replace(base, seq=2)
    other = msgspec.structs.replace(base, seq=3, name="other")
    daemon.send(base, masked, other, BYE)
    first, second, _ = lines(subscriber)
    assert "model base on cpu: " in first
    assert "model other on cpu: " in second


def test_lines_say_once_that_nothing_has_been_heard_at_all(
    daemon: FakeDaemon, subscriber: Subscriber, clock: Clock
) -> None:
    told = lines(subscriber)
    daemon.send(event(1))
    assert "piano" in next(told)
    clock.now_s += 3.1
    assert next(told).endswith(
        f"nothing heard from {daemon.endpoint} yet: is instrd running, is the address right?"
    )
    daemon.send(event(2), beat(1), BYE)
    assert "piano" in next(told)
    assert next(told).endswith("bye: SIGTERM")


def test_lines_tell_what_keeps_a_connection_from_coming_about_and_no_more(
    daemon: FakeDaemon, subscriber: Subscriber, clock: Clock
) -> None:
    assert subscriber.receive(0) is None  # looks at the handshake
    subscriber._handshakes.trouble = "hangs up"
    told = lines(subscriber)
    assert next(told).endswith("instrd          hangs up")
    clock.now_s += 3.1
    daemon.send(event(1))
    assert "piano" in next(told)


def test_a_fault_that_stands_beside_a_living_daemon_is_told_once(
    daemon: FakeDaemon, subscriber: Subscriber
) -> None:
    assert subscriber.receive(0) is None  # looks at the handshake
    told = lines(subscriber)
    daemon.send(beat(1), event(1))
    assert "piano" in next(told)
    subscriber._handshakes.trouble = "hangs up"
    daemon.send(event(2), event(3))
    rest = [next(told) for _ in range(3)]
    assert ["hangs up" in line for line in rest].count(True) == 1

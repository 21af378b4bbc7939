"""Control over real sockets: answers, errors that are replies, garbage that does nothing."""

import os
import socket as sockets
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import zmq
from fuzz_control import target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instrd.clients.control import ControlError, Reply, Request, default_endpoint, request
from instrd.daemon.control import ControlSocket, encoded
from instrd.daemon.errors import InstrdError, WireError


def set_model(asked: Request) -> dict[str, Any]:
    if asked.model != "base":
        raise InstrdError(f"no model {asked.model}; allowed: base")
    return {"model": asked.model}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Random], str]]:
    with target(tmp_path_factory.mktemp("bundles")) as take:
        yield take


def never(asked: Request) -> dict[str, Any]:
    raise AssertionError(f"{asked} is refused before it gets here")


COMMANDS = {
    "ping": lambda _: {"pong": True},
    "set_model": set_model,
    **dict.fromkeys(("pause", "set_mask", "set_thresholds"), never),
}


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path}/run/control.ipc"


@pytest.fixture
def control(endpoint: str) -> Iterator[ControlSocket]:
    with ControlSocket(endpoint) as opened:
        yield opened


@pytest.fixture
def asker(control: ControlSocket) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(control.endpoint)
        yield socket


def ask(control: ControlSocket, asker: zmq.Socket[bytes], *parts: bytes) -> Reply:
    asker.send_multipart(parts)
    deadline = time.monotonic() + 5
    while not asker.poll(5) and time.monotonic() < deadline:
        control.answer(COMMANDS)
    return msgspec.json.decode(asker.recv_multipart(zmq.NOBLOCK)[-1], type=Reply)


def test_a_command_is_answered_with_its_result(
    control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    reply = ask(control, asker, b'{"v":"1.0","id":"7","cmd":"set_model","model":"base"}')
    assert reply == Reply(id="7", ok=True, result={"model": "base"})


def test_a_req_socket_is_answered_with_its_delimiter(
    control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    assert ask(control, asker, b"", b'{"id":"7","cmd":"ping"}').ok


def test_a_command_that_fails_answers_with_its_sentence(
    control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    reply = ask(control, asker, b'{"id":"7","cmd":"set_model","model":"best"}')
    assert reply == Reply(id="7", ok=False, error="no model best; allowed: base")


def test_a_reply_with_a_path_that_is_no_text_is_sent_all_the_same() -> None:
    path = os.fsdecode(b"/caf\xe9/x.toml")
    wrong = Reply(id="7", ok=False, error=f"{path}: cannot be read")
    odd = Reply(id="7", ok=True, result={"at": path})
    sent = [msgspec.json.decode(encoded(reply), type=Reply) for reply in (wrong, odd)]
    assert [(one.id, one.ok, one.error) for one in sent] == [
        ("7", False, "/caf?/x.toml: cannot be read"),
        ("7", False, "the result holds what is no text"),
    ]


def test_an_unknown_command_is_told_which_are_allowed(
    control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    reply = ask(control, asker, b'{"id":"7","cmd":"explode"}')
    assert reply.error == f"unknown command 'explode'; allowed: {', '.join(COMMANDS)}"


@pytest.mark.parametrize("question", [b"", b"\xff", b"GET / HTTP/1.1", b"[" * 60_000, b"[]"])
def test_what_is_no_object_gets_an_error_reply(
    question: bytes, control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    reply = ask(control, asker, question)
    assert reply == Reply(id="", ok=False, error="not a request: allowed is one JSON object")
    assert ask(control, asker, b'{"cmd":"ping"}').ok


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (b'"cmd":"ping","extra":1', "ping: got key extra, allowed: none"),
        (b'"cmd":"ping","model":"base"', "ping: got key model, allowed: none"),
        (b'"cmd":"set_model","source":"mic"', "set_model: got key source, allowed: model"),
        (b'"cmd":"set_model","model":"../../x"', 'model: got "../../x", allowed: the name of a'),
        (
            b'"cmd":"set_model","model":"My"',
            'got "My", allowed: the name of a bundle, never a path',
        ),
        (b'"cmd":"pause","source":""', 'source: got "", allowed: the id of a source'),
        (b'"cmd":"set_mask","labels":["a/b"]', 'labels: got ["a/b"], allowed: a list of labels'),
        (
            b'"cmd":"set_thresholds","thresholds_on":{"piano":1.5}',
            'thresholds_on: got {"piano":1.5}, allowed: an object of label and probability',
        ),
        (b'"cmd":"set_mask","labels":"' + b"x" * 500 + b'"', "xxx..., allowed: a list of labels"),
        (b'"cmd":7', "cmd: got 7, allowed: text"),
        (b'"v":"2.0","cmd":"ping","later":1', "got version 2.0, allowed 1.0"),
        (b'"cmd":""', "unknown command ''; allowed: ping"),
        (b'"v":"1.0"', "unknown command ''; allowed: ping"),
    ],
)
def test_what_is_wrong_in_a_request_is_one_sentence_under_its_id(
    keys: bytes, told: str, control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    reply = ask(control, asker, b'{%s,"id":"7"}' % keys)
    assert (reply.id, reply.ok) == ("7", False)
    assert told in str(reply.error)


def test_an_id_that_is_none_is_told_under_an_empty_one(
    control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    reply = ask(control, asker, b'{"cmd":"ping","id":7}')
    assert reply == Reply(id="", ok=False, error="id: got 7, allowed: text of up to 64 characters")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(st.binary(max_size=60), min_size=1, max_size=4))
def test_garbage_does_not_disturb_the_next_command(
    parts: list[bytes], control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    asker.send_multipart(parts)
    asker.send(b'{"id":"after","cmd":"ping"}')
    deadline = time.monotonic() + 5
    heard = ""
    while heard != "after" and time.monotonic() < deadline:
        control.answer(COMMANDS)
        if asker.poll(5):
            heard = msgspec.json.decode(asker.recv_multipart()[-1], type=Reply).id
    assert heard == "after"


@settings(max_examples=200, deadline=None)
@given(rng=st.randoms(use_true_random=False))
def test_whatever_is_asked_gets_a_reply_and_changes_nothing_where_it_is_refused(
    rng: Random, service: Callable[[Random], str]
) -> None:
    service(rng)


def test_an_oversized_request_is_dropped_and_the_next_asker_is_answered(
    control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as rude:
        rude.linger = 0
        rude.connect(control.endpoint)
        rude.send(b'{"cmd":"ping","id":"' + b"x" * 70_000 + b'"}')
        assert ask(control, asker, b'{"cmd":"ping"}').ok
        assert not rude.poll(100)


def test_one_call_answers_one_request_so_that_the_stream_goes_on(
    control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    called: list[Request] = []

    def count(asked: Request) -> dict[str, Any]:
        called.append(asked)
        return {}

    for _ in range(90):
        asker.send(b'{"cmd":"ping"}')
    deadline = time.monotonic() + 5
    answers = 0
    while len(called) < 90 and time.monotonic() < deadline:
        answers += control.answer({"ping": count})
    assert len(called) == answers == 90


def test_the_directory_is_closed_to_others(control: ControlSocket, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_a_directory_open_to_others_is_refused(endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o755)
    with pytest.raises(WireError, match="another folder, or `chmod 700` it where nobody else"):
        ControlSocket(endpoint)


def test_a_second_daemon_does_not_take_the_path_over(
    control: ControlSocket, asker: zmq.Socket[bytes]
) -> None:
    with pytest.raises(WireError, match="held by another instrd"):
        ControlSocket(control.endpoint)
    assert ask(control, asker, b'{"cmd":"ping"}').ok


def test_control_is_never_on_tcp() -> None:
    with pytest.raises(WireError, match="only ipc://"):
        ControlSocket("tcp://127.0.0.1:5571")


def test_a_client_gets_the_reply(control: ControlSocket) -> None:
    replies: list[Reply] = []
    client = threading.Thread(
        target=lambda: replies.append(request(control.endpoint, "set_model", model="base"))
    )
    client.start()
    while client.is_alive():
        control.answer(COMMANDS)
    assert replies[0].result == {"model": "base"}


def test_a_client_without_a_daemon_is_told_so_in_time(endpoint: str) -> None:
    with pytest.raises(ControlError, match=r"no socket is there.* is instrd running"):
        request(endpoint, "ping", timeout_s=600.0)


def test_a_client_of_a_daemon_that_was_killed_is_told_so_in_time(endpoint: str) -> None:
    path = Path(endpoint.removeprefix("ipc://"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with sockets.socket(sockets.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(ControlError, match=r"within 0\.05 s; is instrd running"):
        request(endpoint, "ping", timeout_s=0.05)


def test_the_default_path_is_absolute_and_short_enough() -> None:
    endpoint = default_endpoint()
    assert endpoint.startswith("ipc:///")
    assert endpoint.endswith("/instrd/control.ipc")

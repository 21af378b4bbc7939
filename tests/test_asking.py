"""`instrd ask` carries a command to a running instrd and its answer back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from program import call

from instrd.clients.control import Reply, Request
from instrd.daemon import asking
from instrd.daemon.control import ControlSocket
from instrd.daemon.errors import InstrdError

Capture = pytest.CaptureFixture[str]


class Answering:
    """A control socket that keeps what it was asked."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.asked: list[Request] = []

    def take(self, request: Request) -> dict[str, Any]:
        self.asked.append(request)
        if request.model == "nothing":
            raise InstrdError("nothing: is not there")
        return {"did": request.cmd}


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    made, stop = Answering(f"ipc://{tmp_path}/run/control.ipc"), Event()
    names = ("pause", "set_model", "set_mask", "set_thresholds", "shutdown")
    commands: dict[str, Callable[[Request], dict[str, Any]]] = dict.fromkeys(names, made.take)
    with ControlSocket(made.endpoint) as socket:

        def serve() -> None:
            while not stop.wait(0.005):
                socket.answer(commands)

        thread = Thread(target=serve)
        thread.start()
        yield made
        stop.set()
        thread.join()


def test_a_command_is_carried_and_its_answer_printed(answering: Answering, capsys: Capture) -> None:
    connect = ("--connect", answering.endpoint)
    assert call("ask", "pause", "--source", "mic", *connect) == 0
    assert json.loads(capsys.readouterr().out) == {"did": "pause"}
    assert call("ask", "set_mask", "--labels", "piano, guitar", *connect) == 0
    thresholds = ("--on", "piano=0.7", "--on", "drum=0.8", "--off", "drum=0.5")
    assert call("ask", "set_thresholds", *thresholds, *connect) == 0
    paused, masked, changed = answering.asked
    assert (paused.cmd, paused.source) == ("pause", "mic")
    assert masked.labels == ("piano", "guitar")
    assert changed.thresholds_on == {"piano": 0.7, "drum": 0.8}
    assert changed.thresholds_off == {"drum": 0.5}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("set_model", "--model", "nothing"), "instrd: nothing: is not there"),
        (("dance",), "unknown command 'dance'; allowed: ping"),
        (("set_thresholds", "--on", "piano"), "--on: got 'piano', allowed: LABEL=PROBABILITY"),
        (("set_thresholds", "--on", "piano=nan"), "--on: got 'piano=nan', allowed: LABEL="),
        (("set_model", "--model", "../x"), 'model: got "../x", allowed: the name of a bundle'),
        (("pause", "--source", ""), 'source: got "", allowed: the id of a source'),
        (("set_mask", "--labels", ""), 'labels: got [""], allowed: a list of labels'),
        (("set_mask", "--on", "piano=0.5"), "set_mask: got key thresholds_on, allowed: labels"),
        (("shutdown", "--source", "mic"), "shutdown: got key source, allowed: none"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    answering: Answering, capsys: Capture, arguments: tuple[str, ...], told: str
) -> None:
    assert call("ask", *arguments, "--connect", answering.endpoint) == 2
    assert all(request.model == "nothing" for request in answering.asked)
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(("command", "wait_s"), [("set_model", 60.0), ("ping", 2.0)])
def test_what_may_take_long_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, command: str, wait_s: float
) -> None:
    waited: list[float] = []

    def request(_: str, cmd: str, *, timeout_s: float) -> Reply:
        waited.append(timeout_s)
        return Reply(id="", ok=True, result={"cmd": cmd})

    monkeypatch.setattr(asking, "request", request)
    assert call("ask", command) == 0
    assert waited == [wait_s]


def test_without_an_instrd_it_says_so(tmp_path: Path, capsys: Capture) -> None:
    none = ("--connect", f"ipc://{tmp_path}/none")
    assert call("ask", "set_model", *none) == 2  # at once, not after its minute
    assert "no socket is there, or its folder is closed to you" in capsys.readouterr().err
    assert call("ask", "pign", *none) == 2
    assert "unknown command 'pign'; allowed: ping" in capsys.readouterr().err

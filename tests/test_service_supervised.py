"""A supervisor hears of a whole service what it needs to know, and no more."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from notify_socket import NotifySocket
from program import started
from service_rig import RATE_HZ, Played, Rig
from sounds import silence

from instrd.clients.protocol import AnyMessage, Bye, Frame, Heartbeat
from instrd.daemon.errors import SourceError
from instrd.daemon.service import Chosen
from instrd.daemon.sources import Unbroken
from instrd.daemon.supervisor import Supervisor


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[NotifySocket]:
    with NotifySocket(tmp_path / "notify") as listening:
        yield listening


def test_a_program_under_a_watchdog_says_ready_alive_and_stopping(
    settings: Path, notified: NotifySocket
) -> None:
    environment = {"NOTIFY_SOCKET": notified.address, "WATCHDOG_USEC": "600000"}
    source = ["--source", "synth:?tones=440&seconds=2"]
    told = []
    with started("run", "--config", settings, *source, extra=environment) as daemon:
        deadline_s = time.monotonic() + 60
        while daemon.poll() is None and time.monotonic() < deadline_s:
            told += notified.told()
        told += notified.told()
        assert daemon.wait() == 0
    ready, *alive, stopping = told
    assert ready == {"READY": "1", "STATUS": "following synth"}
    assert stopping == {"STOPPING": "1", "STATUS": "stopping: all sources ended"}
    assert len(alive) > 3
    assert all(one == {"WATCHDOG": "1"} for one in alive)


def test_a_failure_is_told_before_the_end(rig: Rig, notified: NotifySocket) -> None:
    rig.service._supervisor = Supervisor({"NOTIFY_SOCKET": notified.address})
    error = SourceError("microphone: unplugged")
    with rig:
        rig.run(Played(silence(0.5, RATE_HZ), error=error))
    ready, stopping = notified.told()
    assert ready["READY"] == "1"
    assert stopping["STATUS"] == "stopping: source s0 failed: microphone: unplugged"
    bye = rig.messages[-1]
    assert isinstance(bye, Bye)
    assert bye.reason in stopping["STATUS"]


@pytest.mark.parametrize("may_wait", [False, True])
def test_only_a_pipe_may_wait_for_sound(rig: Rig, notified: NotifySocket, may_wait: bool) -> None:
    clock_s = [0.0]
    watchdog = {"NOTIFY_SOCKET": notified.address, "WATCHDOG_USEC": "3000000"}
    rig.service._supervisor = Supervisor(watchdog, lambda: clock_s[0])
    told = []

    def pass_time(message: AnyMessage) -> None:
        if isinstance(message, Heartbeat) and rig.service.followed["s0"].position == RATE_HZ:
            clock_s[0] += 2.0
            told.extend(notified.told())
            if clock_s[0] == 20.0:
                rig.ask("shutdown")

    rig.on_message = pass_time
    source = Unbroken(Played(silence(1.0, RATE_HZ), endless=True))
    chosen = Chosen(source, lossless=True, may_wait=may_wait)
    with rig:
        assert rig.service.run({"s0": chosen}, rig.commands) == 0
    alive = sum(one == {"WATCHDOG": "1"} for one in told)
    assert (alive >= 8) == may_wait
    assert any("no sound is analysed" in one.get("STATUS", "") for one in told) != may_wait


def test_a_paused_source_goes_on_moving(rig: Rig) -> None:
    def pause(message: AnyMessage) -> None:
        if isinstance(message, Frame):
            rig.ask("pause")

    rig.on_message = pause
    with rig:
        rig.run(Played(silence(2.0, RATE_HZ)))
    assert len(rig.of(Frame)) == 1
    assert rig.service.followed["s0"].position == 2 * RATE_HZ

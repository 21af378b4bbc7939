"""What systemd or the like is told over a real datagram socket."""

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from notify_socket import NotifySocket

from instrd.daemon.progress import STILL_S
from instrd.daemon.supervisor import Supervisor

ALIVE = {"WATCHDOG": "1"}


@dataclass
class Walker:
    """A source that moves when it is told to."""

    position: int = 0
    idle: bool = False


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[NotifySocket]:
    with NotifySocket(tmp_path / "notify") as listening:
        yield listening


def watched(notified: NotifySocket, clock: Clock, **environment: str) -> Supervisor:
    return Supervisor(
        {"NOTIFY_SOCKET": notified.address, "WATCHDOG_USEC": "30000000", **environment}, clock
    )


def live(
    supervisor: Supervisor, clock: Clock, seconds: float, *walkers: Walker, step: int = 1600
) -> None:
    """Turn ten times a second while the walkers go on by `step` each time."""
    for _ in range(round(10 * seconds)):
        clock.now_s += 0.1
        for walker in walkers:
            walker.position += step
        supervisor.turned({f"s{n}": walker for n, walker in enumerate(walkers)})


def test_a_life_is_ready_alive_and_stopping(notified: NotifySocket, clock: Clock) -> None:
    supervisor = watched(notified, clock)
    supervisor.ready("following s0")
    live(supervisor, clock, 60.5, Walker())
    supervisor.stopping("SIGTERM")
    ready, *alive, stopping = notified.told()
    assert ready == {"READY": "1", "STATUS": "following s0"}
    assert stopping == {"STOPPING": "1", "STATUS": "stopping: SIGTERM"}
    assert alive == 6 * [ALIVE]


def test_nothing_is_said_alive_while_hops_stand_still(
    notified: NotifySocket, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor, moving, standing = watched(notified, clock), Walker(), Walker()
    live(supervisor, clock, 1, moving, standing)
    assert notified.told() == [ALIVE]
    for _ in range(600):
        clock.now_s += 0.1
        moving.position += 1600
        supervisor.turned({"s0": moving, "s1": standing})
    status = "s1: no sound is analysed any more, the watchdog is not told"
    assert notified.told() == [{"STATUS": status}]
    assert status in caplog.text


def test_time_in_which_we_did_not_look_blames_no_source(
    notified: NotifySocket, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor, walker = watched(notified, clock), Walker()
    live(supervisor, clock, 3, walker)
    for _ in range(3):
        clock.now_s += 2 * STILL_S  # stopped, or kept by a command
        live(supervisor, clock, 1, walker, step=0)
        live(supervisor, clock, 1, walker)
    told = notified.told()
    assert ALIVE in told
    assert all(one == ALIVE for one in told)
    assert caplog.text == ""


def test_once_hops_go_on_it_is_said_at_once(notified: NotifySocket, clock: Clock) -> None:
    supervisor, walker = watched(notified, clock), Walker()
    live(supervisor, clock, 40, walker, step=0)
    notified.told()
    live(supervisor, clock, 0.1, walker)
    assert notified.told() == [{"STATUS": "sound is analysed again"}, ALIVE]


def test_a_source_may_be_idle_for_ever_and_has_its_time_afterwards(
    notified: NotifySocket, clock: Clock
) -> None:
    supervisor, walker = watched(notified, clock), Walker(idle=True)
    live(supervisor, clock, 95, walker, step=0)
    assert notified.told() == 10 * [ALIVE]
    walker.idle = False
    live(supervisor, clock, STILL_S - 0.2, walker, step=0)
    assert notified.told() == []
    live(supervisor, clock, 0.4, walker, step=0)
    assert [list(told) for told in notified.told()] == [["STATUS"]]


def test_a_socket_without_a_file_is_spoken_to(clock: Clock) -> None:
    with NotifySocket(f"@instrd-{secrets.token_hex(8)}") as notified:
        watched(notified, clock).ready("following s0")
        assert notified.told() == [{"READY": "1", "STATUS": "following s0"}]


def test_a_status_is_one_line(notified: NotifySocket, clock: Clock) -> None:
    watched(notified, clock).stopping("two\nWATCHDOG=trigger")
    assert notified.told() == [{"STOPPING": "1", "STATUS": "stopping: two WATCHDOG=trigger"}]


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_PID": str(os.getpid() + 1)},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
    ],
)
def test_a_watchdog_for_another_process_or_for_none_is_not_told(
    notified: NotifySocket, clock: Clock, environment: dict[str, str]
) -> None:
    live(watched(notified, clock, **environment), clock, 60, Walker())
    assert notified.told() == []


def test_a_watchdog_for_this_very_process_is_told(notified: NotifySocket, clock: Clock) -> None:
    supervisor = watched(notified, clock, WATCHDOG_PID=str(os.getpid()))
    live(supervisor, clock, 0.1, Walker())
    assert notified.told() == [ALIVE]


def test_nothing_is_said_where_nobody_asked(clock: Clock) -> None:
    supervisor = Supervisor({"WATCHDOG_USEC": "30000000"}, clock)
    supervisor.ready("following s0")
    live(supervisor, clock, 60, Walker())


@pytest.mark.parametrize("address", ["/nowhere/notify", "@nobody-listens", "vsock:2:1", "/a\0b"])
def test_a_supervisor_out_of_reach_costs_one_line(
    clock: Clock, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}, clock)
    supervisor.ready("following s0")
    live(supervisor, clock, 60, Walker())
    supervisor.stopping("SIGTERM")
    assert len(caplog.records) == 1
    assert "cannot be reached" in caplog.text


def test_a_supervisor_that_does_not_read_keeps_nobody(
    notified: NotifySocket, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = watched(notified, clock)
    began_s = time.monotonic()
    for _ in range(13):
        supervisor.ready("following s0")
    assert time.monotonic() - began_s < 2.0
    assert "timed out" in caplog.text


def test_what_we_start_inherits_nothing_of_it(notified: NotifySocket, clock: Clock) -> None:
    environment = {
        "NOTIFY_SOCKET": notified.address,
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/root",
    }
    Supervisor(environment, clock)
    assert environment == {"HOME": "/root"}

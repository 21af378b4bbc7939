"""A microphone that fails in every way, told by made-up processes and a made-up clock."""

import numpy as np
import pytest
from made_up_recorder import BLOCK, BLOCK_S, OPENED, RATE_HZ, USB, Machine, audio, statuses, told

from instrd.daemon.errors import DeviceError, SourceError
from instrd.daemon.recording.messages import Heard, Missing, Nothing
from instrd.daemon.sources import microphone as timing
from instrd.daemon.sources.flatness import FLAT_S
from instrd.daemon.sources.source import Block, Missed, Standing
from instrd.daemon.sources.source import Opened as Began


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "PAUSES_S", (0.0,))


def test_it_opens_then_runs_then_brings_its_samples() -> None:
    machine = Machine([OPENED, *audio()])
    microphone = machine.microphone()
    assert microphone.first_answer() is None
    began, running, block = (microphone.read() for _ in range(3))
    assert began == Began(RATE_HZ, 'microphone "USB"')
    assert running == Standing("running")
    assert isinstance(block, Block)
    assert block.samples.tolist() == [np.float32(0.1)] * BLOCK
    assert block.lost == 0


def test_when_its_process_dies_it_goes_on_in_a_new_epoch_and_the_time_between_is_missed() -> None:
    dead = DeviceError("its process ended (signal 9)")
    machine = Machine([OPENED, *audio(), dead], [0.5, OPENED, *audio()])
    microphone = machine.microphone()
    items = told(microphone, until="restarting")
    assert items[-1] == Standing("restarting", str(dead))
    missed, began, running = (microphone.read() for _ in range(3))
    assert missed == Missed(round(0.5 * RATE_HZ), "restarted")
    assert began == Began(RATE_HZ, 'microphone "USB"')
    assert running == Standing("running")
    assert machine.alive == 1


def test_it_is_opened_again_by_identity() -> None:
    dead = DeviceError("its process ended (signal 9)")
    machine = Machine([OPENED, *audio(), dead], [OPENED, *audio()])
    microphone = machine.microphone()
    told(microphone, until="restarting")
    told(microphone, until="running")
    assert [wanted.known for wanted in machine.started] == [None, USB]


def test_a_process_that_is_frozen_is_named_within_a_second_and_killed() -> None:
    machine = Machine([OPENED, *audio()])
    microphone = machine.microphone()
    told(microphone, until="stalled")
    assert machine.now_ns / 1e9 < 1.0 + 0.1 + 1.0
    assert machine.killed == 0
    told(microphone, until="restarting")
    assert machine.killed == 1
    assert machine.now_ns / 1e9 == pytest.approx(1.0 + 0.1 + timing.STUCK_S, abs=0.3)


def test_a_device_that_brings_nothing_for_long_is_opened_anew() -> None:
    machine = Machine([OPENED, *audio(), *[Nothing()] * 100], [OPENED, *audio()])
    microphone = machine.microphone()
    items = told(microphone, until="restarting") + told(microphone, until="running")
    assert statuses(items) == ["running", "stalled", "restarting", "running"]
    assert machine.killed == 0
    (missed,) = [item for item in items if isinstance(item, Missed)]
    assert missed.count / RATE_HZ == pytest.approx(timing.GONE_S, abs=0.3)


def test_audio_that_comes_again_in_time_goes_on_in_its_epoch_and_what_was_lost_stalled() -> None:
    nothing = [Nothing()] * 8
    machine = Machine([OPENED, *audio(), *nothing, *audio(lost=4000), *audio(lost=50)])
    items = told(machine.microphone(), 1 + 1 + 5 + 1 + 1 + 5 + 1)
    assert statuses(items) == ["running", "stalled", "running"]
    assert [(one.lost, one.reason) for one in items if isinstance(one, Block)] == [
        (4000, "stalled"),
        (50, "overflow"),
    ]


def test_what_the_daemon_did_not_read_in_time_is_its_own_fault() -> None:
    machine = Machine([OPENED, *audio(), *audio(lost=1, unread=640)])
    (lost,) = [item for item in told(machine.microphone(), 10) if isinstance(item, Block)]
    assert (lost.lost, lost.reason) == (641, "overrun")


def test_exact_zeros_are_flat_until_the_first_sound() -> None:
    machine = Machine([OPENED, *audio(FLAT_S + 1.0, level=0.0), *audio()])
    microphone = machine.microphone()
    assert statuses(told(microphone, until="flat")) == ["running", "flat"]
    assert machine.now_ns / 1e9 < 1.0 + 5.0
    assert statuses(told(microphone, until="running")) == ["running"]


def test_a_device_faster_than_sound_is_refused() -> None:
    block = Heard(np.ones(RATE_HZ, np.float32).tobytes(), 0, 0, 0)
    machine = Machine([OPENED, *[block] * 100])
    (*_, last) = told(machine.microphone(), until="restarting")
    assert isinstance(last, Standing)
    assert "1.5 times as fast" in last.detail


def test_a_device_is_not_too_fast_where_we_are_late() -> None:
    second = np.ones(RATE_HZ, np.float32).tobytes()
    waited = [Heard(second, 0, 0, (2 + n) * 10**9) for n in range(30)]
    machine = Machine([OPENED, *waited, *audio()])
    machine.now_ns += 30 * 10**9
    microphone = machine.microphone()
    items = [microphone.read() for _ in range(30)]
    assert statuses([item for item in items if item is not None]) == ["running"]


@pytest.mark.parametrize("level", [np.nan, np.inf, 1e30])
def test_what_is_no_sound_is_refused_and_tried_anew(level: float) -> None:
    machine = Machine([OPENED, *audio(), *audio(level=level)], [OPENED, *audio()])
    items = told(machine.microphone(), until="restarting")
    assert items[-1] == Standing(
        "restarting", "gives samples that are not finite numbers up to 100"
    )
    assert all(np.isfinite(item.samples).all() for item in items if isinstance(item, Block))


@pytest.mark.parametrize("before_s", [0.0, 0.1])
def test_what_is_refused_is_missed(before_s: float) -> None:
    refused = audio(BLOCK_S, level=np.nan)
    before = audio(before_s) if before_s else []
    machine = Machine([OPENED, *before, *refused], [0.5, OPENED, *audio()])
    microphone = machine.microphone()
    told(microphone, until="restarting" if before else "waiting")
    assert microphone.read() == Missed(round(0.5 * RATE_HZ) + BLOCK, "restarted")


def test_a_burst_is_no_steady_audio_so_that_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "STEADY_S", 1.0)
    dead = DeviceError("its process ended (signal 9)")
    burst = Heard(np.full(2 * RATE_HZ, 0.1, np.float32).tobytes(), 0, 0, 0)
    machine = Machine([OPENED, burst, dead], [OPENED, *audio(1.2), dead])
    microphone = machine.microphone()
    told(microphone, until="restarting")
    told(microphone, until="running")
    assert microphone._failures == 1
    told(microphone, until="restarting")
    assert microphone._failures == 1  # the second one was steady, and then failed once


@pytest.mark.parametrize(("lasting", "kind"), [(True, SourceError), (False, DeviceError)])
def test_a_first_answer_says_whether_waiting_helps(lasting: bool, kind: type[SourceError]) -> None:
    machine = Machine([Missing("no microphone", lasting), OPENED, *audio()])
    microphone = machine.microphone()
    assert type(microphone.first_answer()) is kind
    assert statuses(told(microphone, 5)) == ["waiting", "running"]


def test_a_first_answer_is_waited_for_until_there_is_enough_of_it() -> None:
    machine = Machine([0.5, OPENED, *audio()])
    microphone = machine.microphone()
    assert microphone.first_answer(lambda: machine.now_ns >= 1_300_000_000) is None
    assert machine.now_ns == pytest.approx(1_300_000_000, abs=1e8)
    assert statuses(told(microphone, 5)) == ["running"]


def test_what_is_missing_is_told_once() -> None:
    gone = Missing("microphone 'USB' is gone", lasting=False)
    machine = Machine([OPENED, *audio(), DeviceError("gone")], [gone, gone, gone, OPENED, *audio()])
    items = told(machine.microphone(), 15)
    assert statuses(items) == ["running", "restarting", "waiting", "running"]


def test_portaudio_that_does_not_answer_is_killed_with_more_patience_each_time() -> None:
    machine = Machine(*[[3600.0]] * 6)
    microphone = machine.microphone()
    waited_s = []
    for _ in range(4):  # what is said already is not said again
        began_ns = machine.now_ns
        item = microphone.read()
        assert isinstance(item, Standing)
        assert item.status == "waiting"
        waited_s.append(round((machine.now_ns - began_ns) / 1e9))
    assert waited_s == [5, 5 + 5 + 10, 20, 40]
    assert machine.killed == 6


def test_nobody_is_blamed_for_a_sleep_of_our_own() -> None:
    machine = Machine([OPENED, *audio(), 0.1, *audio()])
    microphone = machine.microphone()
    for _ in range(7):
        microphone.read()
    machine.pass_s(60.0)
    items = [microphone.read() for _ in range(5)]
    assert all(isinstance(item, Block) for item in items)


def test_closing_in_an_outage_names_what_is_missing_until_then() -> None:
    machine = Machine([OPENED, *audio(), DeviceError("gone")], [Missing("gone", lasting=False)])
    microphone = machine.microphone()
    told(microphone, until="waiting")
    machine.pass_s(2.0)
    reading = microphone._reading
    reading.acquire()  # as if the thread that reads were inside
    microphone.close()
    reading.release()
    assert microphone.read() == Missed(2 * RATE_HZ, "restarted")
    assert microphone.read() is None
    assert machine.alive == 0


def test_closing_before_anybody_reads_ends_the_process() -> None:
    machine = Machine([OPENED, *audio()])
    microphone = machine.microphone()
    microphone.first_answer()
    assert machine.alive == 1
    microphone.close()
    assert machine.alive == 0

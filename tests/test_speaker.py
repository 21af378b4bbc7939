"""What is told to the publishing process, and what becomes of one that fails."""

import logging

import pytest
from unheard import Unheard

from instrd.daemon.errors import InUseError, PublishingError, WireError
from instrd.daemon.publishing.child import GoneError
from instrd.daemon.publishing.messages import Admit, Keys, Logged, Publish, Said, Setup, Unbound
from instrd.daemon.publishing.speaker import MUTE_S, STEADY_S, Speaker

SETUP = Setup(("tcp://127.0.0.1:1",), ("tcp://0.0.0.0:2",), Keys(b"secret", {b"key": "friend"}))
STATE = Publish("state/", b"state 1", b"kept 1")
LEVEL = Publish("level/", b"level 1")


class Stage:
    """A speaker, the processes that it has started, and a clock that only the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.started: list[Unheard] = []
        self.refuses_to_start = False
        self.speaker = Speaker(SETUP, self._start, lambda: self.now_s)

    @property
    def process(self) -> Unheard:
        return self.started[-1]

    def _start(self, setup: Setup) -> Unheard:
        if self.refuses_to_start:
            raise GoneError("no process can be started (made up)")
        self.started.append(Unheard(setup))
        return self.process

    def turn(self, seconds: float = 0.0, step_s: float = 0.1) -> None:
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            self.speaker.tend()
        self.speaker.tend()

    def starts_after_s(self) -> float:
        """Let the process die, and return how long it takes until the next one."""
        died_s, count = self.now_s, len(self.started)
        self.process.dead = "it ended"
        self.speaker.tend()
        while len(self.started) == count:
            self.turn(0.05, 0.05)
        return self.now_s - died_s


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_messages_are_handed_over_in_order(stage: Stage) -> None:
    for message in (STATE, LEVEL, STATE):
        stage.speaker.publish(message)
    assert stage.process.told == [SETUP, STATE, LEVEL, STATE]
    assert stage.speaker.unsent == 0


def test_what_there_is_no_room_for_is_counted_and_what_is_retained_comes_later(
    stage: Stage,
) -> None:
    stage.process.full = True
    for message in (STATE, LEVEL):
        stage.speaker.publish(message)
    stage.turn()
    assert stage.speaker.unsent == 2
    stage.process.full = False
    stage.turn(0.2)
    assert stage.process.told == [SETUP, Publish("state/", b"kept 1", b"kept 1")]


def test_a_newer_message_pays_for_the_older_one(stage: Stage) -> None:
    stage.process.full = True
    stage.speaker.publish(STATE)
    stage.process.full = False
    newer = Publish("state/", b"state 2", b"kept 2")
    stage.speaker.publish(newer)
    stage.turn()
    assert stage.process.told == [SETUP, newer]


def test_a_dead_process_is_replaced_at_once_and_told_what_is_retained_and_who_may_come_in(
    stage: Stage,
) -> None:
    for message in (STATE, LEVEL):
        stage.speaker.publish(message)
    stage.speaker.admit({b"other": "stranger"})
    first = stage.process
    assert first.told[-1] == Admit({b"other": "stranger"})
    assert stage.starts_after_s() == 0.0
    assert first.has_ended
    keys = Keys(b"secret", {b"other": "stranger"})
    setup = Setup(SETUP.plain, SETUP.secured, keys)
    assert stage.process.told == [setup, Publish("state/", b"kept 1", b"kept 1")]
    assert stage.speaker.restarts == 1


def test_who_may_come_in_is_told_as_soon_as_there_is_room(stage: Stage) -> None:
    stage.process.full = True
    stage.speaker.admit({b"other": "stranger"})
    stage.process.full = False
    stage.turn()
    assert stage.process.told == [SETUP, Admit({b"other": "stranger"})]


def test_a_mute_process_is_replaced(stage: Stage) -> None:
    stage.turn(1.0)
    stage.process.mute = True
    stage.turn(MUTE_S - 0.2)
    assert not stage.process.is_killed
    stage.turn(0.5)
    (killed,) = stage.started
    assert (killed.is_killed, killed.has_ended) == (True, False)
    killed.dead = "it ended (signal 9)"
    stage.turn()
    assert stage.speaker.restarts == 1
    assert killed.has_ended


def test_a_sleep_of_our_own_is_no_silence_of_the_process(stage: Stage) -> None:
    stage.process.mute = True
    stage.turn(60.0, step_s=60.0)
    stage.process.mute = False
    stage.turn(1.0)
    assert stage.speaker.restarts == 0


def test_the_more_failures_in_a_row_the_longer_the_pause_but_messages_never_wait(
    stage: Stage,
) -> None:
    pauses_s = [stage.starts_after_s() for _ in range(7)]
    assert pauses_s == pytest.approx([0.0, 0.0, 0.25, 0.5, 1.0, 1.0, 1.0], abs=0.06)
    stage.turn(STEADY_S + 0.1)
    assert stage.starts_after_s() == 0.0


def test_messages_without_a_process_are_counted(stage: Stage) -> None:
    stage.refuses_to_start = True
    stage.process.dead = "it ended"
    stage.turn(1.0)
    stage.speaker.publish(STATE)
    assert stage.speaker.unsent == 1
    stage.refuses_to_start = False
    stage.turn(2.0)
    assert stage.process.told[-1] == Publish("state/", b"kept 1", b"kept 1")


def test_what_it_logs_is_logged_and_its_ends_are_told_once_in_a_while(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.process.answers.append(Logged(logging.WARNING, "refused 1 connection(s)"))
    stage.turn()
    for _ in range(3):
        stage.starts_after_s()
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "refused 1 connection(s)"
    assert second.startswith("the publishing process is replaced, 1 so far: it ended; ")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Unbound("tcp://127.0.0.1:1", "Address already in use", in_use=True), InUseError),
        (Unbound("tcp://127.0.0.1:1", "No such device", in_use=False), WireError),
        (None, PublishingError),
        (GoneError("it ended (signal 9)"), PublishingError),
    ],
)
def test_what_keeps_the_first_process_from_starting_is_an_error(
    answer: Said | Exception | None, error: type[Exception]
) -> None:
    process = Unheard(SETUP)
    process.answers = [answer]
    with pytest.raises(error):
        Speaker(SETUP, lambda _: process)
    assert process.has_ended

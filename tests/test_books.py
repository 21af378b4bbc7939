"""The books of a subscriber stay small beside any publisher, and say what found no room."""

import msgspec
import pytest

from instrd.clients.books import DEAD_AFTER_S, MOST_RUNS, MOST_TOPICS, OTHER_TOPICS, Books
from instrd.clients.codec import ROOT
from instrd.clients.protocol import Bye, Heartbeat, Level


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def books(clock: Clock) -> Books:
    return Books((ROOT,), clock)


def level(seq: int, run: str, source: str = "mic1") -> Level:
    return Level(run=run, seq=seq, source=source, rms_dbfs=-20.0, peak_dbfs=-9.0, clipped=0)


def beat(seq: int, run: str, last: int, labels: range) -> Heartbeat:
    topics = {f"{ROOT}event/mic1/{label}/": last for label in labels}
    return Heartbeat(run=run, seq=seq, uptime_s=1.0, sources={}, last_seq=topics)


def bye(run: str) -> Bye:
    return Bye(run=run, seq=1, reason="SIGTERM", exit_code=0)


def test_more_runs_than_there_is_room_for_are_passed_over_and_counted(books: Books) -> None:
    entered = [books.enter(level(1, str(run))) for run in range(MOST_RUNS + 10)]
    assert entered == [True] * MOST_RUNS + [False] * 10
    assert books.surplus == 10
    assert books.enter(level(2, "0"))


def test_dead_runs_make_room_and_one_that_speaks_keeps_its_books(
    books: Books, clock: Clock
) -> None:
    for run in range(MOST_RUNS):
        books.enter(level(1, str(run)))
    clock.now_s += DEAD_AFTER_S
    assert books.enter(level(4, "0"))
    assert books.lost == {f"{ROOT}level/mic1/": 2}
    assert all(books.enter(level(1, f"new {run}")) for run in range(MOST_RUNS - 1))
    assert not books.enter(level(4, "0"))
    assert books.surplus == 0


def test_a_run_that_said_bye_makes_room(books: Books) -> None:
    for run in range(3 * MOST_RUNS):
        assert books.enter(level(1, str(run)))
        assert books.enter(bye(str(run)))
    assert books.ended
    assert books.surplus == 0


def test_topics_beyond_the_room_are_passed_over_until_their_run_is_over(books: Books) -> None:
    books.enter(beat(1, "many", 1, range(2 * MOST_TOPICS)))
    assert not books.enter(level(1, "few"))
    assert not books.enter(level(1, "many"))
    assert books.surplus == 2
    assert books.enter(beat(1, "few", 1, range(0)))
    assert books.enter(bye("many"))
    assert books.enter(level(1, "few"))


def test_losses_of_ever_more_topics_are_all_counted_under_as_many_names(books: Books) -> None:
    for run in range(3):
        labels = range(run * 15_000, (run + 1) * 15_000)
        books.enter(beat(1, str(run), 0, range(0)))
        books.enter(beat(2, str(run), 1, labels))
        assert books.enter(bye(str(run)))
    assert books.lost.total() == 45_000
    assert len(books.lost) == MOST_TOPICS + 1
    assert books.lost[OTHER_TOPICS] == 45_000 - MOST_TOPICS


def test_heartbeats_that_waited_are_as_old_as_their_uptimes_say(books: Books, clock: Clock) -> None:
    for seq in range(1, 6):
        beaten = msgspec.structs.replace(beat(seq, "1", 0, range(0)), uptime_s=float(seq))
        assert books.enter(beaten)
        clock.now_s += 1.0
    clock.now_s = 160.0
    for seq in range(6, 51):
        beaten = msgspec.structs.replace(beat(seq, "1", 0, range(0)), uptime_s=float(seq))
        assert books.enter(beaten)
    assert books.heartbeat_s == 149.0


def test_a_clock_that_drifts_away_from_the_daemons_does_not_make_it_look_dead(
    books: Books, clock: Clock
) -> None:
    for seq in range(1, 100):
        books.nothing_waited_s = clock.now_s + 0.8
        clock.now_s += 1.1
        beaten = msgspec.structs.replace(beat(seq, "1", 0, range(0)), uptime_s=float(seq))
        assert books.enter(beaten)
        assert books.heartbeat_s is not None
        assert clock.now_s - books.heartbeat_s < 0.5

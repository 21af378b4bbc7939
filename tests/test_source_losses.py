"""What a microphone lost, by the clock."""

import pytest

from instrd.daemon.recording.lossmeter import SETTLED_S, LossMeter

RATE_HZ = 48_000
BLOCK = 960


def test_a_crystal_that_drifts_loses_nothing() -> None:
    meter = LossMeter(RATE_HZ, BLOCK)
    # 200 ppm slow for an hour
    lost = [meter.feed(0.02 * 1.0002 * k, BLOCK, 0, overflowed=False) for k in range(180_000)]
    assert sum(lost) == 0


def test_a_late_burst_loses_nothing() -> None:
    meter = LossMeter(RATE_HZ, BLOCK)
    meter.feed(0.0, BLOCK, 100, overflowed=False)
    lost = [
        meter.feed(1.0, BLOCK, RATE_HZ + 100 - BLOCK * k, overflowed=False) for k in range(1, 51)
    ]
    assert sum(lost) == 0


def follow(meter: LossMeter, began_s: float, seconds: float) -> list[int]:
    """Return what is lost before each block of audio that comes at the real pace."""
    blocks = round(seconds * RATE_HZ / BLOCK)
    return [meter.feed(began_s + 0.02 * k, BLOCK, 0, overflowed=False) for k in range(1, blocks)]


def test_what_a_stall_swallowed_is_counted_once_the_backlog_is_read() -> None:
    meter = LossMeter(RATE_HZ, BLOCK)
    meter.feed(0.0, BLOCK, 0, overflowed=False)
    # 30 s later the device still has 10 s; the rest is gone, and no flag says so.
    backlog = 10 * RATE_HZ // BLOCK
    lost = [
        meter.feed(30.0, BLOCK, (backlog - k) * BLOCK, overflowed=False)
        for k in range(1, backlog + 1)
    ]
    assert lost == [0] * backlog
    lost = follow(meter, 30.0, 2 * SETTLED_S)
    assert sum(lost) == pytest.approx(20 * RATE_HZ, abs=2)
    assert sum(count > 0 for count in lost) == 1


def test_a_backlog_that_comes_piece_by_piece_is_not_lost() -> None:
    meter = LossMeter(RATE_HZ, BLOCK)
    meter.feed(0.0, BLOCK, 0, overflowed=False)
    # After 2 s audio comes at thrice its pace until 1.5 s of the 2 s are there.
    lost, now_s = [], 2.0
    for _ in range(round(1.5 * RATE_HZ / BLOCK * 1.5)):
        now_s += 0.02 / 3
        lost.append(meter.feed(now_s, BLOCK, 0, overflowed=False))
    lost += follow(meter, now_s, 2 * SETTLED_S)
    assert sum(lost) == pytest.approx(0.5 * RATE_HZ, abs=2 * BLOCK)


def test_a_backlog_that_we_are_too_busy_to_fetch_is_not_lost() -> None:
    meter = LossMeter(RATE_HZ, BLOCK)
    meter.feed(0.0, BLOCK, 0, overflowed=False)
    # We get to read a block twice a second; after 5 s all the rest is there at once.
    lost = [meter.feed(0.5 * k, BLOCK, 0, overflowed=False) for k in range(1, 11)]
    rest = 5 * RATE_HZ // BLOCK - 10
    lost += [meter.feed(5.0, BLOCK, (rest - k) * BLOCK, overflowed=False) for k in range(rest)]
    assert sum(lost) == 0


def test_a_flagged_overflow_is_never_nothing() -> None:
    meter = LossMeter(RATE_HZ, BLOCK)
    meter.feed(0.0, BLOCK, 0, overflowed=False)
    assert meter.feed(0.02, BLOCK, 0, overflowed=True) == 1
    assert meter.feed(0.05, BLOCK, 0, overflowed=True) == RATE_HZ // 100

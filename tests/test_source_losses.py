"""What a microphone lost, by the clock."""

from instrd.daemon.recording.lossmeter import LossMeter

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


def test_what_a_stall_swallowed_is_counted_once_the_backlog_is_read() -> None:
    meter = LossMeter(RATE_HZ, BLOCK)
    meter.feed(0.0, BLOCK, 0, overflowed=False)
    # 30 s later the device still has 10 s; the rest is gone, and no flag says so.
    backlog = 10 * RATE_HZ // BLOCK
    lost = [
        meter.feed(30.0, BLOCK, (backlog - k) * BLOCK, overflowed=False)
        for k in range(1, backlog + 1)
    ]
    assert lost[:-1] == [0] * (backlog - 1)
    assert lost[-1] == 20 * RATE_HZ
    assert meter.feed(30.02, BLOCK, 0, overflowed=False) == 0


def test_a_flagged_overflow_is_never_nothing() -> None:
    meter = LossMeter(RATE_HZ, BLOCK)
    meter.feed(0.0, BLOCK, 0, overflowed=False)
    assert meter.feed(0.02, BLOCK, 0, overflowed=True) == 1
    assert meter.feed(0.05, BLOCK, 0, overflowed=True) == RATE_HZ // 100

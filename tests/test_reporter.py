"""What a reporter says of times while the clock is corrected, and of levels of short hops."""

import pytest

from instrd.daemon.decision import Rules
from instrd.daemon.level import Level
from instrd.daemon.listener import Heard
from instrd.daemon.report import EventNumbers, Place, Reporter
from instrd.daemon.sampleclock import SampleClock
from instrd.daemon.track import Change, Rule, Sounding

RATE_HZ = 1000
RULE = Rule(
    "piano",
    threshold_on=0.5,
    threshold_off=0.3,
    background=False,
    masked=False,
    min_on=0,
    min_off=0,
    update_every=1000,
    onset_lag=0,
)
RULES = Rules((RULE,), margin=0.0, smoothing=0.0, warm_up=0)


def on(first: int) -> Change:
    return Change("on", Sounding("piano", first, first + 5, first + 5, 0.9, 0.9), first + 5)


@pytest.mark.parametrize(
    ("moved_us", "overlap_us"), [(-20_000, 0), (20_000, 0), (-900_000, 900_000)]
)
def test_soundings_of_one_label_do_not_overlap_unless_the_wall_clock_is_set_back(
    moved_us: int, overlap_us: int
) -> None:
    ahead_us = 10**15
    clock = SampleClock(RATE_HZ, lambda: ahead_us)
    reporter = Reporter(Place("mic", RATE_HZ, 0, clock), EventNumbers("run"))
    clock.stamp(1000, 10**12)
    first = on(500)
    ended = Change("off", first.sounding, 1000, "decay")
    *_, off = reporter.events([first, ended], RULES)
    ahead_us += moved_us
    clock.stamp(1010, 10**12 + 10**7)
    (again,) = reporter.events([on(1000)], RULES)
    assert off.t_off_us is not None
    assert again.t_decided_us >= again.t_on_us
    assert max(0, off.t_off_us - again.t_on_us) == overlap_us


def test_a_level_tells_the_peak_of_every_hop_since_the_last_one() -> None:
    reporter = Reporter(Place("mic", RATE_HZ, 0, SampleClock(RATE_HZ)), EventNumbers("run"))
    hops = [(-60.0, 0), (0.0, 3), (-60.0, 0), (-60.0, 0), (-60.0, 0), (-60.0, 0)]  # of 25 ms
    levels = [
        level
        for i, (dbfs, clipped) in enumerate(hops)
        for level in reporter.level(
            Heard(i * 25, 25, Level(dbfs, dbfs, clipped), "open", (), (0, 0))
        )
    ]
    assert [(one.peak_dbfs, one.clipped) for one in levels] == [(-60.0, 0), (0.0, 3)]
    assert levels[1].rms_dbfs == pytest.approx(-6.0, abs=0.05)  # a quarter of the stretch

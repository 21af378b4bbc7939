"""Hops on their way from the ring to the analysis: which are taken, which are too late."""

from pathlib import Path

import numpy as np
import pytest
from tone_bundle import tone_bundle

from instrd.clients.protocol import Gap
from instrd.daemon.capture import Epoch
from instrd.daemon.config import Config, ModelChoice
from instrd.daemon.hearing import Hearing
from instrd.daemon.passage import Passage
from instrd.daemon.report import Place
from instrd.daemon.ring import Hop, HopRing
from instrd.daemon.sampleclock import SampleClock
from instrd.daemon.stream import Stream, hop_samples

RATE_HZ = 16_000
MAX_LATE_HOPS = 2


@pytest.fixture
def passage(tmp_path: Path) -> Passage:
    tone_bundle(tmp_path / "tones")
    config = Config(model=ModelChoice(name="tones", folders=(str(tmp_path),)))
    hearing, clock = Hearing(config, "abc123"), SampleClock(RATE_HZ)
    ring = HopRing(40, hop_samples(config, RATE_HZ), lambda: None)
    place = Place("s0", RATE_HZ, 0, clock)
    stream = Stream(place, config, hearing.classifier, hearing.numbers)
    return Passage(Epoch(0, RATE_HZ, "made up", ring, clock), stream, MAX_LATE_HOPS)


def come(passage: Passage, hops: int) -> None:
    passage.epoch.ring.write(np.zeros(hops * passage.stream.hop, np.float32))


def late_hops(passage: Passage) -> int:
    """Take the next hop; return how many were skipped before it."""
    gaps = [piece for piece in passage.take() if isinstance(piece, Gap)]
    return sum(gap.count for gap in gaps) // passage.stream.hop


def test_hops_that_come_while_a_backlog_is_worked_off_are_taken_too(passage: Passage) -> None:
    come(passage, 10)
    passage.excuse()
    come(passage, 2)  # before the first of them is taken
    while passage.waiting_hops > MAX_LATE_HOPS:
        assert passage.is_excused
        assert late_hops(passage) == 0
        assert late_hops(passage) == 0
        come(passage, 1)
    assert late_hops(passage) == 0
    assert not passage.is_excused
    come(passage, 10)
    assert late_hops(passage) > 0


@pytest.mark.parametrize(("coming", "within"), [(1, 10 * 12), (2, 10)])
def test_a_backlog_that_does_not_shrink_is_excused_for_a_while_alone(
    passage: Passage, coming: int, within: int
) -> None:
    come(passage, 10)
    passage.excuse()
    skipped = 0
    for _ in range(within):
        skipped += late_hops(passage)
        come(passage, coming)
    assert skipped


def test_a_pause_passes_over_all_that_waits_and_nothing_of_it_is_late(passage: Passage) -> None:
    list(passage.pause())
    for _ in range(3):
        come(passage, 10)
        assert list(passage.take()) == []
        assert passage.waiting_hops == 0
    (gap,) = passage.resume()
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.count) == ("paused", 30 * passage.stream.hop)
    come(passage, 1)
    (hop,) = passage.take()
    assert isinstance(hop, Hop)
    assert hop.first == gap.s1


def test_what_is_excused_in_a_pause_is_passed_over_too(passage: Passage) -> None:
    list(passage.pause())
    come(passage, 10)
    passage.excuse()
    assert list(passage.take()) == []
    assert not passage.is_excused

"""The ring of hops between two threads."""

import threading
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from instrd.daemon.ring import Counts, Hop, HopRing, Lost

Floats = NDArray[np.float32]
DEADLINE_S = 5.0


def no_wake() -> None:
    pass


def numbers(first: int, count: int) -> Floats:
    """Samples that say where they are."""
    return np.arange(first, first + count, dtype=np.float32)


Taken = tuple[int, list[float]] | Lost


def take(ring: HopRing, most: int) -> list[Taken]:
    taken: list[Taken] = []
    while len(taken) < most and (piece := ring.next_hop()) is not None:
        taken.append(piece if isinstance(piece, Lost) else (piece.first, piece.samples.tolist()))
    return taken


def take_all(ring: HopRing) -> list[Taken]:
    return take(ring, 1000)


def check_exact(counts: Counts) -> None:
    assert counts.captured == counts.taken + counts.dropped + counts.pending


def test_hops_are_whole_whatever_the_blocks_are() -> None:
    ring = HopRing(4, 3, no_wake)
    for first, count in ((0, 1), (1, 4), (5, 2)):
        ring.write(numbers(first, count))
    assert take_all(ring) == [(0, [0, 1, 2]), (3, [3, 4, 5])]
    assert ring.counts() == Counts(captured=7, taken=6, dropped=0, pending=1)


def test_the_last_hop_is_as_short_as_the_stream_leaves_it() -> None:
    ring = HopRing(1, 3, no_wake)
    ring.write(numbers(0, 4))
    assert ring.next_hop() is not None
    ring.finish()
    assert not ring.ended
    assert take_all(ring) == [(3, [3])]
    assert ring.ended


def test_a_slow_reader_loses_the_oldest_whole_hops_and_counts_them() -> None:
    ring = HopRing(2, 3, no_wake)
    ring.write(numbers(0, 14))
    assert take_all(ring) == [Lost(0, 6, "overrun"), (6, [6, 7, 8]), (9, [9, 10, 11])]
    assert ring.counts() == Counts(captured=14, taken=6, dropped=6, pending=2)


def test_a_loss_of_the_source_ends_the_hop_before_it_and_is_counted() -> None:
    ring = HopRing(4, 3, no_wake)
    ring.write(numbers(0, 4))
    ring.lose(10)
    ring.write(numbers(14, 3))
    assert take_all(ring) == [
        (0, [0, 1, 2]),
        (3, [3]),
        Lost(4, 10, "overflow"),
        (14, [14, 15, 16]),
    ]
    assert ring.counts() == Counts(captured=17, taken=7, dropped=10, pending=0)


def test_a_late_reader_can_skip_to_the_newest_hops() -> None:
    ring = HopRing(5, 2, no_wake)
    ring.write(numbers(0, 9))
    ring.skip_to_newest(1)
    assert take_all(ring) == [Lost(0, 6, "late"), (6, [6, 7])]
    ring.skip_to_newest(0)
    ring.finish()
    ring.skip_to_newest(0)
    assert take_all(ring) == [Lost(8, 1, "late")]
    assert ring.ended


def test_the_readers_hop_stays_as_it_is_while_the_writer_goes_round() -> None:
    ring = HopRing(2, 4, no_wake)
    ring.write(numbers(0, 4))
    hop = ring.next_hop()
    assert isinstance(hop, Hop)
    for first in range(4, 100, 3):
        ring.write(numbers(first, 3))
        assert hop.samples.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        hop.samples[0] = 1.0


def test_the_reader_is_woken_for_each_hop_and_for_the_end() -> None:
    woken: list[int] = []
    ring = HopRing(8, 4, lambda: woken.append(ring.captured))
    ring.write(numbers(0, 3))
    assert woken == []
    ring.write(numbers(3, 6))
    assert woken == [4, 8]
    ring.finish()
    assert woken == [4, 8, 9]


@settings(max_examples=200)
@given(
    capacity=st.integers(1, 4),
    hop=st.integers(1, 6),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(1, 20)),
            st.tuples(st.just("lose"), st.integers(1, 9)),
            st.tuples(st.just("take"), st.integers(1, 6)),
            st.tuples(st.just("skip"), st.integers(0, 4)),
        ),
        max_size=40,
    ),
)
def test_what_is_read_is_what_was_written_minus_the_named_losses(
    capacity: int, hop: int, steps: list[tuple[str, int]]
) -> None:
    ring = HopRing(capacity, hop, no_wake)
    pieces: list[Taken] = []
    source_lost: set[int] = set()
    for step, count in steps:
        if step == "write":
            ring.write(numbers(ring.captured, count))
        elif step == "lose":
            source_lost |= set(range(ring.captured, ring.captured + count))
            ring.lose(count)
        elif step == "skip":
            ring.skip_to_newest(count)
        else:
            pieces += take(ring, count)
        check_exact(ring.counts())
    ring.finish()
    pieces += take_all(ring)
    check_exact(ring.counts())
    assert ring.ended
    position = lost = 0
    for piece in pieces:
        if isinstance(piece, Lost):
            assert piece.first == position
            position += piece.count
            lost += piece.count
            continue
        first, samples = piece
        assert first == position
        assert samples == list(range(first, first + len(samples)))
        assert 1 <= len(samples) <= hop
        assert not source_lost & set(range(first, first + len(samples)))
        position += len(samples)
    assert position == ring.captured
    assert ring.counts() == Counts(ring.captured, ring.captured - lost, lost, 0)


@pytest.mark.parametrize("waiting", [True, False])
def test_two_threads_agree_on_every_sample(waiting: bool) -> None:
    woken = threading.Event()
    ring = HopRing(3, 7, woken.set)
    total = 20_000

    def write_all() -> None:
        cuts = np.random.default_rng(3).integers(1, 40, 2000).cumsum()
        for samples in np.split(numbers(0, total), cuts[cuts < total]):
            ring.write(samples, waits=waiting)
        ring.finish()

    writer = threading.Thread(target=write_all, name="writer")
    writer.start()
    position = lost = 0
    while not ring.ended:
        piece = ring.next_hop()
        if piece is None:
            assert woken.wait(DEADLINE_S)
            woken.clear()
        elif isinstance(piece, Lost):
            assert piece.first == position
            position += piece.count
            lost += piece.count
        else:
            assert piece.first == position
            assert np.array_equal(piece.samples, numbers(position, len(piece.samples)))
            position += len(piece.samples)
        check_exact(ring.counts())
    writer.join(DEADLINE_S)
    assert position == total
    assert ring.counts() == Counts(total, total - lost, lost, 0)
    assert not (waiting and lost)


def test_closing_releases_a_waiting_writer() -> None:
    full = threading.Event()
    ring = HopRing(1, 2, full.set)
    writer = threading.Thread(target=partial(ring.write, numbers(0, 9), waits=True), name="writer")
    writer.start()
    assert full.wait(DEADLINE_S)
    assert writer.is_alive()
    ring.close()
    writer.join(DEADLINE_S)
    assert not writer.is_alive()
    assert ring.counts() == Counts(captured=2, taken=0, dropped=0, pending=2)


def test_each_loss_of_the_source_keeps_its_own_reason() -> None:
    ring = HopRing(8, 2, no_wake)
    ring.write(numbers(0, 2))
    ring.lose(3, "stalled")
    ring.write(numbers(5, 2))
    ring.lose(4)
    ring.write(numbers(11, 2))
    lost = [piece for piece in take_all(ring) if isinstance(piece, Lost)]
    assert lost == [Lost(2, 3, "stalled"), Lost(7, 4, "overflow")]


def test_what_would_have_followed_the_end_is_lost_too() -> None:
    ring = HopRing(2, 3, no_wake)
    ring.write(numbers(0, 4))
    ring.finish()
    assert take_all(ring) == [(0, [0, 1, 2]), (3, [3])]
    assert ring.ended
    ring.lose(10, "restarted")
    assert take_all(ring) == [Lost(4, 10, "restarted")]
    assert ring.counts() == Counts(captured=14, taken=4, dropped=10, pending=0)

"""The mirrored ring of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrd.models.ring import MirroredRing, NotInRingError


@given(
    capacity=st.integers(1, 9),
    width=st.integers(0, 3),
    pushes=st.lists(st.integers(0, 25), max_size=12),
)
def test_a_mirrored_ring_holds_the_newest_rows_in_order(
    capacity: int, width: int, pushes: list[int]
) -> None:
    row = (width,) if width else ()
    ring = MirroredRing(capacity, row)
    everything = np.zeros((0, *row), np.float32)
    for count in pushes:
        rows = np.arange(count * max(1, width), dtype=np.float32).reshape(count, *row)
        rows += 1000 * len(everything)
        ring.push(rows)
        everything = np.concatenate((everything, rows))
        assert ring.total == len(everything)
        for kept in range(min(capacity, ring.total) + 1):
            assert np.array_equal(ring.newest(kept), everything[ring.total - kept :])


def test_a_mirrored_ring_gives_contiguous_views_that_cannot_be_written() -> None:
    ring = MirroredRing(4, (2,))
    ring.push(np.ones((6, 2), np.float32))
    view = ring.view(3, 3)
    assert view.flags.c_contiguous
    assert view.base is not None
    assert not view.flags.writeable


@pytest.mark.parametrize(("first", "count"), [(1, 2), (3, 4), (7, 1), (-1, 1), (4, -1)])
def test_a_mirrored_ring_refuses_rows_it_does_not_hold(first: int, count: int) -> None:
    ring = MirroredRing(4)
    ring.push(np.zeros(6, np.float32))
    with pytest.raises(NotInRingError, match=r"in the ring are 2\.\.6"):
        ring.view(first, count)

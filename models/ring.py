"""The newest rows of a growing table, readable as one contiguous piece without a copy."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class NotInRingError(IndexError):
    """Rows were asked for that are overwritten or have not been pushed yet."""


class MirroredRing:
    """Keeps the newest `capacity` rows of shape `row`, each stored twice, `capacity` apart.

    Whatever `capacity` rows one asks for, they lie side by side in one of the two halves or
    across them. A view shows later rows once a push has come round to its place, so use it
    before the next push. One thread only.
    """

    def __init__(self, capacity: int, row: tuple[int, ...] = ()) -> None:
        self._capacity = capacity
        self._rows = np.zeros((2 * capacity, *row), np.float32)
        self._total = 0

    @property
    def total(self) -> int:
        """Rows ever pushed; the next row gets this index."""
        return self._total

    def push(self, rows: Floats) -> None:
        """Append `rows` (n, *row); of more than `capacity` only the newest stay."""
        kept = rows[-self._capacity :]
        at = (self._total + len(rows) - len(kept)) % self._capacity
        head = min(len(kept), self._capacity - at)
        tail = len(kept) - head
        for half in (0, self._capacity):
            self._rows[half + at : half + at + head] = kept[:head]
            self._rows[half : half + tail] = kept[head:]
        self._total += len(rows)

    def view(self, first: int, count: int) -> Floats:
        """Return the `count` rows from the absolute index `first` on, read-only (count, *row)."""
        oldest = max(0, self._total - self._capacity)
        if count < 0 or not oldest <= first <= first + count <= self._total:
            raise NotInRingError(
                f"got rows {first}..{first + count}, in the ring are {oldest}..{self._total}"
            )
        at = first % self._capacity
        rows = self._rows[at : at + count]
        rows.flags.writeable = False
        return rows

    def newest(self, count: int) -> Floats:
        """Return the newest `count` rows, read-only (count, *row)."""
        return self.view(self._total - count, count)

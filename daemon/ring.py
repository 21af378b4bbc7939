"""What the capture thread has heard and the main thread has not analysed yet, in whole hops."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition

import numpy as np
from numpy.typing import NDArray

from instrd.clients.protocol import GapReason

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hop:
    """Samples that follow each other without a gap."""

    first: int
    """Position of the first sample; lost samples count too."""
    samples: Floats
    """(n,) read-only and valid until the next `next_hop`; n < hop only before a gap of the
    source and at the end of the stream."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Samples that the reader will never get."""

    first: int
    count: int
    reason: GapReason
    """Where the source and the reader both lost some of them: the reader's reason."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Where every captured sample is: captured == taken + dropped + pending."""

    captured: int
    taken: int
    dropped: int
    pending: int


@dataclass(slots=True)
class _Slot:
    storage: Floats
    first: int = 0
    count: int = 0


class HopRing:
    """Hands hops from one writing thread to one reading thread, without a copy.

    A fixed set of slots goes round: one is being filled, up to `capacity_hops` wait, one is with
    the reader. The writer never gets the reader's slot, so a hop cannot be torn.
    `wake` is called on the writer's thread whenever there is something new to take; it must not
    block.
    """

    def __init__(self, capacity_hops: int, hop: int, wake: Callable[[], None]) -> None:
        if capacity_hops < 1 or hop < 1:
            raise ValueError(f"got {capacity_hops} hops of {hop} samples, allowed 1 or more")
        self._capacity_hops, self._hop, self._wake = capacity_hops, hop, wake
        self._changed = Condition()
        # One being filled, one with the reader, one for the partial hop at the end.
        self._free = [_Slot(storage) for storage in np.zeros((capacity_hops + 3, hop), np.float32)]
        self._filling = self._free.pop()
        self._waiting: deque[_Slot] = deque()
        self._with_reader: _Slot | None = None
        self._captured = self._taken = self._dropped = 0
        self._told = 0
        self._readers_reason: GapReason | None = None
        self._sources_reasons: deque[tuple[int, GapReason]] = deque()
        """Why the source lost the samples before a position."""
        self._finished = self._closed = False

    def write(self, samples: Floats, *, waits: bool = False) -> None:
        """Append `samples` (n,); if the ring is full, the oldest hops are lost whole.

        Or it `waits` for the reader, or for `close`.
        """
        while len(samples):
            with self._changed:
                self._changed.wait_for(lambda: not waits or self._closed or not self._full)
                if self._closed:
                    return
                copied = self._fill(samples)
                ready = self._filling.count == 0
            samples = samples[copied:]
            if ready:
                self._wake()

    def lose(self, count: int, reason: GapReason = "overflow") -> None:
        """Note that the source lost `count` samples here; a hop begun before ends here, short.

        May be called after `finish` too, for what would have followed.
        """
        with self._changed:
            self._pass_on()
            self._captured += count
            self._dropped += count
            self._sources_reasons.append((self._captured, reason))

    def finish(self) -> None:
        """Mark the end of the stream; a last partial hop becomes ready as it is."""
        with self._changed:
            self._finished = True
            self._pass_on()
        self._wake()

    def close(self) -> None:
        """Take nothing more, and release a waiting writer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def next_hop(self) -> Hop | Lost | None:
        """Return the oldest hop, or what was lost before it, or None if nothing is ready.

        Gives the hop of the last call back to the writer.
        """
        with self._changed:
            self._take_back()
            ready = self._ready_from()
            if ready > self._told:
                return self._tell_lost(ready)
            return self._hand_out() if self._waiting else None

    def skip_to_newest(self, keep_hops: int) -> None:
        """Give up all ready hops but the newest `keep_hops`, counted as lost."""
        with self._changed:
            while len(self._waiting) > keep_hops:
                self._lose_oldest("late")
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether the stream is finished and the reader has been told of every sample."""
        with self._changed:
            return self._finished and self._told == self._captured

    @property
    def captured(self) -> int:
        """Position of the next sample to be written; lost samples count too."""
        return self._captured

    def counts(self) -> Counts:
        """Look at all counters at one moment, in samples."""
        with self._changed:
            pending = self._filling.count + sum(slot.count for slot in self._waiting)
            return Counts(self._captured, self._taken, self._dropped, pending)

    @property
    def _full(self) -> bool:
        return len(self._waiting) == self._capacity_hops

    def _fill(self, samples: Floats) -> int:
        slot = self._filling
        if slot.count == 0:
            slot.first = self._captured
        count = min(len(samples), self._hop - slot.count)
        slot.storage[slot.count : slot.count + count] = samples[:count]
        slot.count += count
        self._captured += count
        if slot.count == self._hop:
            self._pass_on()
        return count

    def _pass_on(self) -> None:
        if self._filling.count == 0:
            return
        if self._full and not self._finished:
            self._lose_oldest("overrun")
        self._waiting.append(self._filling)
        self._filling = self._free.pop()

    def _lose_oldest(self, reason: GapReason) -> None:
        slot = self._waiting.popleft()
        self._dropped += slot.count
        self._readers_reason = reason
        self._recycle(slot)

    def _ready_from(self) -> int:
        if self._waiting:
            return self._waiting[0].first
        return self._captured if self._finished else self._told

    def _tell_lost(self, ready: int) -> Lost:
        reason: GapReason = "overflow"
        while self._sources_reasons and self._sources_reasons[0][0] <= ready:
            _, reason = self._sources_reasons.popleft()
        lost = Lost(self._told, ready - self._told, self._readers_reason or reason)
        self._told, self._readers_reason = ready, None
        return lost

    def _hand_out(self) -> Hop:
        slot = self._with_reader = self._waiting.popleft()
        self._taken += slot.count
        self._told = slot.first + slot.count
        samples = slot.storage[: slot.count]
        samples.flags.writeable = False
        return Hop(slot.first, samples)

    def _take_back(self) -> None:
        if self._with_reader is not None:
            self._recycle(self._with_reader)
            self._with_reader = None
        self._changed.notify_all()

    def _recycle(self, slot: _Slot) -> None:
        slot.count = 0
        self._free.append(slot)

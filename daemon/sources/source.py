"""What a source of sound is to the rest of the daemon."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instrd.clients.protocol import Condition, GapReason
from instrd.daemon.config import Pace

LIVE_BLOCKS_PER_S = 20
"""A block at the real pace is at most 50 ms."""
FAST_BLOCKS_PER_S = 4


@dataclass(frozen=True, slots=True)
class Block:
    """The next samples of a source."""

    samples: NDArray[np.float32]
    """(n,) mono, full scale +-1, n >= 1."""
    lost: int
    """Samples that the source lost right before these."""
    t_end_ns: int
    """When the last sample was captured, on the monotonic clock, which nobody sets."""
    reason: GapReason = "overflow"
    """Why they were lost, if any were."""
    anew: bool = False
    """The source stood still before these: when they were captured does not follow from when
    those before them were."""
    queued: int = 0
    """Samples behind these that have come already; what does not fit there was not sent."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream begins: what follows are its samples from position 0 on, a new epoch."""

    rate_hz: int
    description: str


@dataclass(frozen=True, slots=True)
class Missed:
    """What the stream would have brought while it was not there."""

    count: int
    """Samples at the rate at which it was open before."""
    reason: GapReason


@dataclass(frozen=True, slots=True)
class Standing:
    """How the source fares from now on; `restarting`: no more samples before the next opening."""

    status: Condition
    detail: str = ""


Item: TypeAlias = Block | Opened | Missed | Standing


class Source(Protocol):
    """Sound from anywhere; one thread reads, any other may close."""

    @property
    def rate_hz(self) -> int:
        """Samples per second."""

    @property
    def description(self) -> str:
        """Say to people what this is: `file piano.wav`."""

    def read(self) -> Block | Standing | None:
        """Wait for the next block, or for how it fares; None at the end. Raises SourceError."""

    def close(self) -> None:
        """Make a waiting `read` return None soon; call it once more than never."""


class Feed(Protocol):
    """A source that says itself when its stream begins, and begins again; else like a Source."""

    @property
    def description(self) -> str:
        """Say to people what this is, as long as nothing is open."""

    def read(self) -> Item | None:
        """Wait for the next item; None at the end. Raises SourceError."""

    def close(self) -> None:
        """Make a waiting `read` return None soon; call it once more than never."""


def block_size(rate_hz: int, pace: Pace) -> int:
    """Return the samples of a block at this pace."""
    per_s = LIVE_BLOCKS_PER_S if pace == "realtime" else FAST_BLOCKS_PER_S
    return max(1, rate_hz // per_s)

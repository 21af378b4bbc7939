"""Which sources stand still although they should not."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

STILL_S = 5.0
"""A source may stand still for so long: one that says it brings nothing is idle before."""
LOOK_S = 1.0
"""A look counts for no longer: after a stop of our own, or a long command, none is to blame."""


class Moving(Protocol):
    """What is looked at of a source."""

    @property
    def position(self) -> int:
        """Up to where its samples were analysed, passed over in a pause, or named as lost."""

    @property
    def idle(self) -> bool:
        """Whether it has every right to stand still now."""


@dataclass(slots=True)
class _Seen:
    position: int
    still_s: float = 0.0


class Progress:
    """Counts for how long each source has not moved; being idle counts as moving."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._looked_s = clock_s()
        self._seen: dict[str, _Seen] = {}

    def still(self, sources: Mapping[str, Moving]) -> list[str]:
        """Look at all sources, and name those that have stood still for `STILL_S`."""
        now_s = self._clock_s()
        passed_s = min(now_s - self._looked_s, LOOK_S)
        self._looked_s = now_s
        for name, source in sources.items():
            seen = self._seen.get(name)
            if seen is None or seen.position != source.position or source.idle:
                self._seen[name] = _Seen(source.position)
            else:
                seen.still_s += passed_s
        return [name for name in sources if self._seen[name].still_s > STILL_S]

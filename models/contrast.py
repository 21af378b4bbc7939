"""What a surer instrument, or background, leaves of the others: it may sound like them itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", bound=np.floating)
Singles = NDArray[np.float32]

SURE = 4.0
"""Log-odds, a probability of 0.982, up to which an instrument takes nothing from the others."""
HEARD = -1.0
"""Log-odds, a probability of 0.27, up to which background takes nothing from instruments."""


@dataclass(frozen=True)
class Contrast:
    """What is taken from labels that may be illusions."""

    most: Singles
    """Log-odds that a surer label takes from each (labels,)."""
    background_share: float
    """Share of that which background takes."""
    is_background: NDArray[np.bool_]

    def left(self, log_odds: NDArray[Real]) -> NDArray[Real]:
        """Return what is left of log-odds (..., labels).

        A net judges each label on its own, and in sounds unlike those that it learned from it is
        too sure of what resembles them: of a violin in a flute, an organ in a piano, a guitar in
        an engine.
        """
        taken = self.most * (_ahead(log_odds) + self._behind(log_odds))
        left: NDArray[Real] = np.subtract(log_odds, taken)
        return left

    def _behind(self, log_odds: NDArray[Real]) -> NDArray[Real]:
        """Return the share that background takes: all of it where it has `HEARD` + 1 or more."""
        surest = log_odds[..., self.is_background].max(axis=-1, keepdims=True, initial=HEARD)
        share: NDArray[Real] = self.background_share * np.clip(surest - HEARD, 0.0, 1.0)
        return share


def _ahead(log_odds: NDArray[Real]) -> NDArray[Real]:
    """Return how far the likeliest label is ahead of each and of `SURE`, up to 1; of itself 0."""
    first = log_odds.max(axis=-1, keepdims=True)
    ahead: NDArray[Real] = np.clip(first - np.maximum(log_odds, SURE), 0.0, 1.0)
    return ahead


def contrast_of(
    labels: Sequence[str],
    background: Sequence[str],
    most: Sequence[float],
    background_share: float,
) -> Contrast:
    """Return the contrast of `labels`, of which some are `background`; empty takes nothing."""
    taken = np.array(most or [0.0] * len(labels), np.float32)
    return Contrast(taken, background_share, np.isin(labels, background))

"""What a surer instrument leaves of the others: its overtones and its room may sound like them."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", bound=np.floating)

SURE = 4.0
"""Log-odds, a probability of 0.982, up to which an instrument takes nothing from the others."""


def contrasted(log_odds: NDArray[Real], contrast: NDArray[Real]) -> NDArray[Real]:
    """Lower labels (..., labels) beside a surer one, by up to their `contrast` (labels,).

    By all of it where the likeliest is 1 or more ahead of a label and of `SURE`, by less where it
    is less ahead; the likeliest itself loses nothing. A net judges each label on its own, and in
    sounds unlike those that it learned from it is too sure of what resembles the instrument that
    plays: of a violin in a flute, a piano in an organ.
    """
    ahead = log_odds.max(axis=-1, keepdims=True) - np.maximum(log_odds, SURE)
    lowered: NDArray[Real] = log_odds - contrast * np.clip(ahead, 0.0, 1.0)
    return lowered

"""How the judgements of a whole sound become one: the mean, those count less that heard little."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_ENOUGH_S = 1.0


def worth(heard_s: NDArray[np.float64]) -> Floats:
    """Return how much judgements count that rest on so many seconds of sound, 0 to 1.

    It rises straight to 1 at one second: right after a sound begins a model has heard an onset and
    little else.
    """
    return np.minimum(heard_s / _ENOUGH_S, 1.0).astype(np.float32)

"""Music behind stems: what the teacher does not hear in it is absent, of the rest nobody knows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from instrd.training.frame_effects import summed
from instrd.training.mixtures.audible import loudness
from instrd.training.teachers.excerpts import Excerpts
from instrd.training.teachers.opinions import Opinions

Floats = NDArray[np.float32]

_BELOW_DB = (0.0, 25.0)


class Behind(NamedTuple):
    """What plays behind a stem."""

    rows: Floats
    """(T, bands + 1), as those of a stem: frames and the level of each newest hop."""
    absent: Floats
    """(labels,): 1 where the teacher is sure that a label does not sound, else 0."""


class Accompaniment:
    """Draws what plays behind stems."""

    def __init__(self, excerpts: Excerpts, labels: Sequence[str]) -> None:
        self._excerpts = excerpts
        self._opinions = Opinions(excerpts.tags, labels)

    def behind(self, stem: Floats, rng: np.random.Generator) -> Behind | None:
        """Return something as loud as the stem (T, bands + 1) or up to 25 dB less loud.

        None where the teacher heard speech, which behind a voice would teach to take it for one.
        """
        excerpt = self._excerpts.draw(rng)
        if self._opinions.is_spoken(excerpt.tags):
            return None
        # The level of an excerpt was not kept; what its bands add up to is as good as it.
        sums, own = summed(excerpt.frames), summed(stem[:, :-1])
        less = np.float32(loudness(own)[0] - loudness(sums)[0] - rng.uniform(*_BELOW_DB))
        levels = sums + less - np.float32(loudness(own)[0] - loudness(stem[:, -1:])[0])
        rows = np.concatenate((excerpt.frames + less, levels), axis=1)
        return Behind(rows, self._opinions.absent(excerpt.tags))

"""Windows of music whose instruments nobody wrote down, with a teacher's opinion of each."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from instrd.training.frame_effects import FLOOR_DB, decibels, masked, noise, power
from instrd.training.mixtures.mixtures import MASK_TIME_SHARE, band_centres_hz
from instrd.training.mixtures.reverberation import draw_room
from instrd.training.recipe import Recipe
from instrd.training.stems.rooms import equaliser
from instrd.training.teachers.excerpts import Excerpts
from instrd.training.teachers.opinions import Opinions

Floats = NDArray[np.float32]

_SALT = 7  # other draws than those of the mixtures of the same step


class Taught(NamedTuple):
    """Windows and what the teacher says of them; in a batch each has a first axis B."""

    frames: Floats
    """(T, bands) in dB."""
    tags: Floats
    """(tags,): the teacher's probabilities of its own tags."""
    targets: Floats
    """(labels,): 1 where a label sounds at all, else 0."""
    weights: Floats
    """(labels,): 0 to 1, how sure the teacher is of that."""
    second: Floats
    """(T, labels): the log-odds that a second teacher gives them; NaN where it gives none."""


class Lessons:
    """Draws windows; the k-th batch of a seed is always the same."""

    def __init__(self, recipe: Recipe, excerpts: Excerpts) -> None:
        self._seed = recipe.seed
        self._excerpts = excerpts
        self._opinions = Opinions(excerpts.tags, recipe.labels)
        asked = [label for label in excerpts.second if label in recipe.labels]
        self._from = [excerpts.second.index(label) for label in asked]
        self._to = [recipe.labels.index(label) for label in asked]
        self._labels = len(recipe.labels)
        self._centres_hz = band_centres_hz(recipe.front_end)
        self._hop_s = recipe.front_end.hop / recipe.front_end.rate_hz

    def batch(self, step: int, *, count: int) -> Taught:
        """Return the batch of a step, `count` windows."""
        rng = np.random.default_rng([self._seed, _SALT, step])
        windows = zip(*(self.window(rng) for _ in range(count)), strict=True)
        return Taught(*(np.stack(arrays) for arrays in windows))

    def window(self, rng: np.random.Generator) -> Taught:
        """Return one window, heard in some other way than the teacher heard it."""
        heard, tags, labelled, said = self._excerpts.draw(rng)
        targets, weights = self._opinions.of(tags)
        if labelled:  # the mixtures tell that of it, and without doubt
            weights = np.zeros_like(weights)
        second = np.full((len(heard), self._labels), np.nan, np.float32)
        second[:, self._to] = said[:, self._from]
        return Taught(self._elsewhere(heard, rng), tags, targets, weights, second)

    def _elsewhere(self, heard: Floats, rng: np.random.Generator) -> Floats:
        heard = heard + np.float32(rng.uniform(-20.0, 5.0))
        if rng.random() < 0.5:
            heard = heard + np.float32(0.7) * equaliser(self._centres_hz, rng)
        if rng.random() < 0.3:
            heard = draw_room(heard.shape[1], self._hop_s, rng).frames(heard)
        if rng.random() < 0.4:
            hiss = noise(heard.shape, rng) + np.float32(
                float(heard.max()) - rng.uniform(35.0, 80.0)
            )
            heard = decibels(power(heard) + power(hiss))
        if rng.random() < 0.2:
            heard = masked(heard, rng, time_share=MASK_TIME_SHARE)
        return np.maximum(heard, np.float32(FLOOR_DB))

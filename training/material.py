"""What each step of a fit learns from, made while the net learns from what came before."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.data import IterableDataset

from instrd.training.lessons import Lessons, Taught
from instrd.training.mixtures import Mixer, Segment
from instrd.training.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """What is learned from: a stem bank, and music that a teacher has heard."""

    bank: Path
    music: Path | None = None


class Step(NamedTuple):
    """What one step learns from: a batch of mixtures, and lessons where there is a teacher."""

    mixtures: Segment
    lessons: Taught | None


class Steps(IterableDataset[Step]):
    """Mixtures made in another process while the net learns from those before."""

    def __init__(self, recipe: Recipe, data: Material, first: int) -> None:
        self._recipe = recipe
        self._data = data
        self._first = first

    def __iter__(self) -> Iterator[Step]:
        torch.set_num_threads(1)
        fit = self._recipe.fit
        mixer = Mixer(self._recipe, self._data.bank, *fit.parts)
        music = self._data.music
        lessons = Lessons(self._recipe, music) if music and fit.lessons else None
        batches = mixer.batches(self._first, fit.steps, count=fit.batch)
        for step, mixtures in enumerate(batches, self._first):
            taught = lessons.batch(step, count=fit.lessons) if lessons else None
            yield Step(mixtures, taught)

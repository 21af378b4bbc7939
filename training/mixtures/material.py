"""What each step of a fit learns from, made while the net learns from what came before."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from instrd.training.mixtures.accompaniment import Accompaniment
from instrd.training.mixtures.lessons import Lessons, Taught
from instrd.training.mixtures.mixtures import Mixer, Segment
from instrd.training.recipe import Recipe
from instrd.training.teachers.excerpts import Excerpts, read_excerpts

_LATE_PARTS = (4, 2)  # a quarter of a segment, or half
_SALT = 11  # other draws than those of mixtures and lessons


@dataclass(frozen=True)
class Material:
    """What is learned from: a stem bank, and music that a teacher has heard."""

    bank: Path
    music: Path | None = None


class Step(NamedTuple):
    """What one step learns from: a batch of mixtures, and lessons where there is a teacher."""

    mixtures: Segment
    lessons: Taught | None
    late_frames: int
    """What the net does not hear of their beginnings."""


class Steps(IterableDataset[Step]):
    """Mixtures made in other processes while the net learns from those before.

    Of several such processes each makes every so many-th step.
    """

    def __init__(self, recipe: Recipe, data: Material, first: int) -> None:
        self._recipe = recipe
        self._data = data
        self._first = first
        # Read here: workers share it, and torch would turn what is wrong with it into a traceback.
        self._excerpts = _excerpts(recipe, data)

    def __iter__(self) -> Iterator[Step]:
        torch.set_num_threads(1)
        fit = self._recipe.fit
        excerpts = self._excerpts
        lessons = Lessons(self._recipe, excerpts) if excerpts and fit.lessons else None
        unknown = excerpts.unlabelled() if excerpts else None
        behind = Accompaniment(unknown, self._recipe.labels) if unknown else None
        mixer = Mixer(self._recipe, self._data.bank, *fit.parts, accompaniment=behind)
        steps = self._own_steps()
        for step, mixtures in zip(steps, mixer.batches(steps, count=fit.batch), strict=True):
            taught = lessons.batch(step, count=fit.lessons) if lessons else None
            yield Step(mixtures, taught, self._late_frames(step))

    def _late_frames(self, step: int) -> int:
        mixing = self._recipe.mixing
        rng = np.random.default_rng([self._recipe.seed, _SALT, step])
        late = rng.random() < mixing.late
        return mixing.segment_frames // int(rng.choice(_LATE_PARTS)) if late else 0

    def _own_steps(self) -> range:
        """Return the steps that are this process's."""
        worker = get_worker_info()
        own, every = (worker.id, worker.num_workers) if worker else (0, 1)
        return range(self._first + own, self._recipe.fit.steps, every)


def _excerpts(recipe: Recipe, data: Material) -> Excerpts | None:
    if data.music is None:
        return None
    return read_excerpts(data.music, recipe.mixing.segment_frames)

"""What a run of `fit` leaves: its recipe, its checkpoint and, of that, the averaged net.

Of a bundle the same can be read, but for what only learning needs: so what is served can be gone
on with, or guide, when its run folder is no more.
"""

from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch
from torch import Tensor

from instrd.models.bundle import MANIFEST, read_bundle
from instrd.models.nets.causal_net import CausalNet
from instrd.training.checkpoint import CHECKPOINT, load_checkpoint
from instrd.training.errors import TrainingError
from instrd.training.mixtures.student import Student
from instrd.training.mixtures.tuned_teacher import TunedTeacher
from instrd.training.recipe import RECIPE, Recipe
from instrd.training.results import METRICS
from instrd.training.struct_files import read_json, write_json
from instrd.training.teachers.teacher import read_net

Learner = Student | TunedTeacher
"""Gives logits of our labels and of the teacher's tags; its `net` is what is kept."""


def build(recipe: Recipe) -> CausalNet:
    """Return the untrained net of a recipe."""
    return CausalNet(bands=recipe.front_end.width, labels=len(recipe.labels), wide=recipe.wide)


def learner_of(recipe: Recipe, teacher: Path | None = None) -> Learner:
    """Return who learns by a recipe, untrained; a tuned one begins as the teacher in a folder."""
    if not recipe.tuned:
        return Student(build(recipe))
    known = read_net(teacher) if teacher else None
    return TunedTeacher(recipe.front_end, len(recipe.labels), known)


def is_bundle(folder: Path) -> bool:
    """Tell a bundle from a run folder."""
    return (folder / MANIFEST).is_file()


def recipe_of(run: Path) -> Recipe:
    """Return the recipe that a run, or a bundle's net, was fitted by; raises `TrainingError`."""
    if is_bundle(run):
        return _recipe_of_bundle(run)
    return read_json(run / RECIPE, Recipe, "holds no training run; run instrd-train fit first")


def _recipe_of_bundle(folder: Path) -> Recipe:
    try:
        return msgspec.convert(read_bundle(folder).manifest.recipe, Recipe)
    except msgspec.ValidationError as error:
        raise TrainingError(folder, f"is no bundle of a net of stems: {error}") from error


def claim(run: Path, recipe: Recipe) -> None:
    """Write the recipe of a run that begins or goes on; raises `TrainingError`.

    What a folder holds already must be of the same net and have heard the same, whatever else has
    changed since.
    """
    if is_bundle(run):
        raise TrainingError(run, "is a bundle; begin a run elsewhere with it (--start)")
    if (run / METRICS).is_file():
        raise TrainingError(run, "holds a run on clips; give this one a folder of its own")
    if (run / CHECKPOINT).is_file():
        before = recipe_of(run)
        if not is_of_same_net(before, recipe):
            raise TrainingError(
                run, "holds a run of another net (--wide, --tune, labels or front-end differ)"
            )
        if _heard_by(before) != _heard_by(recipe):
            reason = "holds a run that hears something else ([split], --seed, --last or --finish)"
            raise TrainingError(run, f"{reason}; give this one a folder of its own")
    run.mkdir(parents=True, exist_ok=True)
    write_json(run / RECIPE, recipe)


def is_of_same_net(one: Recipe, other: Recipe) -> bool:
    """Say whether the weights of a recipe's net mean the same in that of the other."""
    return _net_of(one) == _net_of(other)


def _heard_by(recipe: Recipe) -> tuple[Any, ...]:
    return recipe.split, recipe.seed, recipe.fit.parts


def _net_of(recipe: Recipe) -> tuple[Any, ...]:
    return recipe.labels, recipe.front_end, recipe.wide, recipe.tuned


def read_checkpoint(run: Path) -> dict[str, Any]:
    """Return a run's checkpoint with its tensors on the CPU; raises `TrainingError`.

    Of a bundle it is the `average`, the net's weights, alone.
    """
    if is_bundle(run):
        return {"average": _weights_of_bundle(run)}
    return load_checkpoint(run)


def _weights_of_bundle(folder: Path) -> dict[str, Tensor]:
    kept = safetensors.torch.load_file(read_bundle(folder).weights)
    return {
        name: value.float() if value.is_floating_point() else value for name, value in kept.items()
    }


def trained(recipe: Recipe, run: Path) -> CausalNet:
    """Return the run's averaged net, ready to judge; raises `TrainingError` of a teacher's run."""
    if recipe.tuned:
        raise TrainingError(run, "is of a tuned teacher, which may guide a net and is no model")
    net = build(recipe)
    net.load_state_dict(read_checkpoint(run)["average"])
    return net.eval()


def tuned(recipe: Recipe, run: Path) -> TunedTeacher:
    """Return the run's averaged teacher, ready to judge."""
    net = TunedTeacher(recipe.front_end, len(recipe.labels))
    net.load_state_dict(read_checkpoint(run)["average"])
    return net.eval()

"""What a run of `fit` leaves: its recipe, its checkpoint and, of that, the averaged net."""

from pathlib import Path
from typing import Any

import msgspec
import torch

from instrd.models.nets.causal_net import CausalNet
from instrd.training.errors import TrainingError
from instrd.training.recipe import Recipe
from instrd.training.student import Student
from instrd.training.teacher import read_net
from instrd.training.tuned_teacher import TunedTeacher

Learner = Student | TunedTeacher
"""Gives logits of our labels and of the teacher's tags; its `net` is what is kept."""

CHECKPOINT = "checkpoint.pt"
RECIPE = "recipe.json"


def build(recipe: Recipe) -> CausalNet:
    """Return the untrained net of a recipe."""
    return CausalNet(bands=recipe.front_end.width, labels=len(recipe.labels), wide=recipe.wide)


def learner_of(recipe: Recipe, teacher: Path | None = None) -> Learner:
    """Return who learns by a recipe, untrained; a tuned one begins as the teacher in a folder."""
    if not recipe.tuned:
        return Student(build(recipe))
    known = read_net(teacher) if teacher else None
    return TunedTeacher(recipe.front_end, len(recipe.labels), known)


def recipe_of(run: Path) -> Recipe:
    """Return the recipe that a run was fitted by; raises `TrainingError`."""
    try:
        return msgspec.json.decode((run / RECIPE).read_bytes(), type=Recipe)
    except OSError as error:
        raise TrainingError(run, "holds no training run; run instrd-train fit first") from error
    except msgspec.DecodeError as error:
        raise TrainingError(run / RECIPE, str(error)) from error


def claim(run: Path, recipe: Recipe) -> None:
    """Write the recipe of a run that begins or goes on; raises `TrainingError`.

    What a folder holds already must be of the same net, whatever else has changed since.
    """
    if (run / CHECKPOINT).is_file() and _net_of(recipe_of(run)) != _net_of(recipe):
        raise TrainingError(
            run, "holds a run of another net (--wide, --tune, labels or front-end differ)"
        )
    run.mkdir(parents=True, exist_ok=True)
    (run / RECIPE).write_bytes(msgspec.json.format(msgspec.json.encode(recipe), indent=1))


def _net_of(recipe: Recipe) -> tuple[Any, ...]:
    return recipe.labels, recipe.front_end, recipe.wide, recipe.tuned


def read_checkpoint(run: Path) -> dict[str, Any]:
    """Return a run's checkpoint with its tensors on the CPU; raises `TrainingError`."""
    try:
        checkpoint: dict[str, Any] = torch.load(
            run / CHECKPOINT, map_location="cpu", weights_only=True
        )
    except FileNotFoundError as error:
        raise TrainingError(run, f"holds no {CHECKPOINT}") from error
    return checkpoint


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

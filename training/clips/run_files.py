"""The files of a run folder besides its result and its data: recipe, weights, pictures."""

from pathlib import Path

import safetensors.torch
from torch import nn

from instrd.models.bundle import WEIGHTS
from instrd.models.new_file import new_file
from instrd.training.clips.plots import confusion, curves
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.recipe import RECIPE
from instrd.training.results import RunResult, confusion_of
from instrd.training.struct_files import read_json, write_json

CURVES, CONFUSION = "curves.png", "confusion.png"


def write_recipe(run: Path, recipe: ClipRecipe) -> None:
    run.mkdir(parents=True, exist_ok=True)
    write_json(run / RECIPE, recipe)


def read_recipe_of(run: Path) -> ClipRecipe | None:
    """Return the recipe of a run folder; None where there is none yet."""
    if not (run / RECIPE).is_file():
        return None
    return read_json(run / RECIPE, ClipRecipe, f"its {RECIPE} cannot be read")


def write_weights(run: Path, net: nn.Module) -> None:
    tensors = {name: tensor.cpu().contiguous() for name, tensor in net.state_dict().items()}
    with new_file(run / WEIGHTS) as file:
        file.write(safetensors.torch.save(tensors))


def write_pictures(run: Path, result: RunResult) -> None:
    """Draw the curves and the confusion matrix of a run."""
    if result.history:
        (run / CURVES).write_bytes(curves([result], "png"))
    if result.answers:
        (run / CONFUSION).write_bytes(confusion(*confusion_of([result]), "png"))

"""The files of a run folder besides its result and its data: recipe, weights, pictures, time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors.torch
from torch import nn

from instrd.models.bundle import WEIGHTS
from instrd.models.new_file import new_file
from instrd.training.clip_recipe import ClipRecipe
from instrd.training.errors import TrainingError
from instrd.training.plots import confusion, curves
from instrd.training.recipe import RECIPE
from instrd.training.results import RunResult, confusion_of
from instrd.training.struct_files import read_json, write_json

SECONDS = "seconds.txt"
CURVES, CONFUSION = "curves.png", "confusion.png"


class Clock:
    """Seconds that a run has taken, all its parts together."""

    def __init__(self, before_s: float) -> None:
        self._before_s = before_s
        self._began_s = time.monotonic()

    @property
    def seconds(self) -> float:
        return round(self._before_s + time.monotonic() - self._began_s, 1)


@contextmanager
def take_time(run: Path) -> Iterator[Clock]:
    """Take the time of a run that may have begun in an earlier process."""
    file = run / SECONDS
    clock = Clock(_seconds_in(file) if file.is_file() else 0.0)
    try:
        yield clock
    finally:
        with new_file(file) as out:
            out.write(f"{clock.seconds}\n".encode())


def _seconds_in(file: Path) -> float:
    try:
        return float(file.read_bytes())
    except ValueError as error:
        raise TrainingError(file, "says no seconds; without it they are counted anew") from error


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

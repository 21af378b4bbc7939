"""Fits a recipe's net on labelled clips: windows in, a run folder with its result out."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import torch
from scipy.special import softmax
from torch import nn

from instrd.models.registry import architecture
from instrd.training.checkpoint import CHECKPOINT
from instrd.training.clips.epochs import Task, run_epochs
from instrd.training.clips.frame_cache import FrameCache
from instrd.training.clips.net_answers import logits_of
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.run_data import (
    DATA,
    SPLIT,
    read_split,
    refuse_other_data,
    write_data,
    write_split,
)
from instrd.training.clips.run_files import (
    read_recipe_of,
    write_pictures,
    write_recipe,
    write_weights,
)
from instrd.training.clips.split import Example, Parts, divide
from instrd.training.clips.svm import fit_svm
from instrd.training.clips.windows import Windows
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import LabelledFolder, name_below, strays
from instrd.training.machines import join
from instrd.training.progress import Watch, unwatched
from instrd.training.recipe import RECIPE
from instrd.training.results import METRICS, Answer, Epoch, RunResult, read_result, write_result

_MEASURED = 512
"""Training windows from which a net's scaling is measured."""
_UNBUILDABLE = (TypeError, ValueError, RuntimeError, AssertionError)
"""What the layers of a net raise for sizes that do not fit."""


def fit_clips(
    recipe: ClipRecipe, folder: LabelledFolder, run: Path, watch: Watch = unwatched
) -> RunResult:
    """Train on a folder and return what came of it; a finished run is only read.

    An unfinished run goes on from its last epoch, with the split that it began with; a run folder
    of another recipe or other data is refused, and one of what is no run. Unreadable files are
    left out and listed in the result. Raises `TrainingError`.
    """
    if (run / METRICS).is_file():
        _refuse_other(recipe, folder, run)
        return read_result(run)
    with join() as place:
        begins = not (run / CHECKPOINT).is_file()
        if place.leads and begins:
            _refuse_foreign(run)
        elif place.leads:
            _refuse_other(recipe, folder, run)
        cache = FrameCache(recipe.front_end)
        if place.leads:
            readable, _ = cache.fill((clip.path for clip in folder.clips), watch)
            if begins:
                _begin(recipe, folder, run, set(readable))
        place.wait()
        _, errors = cache.fill(clip.path for clip in folder.clips)
        parts = read_split(run, recipe, folder)
        windows = Windows(recipe, cache, parts.train)
        fitted = _fit(Task(recipe, parts, windows, run, place), watch)
        if place.leads:
            left_out = (*strays(folder), *(str(error) for error in errors))
            _finish(run, folder.root, parts, fitted, left_out)
        place.wait()
    return read_result(run)


def _refuse_foreign(run: Path) -> None:
    """Raise `TrainingError` for what is no folder for a run: its files would be written over."""
    if run.exists() and not run.is_dir():
        raise TrainingError(run, "is no folder")
    ours = all((run / name).is_file() for name in (RECIPE, DATA, SPLIT))
    if run.is_dir() and any(run.iterdir()) and not ours:
        raise TrainingError(run, "is not empty and holds no run; give another --run")


def _begin(recipe: ClipRecipe, folder: LabelledFolder, run: Path, readable: set[Path]) -> None:
    """Write what a run is of. What began in its folder and learned nothing is forgotten."""
    parts = divide([clip for clip in folder.clips if clip.path in readable], recipe)
    write_recipe(run, recipe)
    write_data(run, folder)
    write_split(run, folder.root, parts)


def built(recipe: ClipRecipe, labels: int) -> nn.Module:
    """Return the recipe's net, untrained."""
    kind = architecture(recipe.architecture)
    allowed = get_type_hints(kind.__init__)  # type: ignore[misc]  # of the class itself
    where = f"recipe {recipe.name}"
    try:
        own = {k: _checked(k, v, allowed.get(k, Any)) for k, v in recipe.network.items()}
        shape = {"frames": recipe.window_frames, "width": recipe.front_end.width, "labels": labels}
        net: nn.Module = kind(**shape, **own)
    except OSError as error:
        raise TrainingError(where, f"its weights cannot be downloaded: {error}") from error
    except _UNBUILDABLE as error:
        raise TrainingError(where, f"[network]: {error}") from error
    return net


def _checked(name: str, value: Any, allowed: Any) -> Any:
    try:
        return msgspec.convert(value, allowed)
    except msgspec.ValidationError as error:
        raise ValueError(f"{name}: got {value!r}: {error}") from error


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained net with what it took and what it says."""

    recipe: ClipRecipe
    net: nn.Module
    history: tuple[Epoch, ...]
    training_s: float
    windows: Windows


def _fit(task: Task, watch: Watch) -> Fitted:
    recipe = task.recipe
    torch.manual_seed(recipe.seed)
    net = built(recipe, len(task.parts.labels))
    if recipe.architecture == "svm":
        history: tuple[Epoch, ...] = ()
        began_s = time.monotonic()
        fit_svm(net, recipe, task.windows)
        training_s = time.monotonic() - began_s
    else:
        _measure_scaling(net, task.windows)
        history, training_s = run_epochs(net.to(task.place.device), task, watch)
    return Fitted(recipe, net.eval(), history, training_s, task.windows)


def _measure_scaling(net: nn.Module, windows: Windows) -> None:
    frames, _ = windows.training_batch(windows.epoch(0)[:_MEASURED], 0)
    net.scaling.measure(torch.from_numpy(frames))  # type: ignore[operator,union-attr]  # every net of windows has one


def _finish(run: Path, root: Path, parts: Parts, fitted: Fitted, left_out: tuple[str, ...]) -> None:
    result = RunResult(
        name=fitted.recipe.name,
        labels=parts.labels,
        parameters=sum(tensor.numel() for tensor in fitted.net.state_dict().values()),
        training_s=round(fitted.training_s, 1),
        history=fitted.history,
        answers=_answers(fitted, parts, parts.test, root),
        validation=_answers(fitted, parts, parts.validation, root),
        left_out=left_out,
    )
    write_weights(run, fitted.net)
    write_pictures(run, result)
    write_result(run, result)


def _answers(
    fitted: Fitted, parts: Parts, examples: Sequence[Example], root: Path
) -> tuple[Answer, ...]:
    return tuple(
        Answer(
            path=name_below(root, example.path),
            label=parts.labels[example.label],
            p=_mean_p(fitted, example),
            sha256=hashlib.sha256(example.path.read_bytes()).hexdigest(),
        )
        for example in examples
    )


def _mean_p(fitted: Fitted, example: Example) -> tuple[float, ...]:
    p = softmax(logits_of(fitted.net, fitted.windows.of_clip(example)), axis=1)
    return tuple(p.mean(axis=0).round(5).tolist())


def _refuse_other(recipe: ClipRecipe, folder: LabelledFolder, run: Path) -> None:
    before = read_recipe_of(run)
    if before is not None and before != recipe:
        alike = msgspec.structs.replace(before, seed=recipe.seed) == recipe
        what = f"seed {before.seed}, not {recipe.seed} (--seed)" if alike else "another recipe"
        raise TrainingError(run, f"holds a run of {what}; give each run its own folder")
    refuse_other_data(run, folder)

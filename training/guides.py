"""Guides: nets too wide to serve, whose judgement the net that is served learns.

Hinton et al. 2015, "Distilling the knowledge in a neural network": what several judge on average
teaches more than what one does.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, pad

from instrd.training.errors import TrainingError
from instrd.training.fitted import recipe_of, trained
from instrd.training.recipe import Recipe

Judge = Callable[[Tensor], Tensor]
"""Maps frames (B, T, bands) to probabilities (B, T, labels)."""


def read_guides(runs: Sequence[Path], recipe: Recipe, device: torch.device) -> Judge | None:
    """Return what judges as the nets of `runs` do on average, None of none.

    Raises `TrainingError`.
    """
    if runs and recipe.guide is None:
        raise TrainingError("--guide", f"the recipe {recipe.name} has no [guide]")
    judges = [_judge_of(run, recipe, device) for run in runs]

    def judge(frames: Tensor) -> Tensor:
        return torch.stack([one(frames) for one in judges]).mean(dim=0)

    return judge if judges else None


def ahead(probabilities: Tensor, frames: int) -> Tensor:
    """Map (B, T, labels) to the mean of each frame and those after it, `frames` in all.

    After the last frame all is taken to be as in it.
    """
    followed = pad(probabilities.transpose(1, 2), (0, frames - 1), mode="replicate")
    return avg_pool1d(followed, frames, stride=1).transpose(1, 2)


def _judge_of(run: Path, recipe: Recipe, device: torch.device) -> Judge:
    own = recipe_of(run)
    if (own.labels, own.front_end) != (recipe.labels, recipe.front_end):
        raise TrainingError(run, "cannot guide: it has other labels or another front-end")
    net = trained(own, run).to(device)
    called = torch.compile(net) if recipe.fit.compiled else net

    def judge(frames: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            logits: Tensor = called(frames, net.initial_state(len(frames)))[0]
        return torch.sigmoid(logits.float())

    return judge

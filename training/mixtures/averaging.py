"""The mean of what several runs of one recipe's net ended with.

Runs that began with each other's weights lie in one basin, in whose middle a net generalises
better than at its rim (Izmailov et al. 2018, "Averaging weights leads to wider optima and better
generalization"; Wortsman et al. 2022, "Model soups").
"""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from instrd.training.checkpoint import CHECKPOINT, write_checkpoint
from instrd.training.errors import TrainingError
from instrd.training.mixtures.fitted import claim, is_of_same_net, read_checkpoint, recipe_of
from instrd.training.mixtures.inherited import inherit

_KEPT = ("student", "average")
"""Of a bundle there is the latter only."""


def average_runs(runs: Sequence[Path], shares: Sequence[float], *, out: Path) -> None:
    """Write a run folder whose weights are those of `runs`, or bundles, in the given shares.

    Its recipe is that of the last. It can be exported and begun with, but not gone on with: it
    has no optimisers. Raises `TrainingError`.
    """
    if len(runs) < 2 or len(shares) != len(runs):
        reason = f"got {len(shares)} for {len(runs)} runs; needs one for each of two runs or more"
        raise TrainingError("--share", reason)
    if not math.isclose(sum(shares), 1.0, abs_tol=1e-6) or min(shares) < 0.0:
        given = ", ".join(map(str, shares))
        raise TrainingError("--share", f"got {given}; allowed: shares from 0 on, together 1")
    recipe = recipe_of(runs[-1])
    for run in runs:
        if not is_of_same_net(recipe_of(run), recipe):
            raise TrainingError(run, f"is of another net than {runs[-1]}")
    if (out / CHECKPOINT).exists():
        raise TrainingError(out, "holds a run; give a folder that does not")
    read = [read_checkpoint(run) for run in runs]
    mean = {
        kept: _mean([checkpoint[kept] for checkpoint in read], shares)
        for kept in _KEPT
        if all(kept in checkpoint for checkpoint in read)
    }
    claim(out, recipe)
    inherit(out, runs)
    write_checkpoint(out, mean)


def _mean(states: Sequence[dict[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Return the mean of weights and statistics; whole numbers are those of the last run."""
    last = states[-1]
    mean = dict(last)
    for name, value in last.items():
        if value.is_floating_point():
            weighed = [share * state[name] for share, state in zip(shares, states, strict=True)]
            mean[name] = torch.stack(weighed).sum(dim=0)
    return mean

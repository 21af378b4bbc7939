"""Guides: nets too wide to serve, or a tuned teacher, whose judgement the served net learns.

Hinton et al. 2015, "Distilling the knowledge in a neural network": what several judge on average
teaches more than what one does. The mean is that of logits: where one is sure it decides.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, pad

from instrd.models.nets.causal_net import CausalNet
from instrd.training.errors import TrainingError
from instrd.training.machines import half_width
from instrd.training.mixtures.fitted import recipe_of, trained, tuned
from instrd.training.mixtures.tuned_teacher import TunedTeacher
from instrd.training.recipe import Recipe, YamNetShare

Judge = Callable[[Tensor], Tensor]
"""Maps frames (B, T, bands) to values (B, T, labels)."""


def read_guides(runs: Sequence[Path], recipe: Recipe, device: torch.device) -> Judge | None:
    """Return what gives probabilities as the nets of `runs` do on average, None of none.

    Raises `TrainingError`.
    """
    if runs and recipe.guide is None:
        raise TrainingError("--guide", f"the recipe {recipe.name} has no [guide]")
    judges = [_logits_of(run, recipe, device) for run in runs]

    def judge(frames: Tensor) -> Tensor:
        return torch.sigmoid(torch.stack([one(frames) for one in judges]).mean(dim=0))

    return judge if judges else None


def trusted(judged: Tensor, targets: Tensor, weights: Tensor, labels: Tensor) -> Tensor:
    """Return guides' probabilities of mixtures, but none of `labels` where none of them sounds.

    What guides take for an instrument wrongly in a segment that surely has none, such as hum,
    is not to be learned. All are (B, T, labels), `labels` (labels,) tells the instruments.
    """
    absent = (targets == 0.0) & (weights > 0.0)
    none = (absent | ~labels).flatten(1).all(dim=1)
    return torch.where(none[:, None, None] & labels, 0.0, judged)


def ahead(probabilities: Tensor, frames: int) -> Tensor:
    """Map (B, T, labels) to the mean of each frame and those after it, `frames` in all.

    After the last frame all is taken to be as in it.
    """
    followed = pad(probabilities.transpose(1, 2), (0, frames - 1), mode="replicate")
    return avg_pool1d(followed, frames, stride=1).transpose(1, 2)


def joined(probabilities: Tensor, log_odds: Tensor, yamnet: YamNetShare) -> Tensor:
    """Return the mean of what guides and a second teacher say, in log-odds, as probabilities.

    All are (B, T, labels); where the second says nothing, NaN, the guides decide alone. Of an
    instrument that plays YAMNet is far less sure than ours are, so that its log-odds are raised.
    """
    ours = torch.logit(probabilities, eps=1e-6)
    both = torch.lerp(ours, log_odds + yamnet.raised, yamnet.share)
    return torch.sigmoid(torch.where(log_odds.isnan(), ours, both))


def _logits_of(run: Path, recipe: Recipe, device: torch.device) -> Judge:
    own = recipe_of(run)
    if (own.labels, own.front_end) != (recipe.labels, recipe.front_end):
        raise TrainingError(run, "cannot guide: it has other labels or another front-end")
    net = _Called(tuned(own, run) if own.tuned else trained(own, run)).to(device)
    compiled = torch.compile(net) if recipe.fit.compiled else net

    half = half_width(device)

    def judge(frames: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits: Tensor = compiled(frames)
        return logits.float()

    return judge


class _Called(nn.Module):
    """Maps frames of streams that begin to logits, whichever net it is."""

    def __init__(self, net: CausalNet | TunedTeacher) -> None:
        super().__init__()
        self.net = net

    def forward(self, frames: Tensor) -> Tensor:
        logits: Tensor
        if isinstance(self.net, TunedTeacher):
            logits, _ = self.net(frames)
        else:
            logits, _ = self.net(frames, self.net.initial_state(len(frames)))
        return logits

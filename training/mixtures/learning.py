"""One step of a fit: what every loss is of, and how the weights move."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from instrd.training.machines import half_width
from instrd.training.mixtures.cold_starts import begun
from instrd.training.mixtures.fitted import Learner
from instrd.training.mixtures.guides import Judge, ahead, joined, trusted
from instrd.training.mixtures.material import Step
from instrd.training.mixtures.student import guided_loss, known_loss, taught_loss
from instrd.training.recipe import Recipe

Optimisers = tuple[torch.optim.Optimizer, ...]
Losses = tuple[Tensor, ...]
"""Of mixtures, of guides' judgement, of a teacher's tags and of its opinion of our labels."""


class Nets(NamedTuple):
    """Who learns, how it is called, and how guides judge, if there are any."""

    student: Learner
    forward: Callable[[Tensor], tuple[Tensor, Tensor]]
    guide: Judge | None
    spread: Tensor
    """What the first frames of a stream see, as `cold_starts.spreads` gives it."""


def learn(nets: Nets, optimisers: Optimisers, step: Step, recipe: Recipe) -> Losses:
    """Take one step and return its losses.

    The student hears streams that begin; its guides have heard what came before.
    """
    device = next(nets.student.parameters()).device
    mixtures = _tensors(step.mixtures, device)
    lessons = step.lessons and _tensors(step.lessons, device)
    frames = torch.cat([mixtures[0], lessons[0]]) if lessons else mixtures[0]
    count, late = len(mixtures[0]), step.late_frames
    _, targets, weights = mixtures
    heard = begun(frames[:, late:], nets.spread)
    with torch.autocast(device.type, torch.bfloat16, enabled=half_width(device)):
        logits, tags = nets.forward(heard)
    total = known_loss(
        logits[:count].float(),
        targets[:, late:],
        weights[:, late:],
        positive_weight=recipe.fit.positive_weight,
    )
    losses = [total]
    if nets.guide is not None and recipe.guide is not None:
        guiding = _guiding(nets.guide(frames), mixtures, lessons, recipe)
        losses.append(guided_loss(logits.float(), guiding[:, late:]))
        total = total + recipe.guide.weight * losses[-1]
    if lessons:
        _, said, wanted, sure, _ = lessons
        tags_loss = binary_cross_entropy_with_logits(tags[count:].float(), said)
        label_loss = taught_loss(logits[count:].float(), wanted, sure)
        total = total + recipe.fit.tags_weight * tags_loss + recipe.fit.lessons_weight * label_loss
        losses += [tags_loss, label_loss]
    nets.student.zero_grad(set_to_none=True)
    total.backward()
    nn.utils.clip_grad_norm_(nets.student.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
    return tuple(loss.detach() for loss in losses)


def _guiding(
    judged: Tensor, mixtures: list[Tensor], lessons: list[Tensor] | None, recipe: Recipe
) -> Tensor:
    """Return what is to be learned of guides' probabilities (B, T, labels), as many."""
    frames, targets, weights = mixtures
    assert recipe.guide is not None
    known, unknown = judged.split([len(frames), len(judged) - len(frames)])
    plays = [label not in recipe.background for label in recipe.labels]
    known = trusted(known, targets, weights, torch.tensor(plays, device=judged.device))
    later = ahead(unknown, recipe.guide.ahead_frames)
    if lessons and recipe.guide.yamnet:
        later = joined(later, lessons[-1], recipe.guide.yamnet)
    return torch.cat([known, later])


def _tensors(arrays: tuple[Any, ...], device: torch.device) -> list[Tensor]:
    return [torch.from_numpy(array).to(device) for array in arrays]

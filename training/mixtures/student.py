"""A net that is being taught: besides our labels it learns what the teacher hears."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from instrd.models.nets.causal_net import CausalNet
from instrd.training.teachers.teacher_net import TAGS

_LITTLE = 1e-6


class Student(nn.Module):
    """The net with a second head, for the teacher's tags; only the net is kept in the end."""

    def __init__(self, net: CausalNet) -> None:
        super().__init__()
        self.net = net
        self.tags = nn.Linear(net.head.in_features, TAGS)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Map frames (B, T, bands) of streams that begin to logits of ours and of the tags.

        Ours are (B, T, labels), those of the tags (B, tags): of what was heard on average.
        """
        read, _ = self.net.embed(frames, self.net.initial_state(len(frames)))
        return self.net.head(read), self.tags(read.mean(dim=1))


def known_loss(logits: Tensor, targets: Tensor, weights: Tensor, positive_weight: float) -> Tensor:
    """Return the cross entropy of the judged frames; all are (B, T, labels)."""
    each = binary_cross_entropy_with_logits(
        logits, targets, reduction="none", pos_weight=logits.new_tensor(positive_weight)
    )
    return (each * weights).sum() / weights.sum()


def guided_loss(logits: Tensor, guiding: Tensor) -> Tensor:
    """Return the cross entropy between a net's logits and its guides' probabilities.

    Both are (B, T, labels); each label counts on its own.
    """
    return binary_cross_entropy_with_logits(logits, guiding)


def taught_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the cross entropy between what the net and the teacher hear in a whole window.

    `logits` are (B, T, labels), the others (B, labels). Frames are pooled by linear softmax (Wang
    et al. 2019, "A comparison of five multiple instance learning pooling functions"): a label
    that sounds in a part of the window may be wanted there and unwanted elsewhere.
    """
    p = torch.sigmoid(logits)
    pooled = (p * p).sum(dim=1) / (p.sum(dim=1) + _LITTLE)
    pooled = pooled.clamp(_LITTLE, 1.0 - _LITTLE)
    each = -(targets * pooled.log() + (1.0 - targets) * (1.0 - pooled).log())
    return (each * weights).sum() / weights.sum().clamp(min=1.0)

"""A linear support vector machine over MFCC, as arrays that any runtime can multiply."""

import math
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor, nn


class MfccSvm(nn.Module):
    """Standardised features of a window against one hyperplane a label, or a pair of labels.

    The features are all frames, flattened, as in the paper; or statistics of each coefficient:
    mean and deviation over the window, the same with frames weighted by their amplitude, and the
    deviation of the change from frame to frame. The first coefficient, which tells the level, is
    then taken relative to the loudest frame's. `bands` are those that the MFCC came from.

    One against one, the logits are the decision function of scikit-learn's SVC: the votes of all
    pairs, and less than a third of a vote for how sure they were.
    """

    def __init__(
        self,
        *,
        frames: int,
        width: int,
        labels: int,
        bands: int = 128,
        features: Literal["flatten", "statistics"] = "flatten",
        machines: Literal["one_vs_one", "one_vs_rest"] = "one_vs_one",
    ) -> None:
        super().__init__()
        self.flattened = features == "flatten"
        self.in_pairs = machines == "one_vs_one"
        inputs = frames * width if self.flattened else 5 * width
        # The first coefficient is the sum of the bands in dB over the root of their number.
        self.amplitude_exponent = math.log(10.0) / 20.0 / math.sqrt(bands)
        pairs = list(combinations(range(labels), 2))
        planes = len(pairs) if self.in_pairs else labels
        self.register_buffer("feature_mean", torch.zeros(inputs))
        self.register_buffer("feature_deviation", torch.ones(inputs))
        self.register_buffer("normals", torch.zeros(planes, inputs))
        self.register_buffer("offsets", torch.zeros(planes))
        sides = torch.zeros(len(pairs), labels)
        for pair, (first, second) in enumerate(pairs):
            sides[pair, first], sides[pair, second] = 1.0, -1.0
        self.register_buffer("sides", sides, persistent=False)
        self.feature_mean: Tensor
        self.feature_deviation: Tensor
        self.normals: Tensor
        self.offsets: Tensor
        self.sides: Tensor

    def describe(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, width) to features (B, inputs), not yet standardised."""
        if self.flattened:
            return frames.flatten(1)
        level = frames[:, :, :1] - frames[:, :, :1].amax(dim=1, keepdim=True)
        relative = torch.cat([level, frames[:, :, 1:]], dim=2)
        change = relative[:, 1:] - relative[:, :-1]
        loud = torch.softmax(level * self.amplitude_exponent, dim=1)
        even = torch.ones_like(loud) / frames.shape[1]
        even_change = torch.ones_like(loud[:, 1:]) / (frames.shape[1] - 1)
        parts = [*_statistics(relative, even), *_statistics(relative, loud)]
        return torch.cat([*parts, _statistics(change, even_change)[1]], dim=1)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, width) to logits (B, labels)."""
        standard = (self.describe(frames) - self.feature_mean) / self.feature_deviation
        margins = standard @ self.normals.T + self.offsets
        if not self.in_pairs:
            return margins
        votes = (margins.sign() @ self.sides + self.sides.abs().sum(dim=0)) / 2.0
        sureness = margins @ self.sides
        return votes + sureness / (3.0 * (sureness.abs() + 1.0))


def _statistics(frames: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return weighted mean and deviation over time, (B, width), weights (B, T, 1)."""
    mean = (frames * weights).sum(dim=1)
    spread = ((frames - mean.unsqueeze(1)).square() * weights).sum(dim=1)
    return mean, (spread + 1e-6).sqrt()

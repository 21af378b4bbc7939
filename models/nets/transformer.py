"""The paper's `AudioTransformer`: a Transformer encoder over mel frames."""

import math

import torch
from torch import Tensor, nn

from instrd.models.nets.scaling import Scaling

MOST_POSITIONS = 5000


class MelTransformer(nn.Module):
    """Sinusoidal positions, encoder layers, mean over time, a linear layer.

    `patch` consecutive frames make one step; where they do not have the encoder's 128 features
    by themselves, a linear layer maps them. `norm_first` normalises before attention, not after
    (Xiong et al. 2020).
    """

    def __init__(
        self,
        *,
        frames: int,
        width: int,
        labels: int,
        features: int = 128,
        heads: int = 8,
        layers: int = 3,
        feed_forward: int = 256,
        dropout: float = 0.1,
        patch: int = 1,
        norm_first: bool = False,
        relative: bool = False,
    ) -> None:
        super().__init__()
        self.scaling = Scaling(width, relative=relative)
        self.patch = patch
        self.steps = frames // patch
        inputs = width * patch
        self.embed = nn.Identity() if inputs == features else nn.Linear(inputs, features)
        self.register_buffer("positions", sinusoids(self.steps, features), persistent=False)
        self.positions: Tensor
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            features, heads, feed_forward, dropout, batch_first=True, norm_first=norm_first
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.fc_out = nn.Linear(features, labels)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, width) to logits (B, labels)."""
        scaled = self.scaling(frames)[:, -self.steps * self.patch :]
        steps = self.embed(scaled.reshape(-1, self.steps, self.patch * scaled.shape[2]))
        encoded = self.encoder(self.dropout(steps + self.positions))
        logits: Tensor = self.fc_out(encoded.mean(dim=1))
        return logits


def sinusoids(steps: int, features: int) -> Tensor:
    """Return positions (steps, features) as sines and cosines (Vaswani et al. 2017)."""
    if steps > MOST_POSITIONS:
        msg = f"got {steps} steps, allowed 1..{MOST_POSITIONS}"
        raise ValueError(msg)
    rates = torch.exp(torch.arange(0, features, 2) * (-math.log(10_000.0) / features))
    angles = torch.arange(steps)[:, None] * rates[None, :]
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)

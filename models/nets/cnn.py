"""The paper's `AudioClassifier`: three convolutions on the picture of a spectrogram."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from instrd.models.nets.scaling import Scaling


class SpectrogramCnn(nn.Module):
    """Three times convolution, ReLU and 2x2 max-pooling; flatten, 128 neurons, dropout, labels.

    `size` resizes the picture (frames, bands) first. `norm` puts batch norm behind each
    convolution, and `mean_over_time` averages what is left of time, so that it does not matter
    when in the window something sounds.
    """

    def __init__(
        self,
        *,
        frames: int,
        width: int,
        labels: int,
        channels: Sequence[int] = (16, 32, 64),
        hidden: int = 128,
        dropout: float = 0.5,
        size: tuple[int, int] | None = None,
        norm: bool = False,
        mean_over_time: bool = False,
        relative: bool = False,
    ) -> None:
        super().__init__()
        self.scaling = Scaling(width, relative=relative)
        self.size = None if size is None else [int(side) for side in size]
        self.mean_over_time = mean_over_time
        stages: list[nn.Module] = []
        inputs = 1
        for outputs in channels:
            stages.append(nn.Conv2d(inputs, outputs, 3, padding=1))
            stages += [nn.BatchNorm2d(outputs)] if norm else []
            stages += [nn.ReLU(), nn.MaxPool2d(2)]
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        time, bands = (side >> len(channels) for side in self.size or (frames, width))
        flat = inputs * bands * (1 if mean_over_time else time)
        if not flat:
            msg = f"nothing is left of the picture after {len(channels)} times 2x2 max-pooling"
            raise ValueError(msg)
        self.fc1 = nn.Linear(flat, hidden)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(hidden, labels)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, width) to logits (B, labels)."""
        picture = resized(self.scaling(frames).unsqueeze(1), self.size)
        found = self.stages(picture)
        if self.mean_over_time:
            found = found.mean(dim=2)
        logits: Tensor = self.fc2(self.dropout(torch.relu(self.fc1(found.flatten(1)))))
        return logits


def resized(picture: Tensor, size: list[int] | None) -> Tensor:
    """Map (B, 1, frames, bands) to (B, 1, *size), bilinear; as it is without a size."""
    return picture if size is None else interpolate(picture, size, mode="bilinear")

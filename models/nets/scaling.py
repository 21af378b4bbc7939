"""What a net does with the frames of its window before its first layer."""

import torch
from torch import Tensor, nn

_DYNAMICS_DB = 80.0


class Scaling(nn.Module):
    """Standardises each band; `relative` first takes levels relative to the window's loudest.

    Relative frames lie within -80..0 dB, so that neither gain nor what lies far below the sound
    matters. Of MFCC (`cepstral`) only the first coefficient tells the level, and the loudest
    frame's is subtracted. Mean and deviation are measured on training windows (`measure`).
    """

    def __init__(self, width: int, *, relative: bool = False, cepstral: bool = False) -> None:
        super().__init__()
        self.relative = relative
        self.cepstral = cepstral
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, width) in dB to standardised ones."""
        scaled: Tensor = (self._levels(frames) - self.mean) / self.deviation
        return scaled

    def measure(self, frames: Tensor) -> None:
        """Set mean and deviation to those of frames (B, T, width)."""
        levels = self._levels(frames).flatten(0, 1)
        self.mean.copy_(levels.mean(dim=0))
        self.deviation.copy_(levels.std(dim=0).clamp_min(1e-3))

    def _levels(self, frames: Tensor) -> Tensor:
        if not self.relative:
            return frames
        if self.cepstral:
            level, shape = frames[:, :, :1], frames[:, :, 1:]
            return torch.cat([level - level.amax(dim=1, keepdim=True), shape], dim=2)
        loudest = frames.amax(dim=(1, 2), keepdim=True)
        return (frames - loudest).clamp_min(-_DYNAMICS_DB)

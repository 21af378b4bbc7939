"""The causal net: judges every frame from the last second and a half, keeping its own state."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv2d


class CausalNet(nn.Module):
    """Convolutions that look back in time only, with all they look back on in one flat state.

    Normalised frames pass four convolutions that halve the bands, one that folds the rest into
    channels, then residual depthwise blocks of growing dilation, then a linear head.
    """

    def __init__(
        self,
        *,
        bands: int = 80,
        labels: int = 13,
        channels: Sequence[int] = (16, 32, 64, 96),
        width: int = 160,
        dilations: Sequence[int] = (1, 2, 4, 8, 16),
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("deviation", torch.ones(bands))
        self.mean: Tensor
        self.deviation: Tensor
        stages: list[nn.Module] = []
        inputs = 1
        for outputs in channels:
            stages.append(CausalConv2d(inputs, outputs, bands=bands, kernel_bands=3, stride=2))
            inputs, bands = outputs, (bands + 1) // 2
        fold = CausalConv2d(inputs, width, bands=bands, kernel_bands=bands, stride=1)
        self.stages = nn.ModuleList([*stages, fold])
        self.blocks = nn.ModuleList([ResidualBlock(width, dilation) for dilation in dilations])
        self.head = nn.Linear(width, labels)

    @property
    def state_size(self) -> int:
        """Values of one stream's state."""
        return sum(rows * columns for rows, columns in self._contexts())

    @property
    def frames_seen(self) -> int:
        """Frames that one judgement looks back over, itself included."""
        look_back = 2 * len(self.stages)
        return 1 + look_back + sum(2 * block.dilation for block in self._residual())

    def initial_state(self, streams: int) -> Tensor:
        """Return the state after endless average sound: zeros of the normalised features."""
        return torch.zeros(streams, self.state_size)

    def forward(self, frames: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map frames (B, T, bands) and state (B, S) to logits (B, T, labels) and the new state."""
        sizes = [rows * columns for rows, columns in self._contexts()]
        contexts = iter(torch.split(state, sizes, dim=1))
        kept = []
        sound = ((frames - self.mean) / self.deviation).unsqueeze(1)
        for stage in self.stages:
            sound, context = stage(sound, next(contexts))
            kept.append(context)
        sound = sound.squeeze(3)
        for block in self.blocks:
            sound, context = block(sound, next(contexts))
            kept.append(context)
        return self.head(sound.transpose(1, 2)), torch.cat(kept, dim=1)

    def _contexts(self) -> Iterator[tuple[int, int]]:
        for stage in self.stages:
            assert isinstance(stage, CausalConv2d)
            yield 2, stage.inputs * stage.bands
        for block in self._residual():
            yield 2 * block.dilation, block.width

    def _residual(self) -> Iterator["ResidualBlock"]:
        for block in self.blocks:
            assert isinstance(block, ResidualBlock)
            yield block


class CausalConv2d(nn.Module):
    """Convolution over two past frames and the present one; batch norm; ReLU."""

    def __init__(
        self, inputs: int, outputs: int, *, bands: int, kernel_bands: int, stride: int
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.bands = bands
        self.padding = 1 if kernel_bands == 3 and stride == 2 else 0
        self.stride = stride
        self.conv = nn.Conv2d(inputs, outputs, (3, kernel_bands), bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, sound: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, inputs, T, bands) and context (B, inputs * 2 * bands) to output and context."""
        sound = torch.cat([context.view(-1, self.inputs, 2, self.bands), sound], dim=2)
        out = conv2d(
            sound,
            self.conv.weight,
            self.conv.bias,
            stride=(1, self.stride),
            padding=(0, self.padding),
        )
        return torch.relu(self.norm(out)), sound[:, :, -2:].flatten(1)


class ResidualBlock(nn.Module):
    """Depthwise convolution over three frames, `dilation` apart, then a pointwise one; added."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.width = width
        self.dilation = dilation
        self.depthwise = nn.Conv1d(width, width, 3, dilation=dilation, groups=width, bias=False)
        self.depthwise_norm: nn.Module = nn.BatchNorm1d(width)
        self.pointwise = nn.Conv1d(width, width, 1, bias=False)
        self.pointwise_norm: nn.Module = nn.BatchNorm1d(width)

    def forward(self, sound: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, width, T) and context (B, width * 2 * dilation) to output and context."""
        look_back = 2 * self.dilation
        past = torch.cat([context.view(-1, self.width, look_back), sound], dim=2)
        mixed = conv1d(
            past,
            self.depthwise.weight,
            self.depthwise.bias,
            dilation=self.dilation,
            groups=self.width,
        )
        mixed = torch.relu(self.depthwise_norm(mixed))
        mixed = torch.relu(self.pointwise_norm(self.pointwise(mixed)))
        return sound + mixed, past[:, :, -look_back:].flatten(1)

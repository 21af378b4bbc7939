"""The causal net: judges every frame from what it has heard so far, keeping its own state."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

_LITTLE = 1e-4  # evidence: far less than the first frame of any stream gives


class CausalNet(nn.Module):
    """Convolutions that look back in time only, with all they look back on in one flat state.

    Normalised frames pass four convolutions that halve the bands, one that folds the rest into
    channels, then residual depthwise blocks of growing dilation. The head reads the embedding of
    the newest frame beside the running means of those before it, so one judgement rests on the
    last tenth of a second and on the last seconds at once.
    """

    def __init__(
        self,
        *,
        bands: int = 80,
        labels: int = 13,
        channels: Sequence[int] = (16, 32, 64, 96),
        width: int = 160,
        dilations: Sequence[int] = (1, 2, 4, 8),
        spans: Sequence[int] = (15, 50, 150),
        hidden: int = 128,
        wide: int = 1,
    ) -> None:
        """Build a net whose `channels`, `width` and `hidden` are `wide` times the given ones."""
        super().__init__()
        channels = [wide * outputs for outputs in channels]
        width, hidden = wide * width, wide * hidden
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
        self.evidence = Evidence(width, spans)
        self.hidden = nn.Linear(width * (1 + len(spans)), hidden)
        self.head = nn.Linear(hidden, labels)

    @property
    def state_size(self) -> int:
        """Values of one stream's state."""
        return sum(rows * columns for rows, columns in self._contexts())

    @property
    def frames_seen(self) -> int:
        """Frames that the convolutions look back over, the newest included."""
        look_back = 2 * len(self.stages)
        return 1 + look_back + sum(2 * block.dilation for block in self._residual())

    def initial_state(self, streams: int) -> Tensor:
        """Return the state after endless average sound: zeros of the normalised features."""
        return torch.zeros(streams, self.state_size, device=self.mean.device)

    def forward(self, frames: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map frames (B, T, bands) and state (B, S) to logits (B, T, labels) and the new state."""
        read, state = self.embed(frames, state)
        return self.head(read), state

    def embed(self, frames: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map frames (B, T, bands) and state (B, S) to what the head reads and the new state."""
        sizes = [rows * columns for rows, columns in self._contexts()]
        bounds = pairwise(accumulate(sizes, initial=0))
        contexts = iter([state[:, start:end] for start, end in bounds])
        kept = []
        sound = ((frames - self.mean) / self.deviation).unsqueeze(1)
        for stage in self.stages:
            sound, context = stage(sound, next(contexts))
            kept.append(context)
        sound = sound.squeeze(3).transpose(1, 2)
        for block in self.blocks:
            sound, context = block(sound, next(contexts))
            kept.append(context)
        heard, context = self.evidence(sound, next(contexts))
        kept.append(context)
        return torch.relu(self.hidden(heard)), torch.cat(kept, dim=1)

    def _contexts(self) -> Iterator[tuple[int, int]]:
        for stage in self.stages:
            assert isinstance(stage, CausalConv2d)
            yield 2, stage.inputs * stage.bands
        for block in self._residual():
            yield 2 * block.dilation, block.width
        yield len(self.evidence.spans), self.evidence.width + 1

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
    """Depthwise convolution over three frames, `dilation` apart, then a pointwise one; added.

    Both are written out as products: ONNX Runtime takes far longer for such convolutions.
    """

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.width = width
        self.dilation = dilation
        self.depthwise = nn.Conv1d(width, width, 3, dilation=dilation, groups=width, bias=False)
        self.depthwise_norm: nn.Module = nn.BatchNorm1d(width)
        self.pointwise = nn.Conv1d(width, width, 1, bias=False)
        self.pointwise_norm: nn.Module = nn.BatchNorm1d(width)

    def forward(self, sound: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, T, width) and context (B, 2 * dilation * width) to output and context."""
        step = self.dilation
        past = torch.cat([context.view(-1, 2 * step, self.width), sound], dim=1)
        oldest, older, newest = self.depthwise.weight.squeeze(1).unbind(dim=1)
        mixed = past[:, : -2 * step] * oldest + past[:, step:-step] * older + sound * newest
        mixed = _normed(mixed, self.depthwise, self.depthwise_norm)
        mixed = linear(mixed, self.pointwise.weight.squeeze(2))
        mixed = _normed(mixed, self.pointwise, self.pointwise_norm)
        return sound + mixed, past[:, -2 * step :].flatten(1)


def _normed(mixed: Tensor, conv: nn.Conv1d, norm: nn.Module) -> Tensor:
    """Return ReLU of the norm of (B, T, width), or of its bias where the norm is folded into it."""
    if conv.bias is not None:
        return torch.relu(mixed + conv.bias)
    return torch.relu(norm(mixed.transpose(1, 2)).transpose(1, 2))


class Evidence(nn.Module):
    """Running means of embeddings over several spans, weighted by how much each frame tells.

    A mean decays by `exp(-1 / span)` a frame. All T frames are done by one triangular product, and
    the state carries numerator and denominator, so cutting the stream anywhere changes nothing.
    """

    def __init__(self, width: int, spans: Sequence[int]) -> None:
        super().__init__()
        self.width = width
        self.spans = tuple(spans)
        self.worth = nn.Linear(width, len(self.spans))
        """How much a frame tells, a number of 0 to 1 for each span."""
        rates = torch.tensor([1.0 / span for span in self.spans])
        self.register_buffer("rates", rates, persistent=False)
        self.rates: Tensor

    def forward(self, embedded: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, T, width) and context (B, spans * (width + 1)) to both read side by side.

        Returns (B, T, width * (1 + spans)) and the context after the last frame.
        """
        with torch.autocast(embedded.device.type, enabled=False):
            embedded = embedded.float()
            worth = torch.sigmoid(self.worth(embedded)).transpose(1, 2).unsqueeze(3)
            told = torch.cat([worth * embedded.unsqueeze(1), worth], dim=3)
            frame = torch.arange(embedded.shape[1], device=embedded.device)
            age = (frame[:, None] - frame[None, :]).float()
            rates = self.rates[:, None, None]
            share = torch.exp(-rates * age.clamp(min=0.0)) * (age >= 0.0) * rates
            before = context.view(-1, len(self.spans), 1, self.width + 1)
            faded = torch.exp(-rates * (frame + 1.0)[:, None]) * before
            sums = share @ told + faded
            means = sums[..., :-1] / (sums[..., -1:] + _LITTLE)
        read = torch.cat([embedded, means.transpose(1, 2).flatten(2)], dim=2)
        return read, sums[:, :, -1].flatten(1)

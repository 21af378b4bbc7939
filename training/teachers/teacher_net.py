"""The net of EfficientAT's mn04: MobileNetV3-Large at width 0.4 over log-mel frames.

Howard et al. 2019, "Searching for MobileNetV3", table 1, with the changes of Schmid et al. 2023,
"Efficient large-scale audio tagging via transformer-to-CNN knowledge distillation": one channel
in, squeeze-and-excitation with a plain sigmoid, and 527 tags out. Names of modules are those of
the published state dict.
"""

from dataclasses import dataclass

from torch import Tensor, nn

WIDTH = 0.4
TAGS = 527
_UNIT = 8  # every count of channels is a multiple of it
_SQUEEZE = 4
_NORM_EPSILON = 1e-3


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """One row of the table; counts of channels at width 1."""

    kernel: int
    expanded: int
    out: int
    squeezes: bool
    activation: type[nn.Module]
    stride: int


_FIRST = 16
_HIDDEN = 1280
_ROWS = (
    Bottleneck(3, 16, 16, squeezes=False, activation=nn.ReLU, stride=1),
    Bottleneck(3, 64, 24, squeezes=False, activation=nn.ReLU, stride=2),
    Bottleneck(3, 72, 24, squeezes=False, activation=nn.ReLU, stride=1),
    Bottleneck(5, 72, 40, squeezes=True, activation=nn.ReLU, stride=2),
    Bottleneck(5, 120, 40, squeezes=True, activation=nn.ReLU, stride=1),
    Bottleneck(5, 120, 40, squeezes=True, activation=nn.ReLU, stride=1),
    Bottleneck(3, 240, 80, squeezes=False, activation=nn.Hardswish, stride=2),
    Bottleneck(3, 200, 80, squeezes=False, activation=nn.Hardswish, stride=1),
    Bottleneck(3, 184, 80, squeezes=False, activation=nn.Hardswish, stride=1),
    Bottleneck(3, 184, 80, squeezes=False, activation=nn.Hardswish, stride=1),
    Bottleneck(3, 480, 112, squeezes=True, activation=nn.Hardswish, stride=1),
    Bottleneck(3, 672, 112, squeezes=True, activation=nn.Hardswish, stride=1),
    Bottleneck(5, 672, 160, squeezes=True, activation=nn.Hardswish, stride=2),
    Bottleneck(5, 960, 160, squeezes=True, activation=nn.Hardswish, stride=1),
    Bottleneck(5, 960, 160, squeezes=True, activation=nn.Hardswish, stride=1),
)


class TeacherNet(nn.Module):
    """Maps log-mel frames (B, 1, bands, frames) to logits (B, 527)."""

    def __init__(self) -> None:
        super().__init__()
        channels = divisible(_FIRST * WIDTH)
        layers: list[nn.Module] = [_convolution(1, channels, nn.Hardswish, kernel=3, stride=2)]
        for row in _ROWS:
            layers.append(_Block(channels, row))
            channels = divisible(row.out * WIDTH)
        last, hidden = 6 * channels, divisible(_HIDDEN * WIDTH)
        layers.append(_convolution(channels, last, nn.Hardswish))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(last, hidden),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(hidden, TAGS),
        )

    def forward(self, frames: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(frames))
        return logits


class _Block(nn.Module):
    """Expands, filters each channel on its own, weighs channels, projects back."""

    def __init__(self, channels: int, row: Bottleneck) -> None:
        super().__init__()
        expanded, out = divisible(row.expanded * WIDTH), divisible(row.out * WIDTH)
        layers: list[nn.Module] = []
        if expanded != channels:
            layers.append(_convolution(channels, expanded, row.activation))
        layers.append(
            _convolution(
                expanded,
                expanded,
                row.activation,
                kernel=row.kernel,
                stride=row.stride,
                groups=expanded,
            )
        )
        if row.squeezes:
            layers.append(_ConcurrentExcitation(expanded))
        layers.append(_convolution(expanded, out, None))
        self.block = nn.Sequential(*layers)
        self.adds = row.stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.adds else y


class _ConcurrentExcitation(nn.Module):
    """Excitations along several axes; this model has the one over channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([_Excitation(channels)])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conc_se_layers[0](x)
        return y


class _Excitation(nn.Module):
    """Weighs channels by what all their positions hold (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = divisible(channels // _SQUEEZE)
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.fc2(self.fc1(x.mean(dim=(2, 3))).relu()).sigmoid()
        return x * weights[:, :, None, None]


def divisible(channels: float) -> int:
    """Return the nearest multiple of 8, but at least 8 and no less than nine tenths."""
    nearest = max(_UNIT, int(channels + _UNIT / 2) // _UNIT * _UNIT)
    return nearest + _UNIT if nearest < 0.9 * channels else nearest


def _convolution(
    channels: int,
    out: int,
    activation: type[nn.Module] | None,
    *,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=_NORM_EPSILON),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))

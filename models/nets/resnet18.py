"""ResNet18 (He et al. 2016) on the picture of a spectrogram."""

from typing import Literal

from torch import Tensor, nn

from instrd.models.cpu_builds import allow_cpu_builds
from instrd.models.nets.cnn import resized
from instrd.models.nets.scaling import Scaling

Weights = Literal["imagenet", "none"]


class SpectrogramResNet18(nn.Module):
    """torchvision's ResNet18 for pictures of one channel.

    With ImageNet weights, which torchvision downloads, the first convolution takes the sum over
    the colours of theirs: what it would find in a grey picture.
    """

    def __init__(
        self,
        *,
        frames: int,  # noqa: ARG002 - it takes any number; all nets are built alike
        width: int,
        labels: int,
        weights: Weights = "none",
        size: tuple[int, int] | None = None,
        dropout: float = 0.0,
        relative: bool = False,
    ) -> None:
        super().__init__()
        allow_cpu_builds()
        from torchvision.models import ResNet18_Weights, resnet18  # noqa: PLC0415 - as prepared above

        self.scaling = Scaling(width, relative=relative)
        self.size = None if size is None else [int(side) for side in size]
        pretrained = weights == "imagenet"
        net = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1 if pretrained else None)
        colours = net.conv1
        net.conv1 = nn.Conv2d(1, colours.out_channels, 7, stride=2, padding=3, bias=False)
        if pretrained:
            net.conv1.weight.data = colours.weight.data.sum(dim=1, keepdim=True)
        net.fc = nn.Sequential(nn.Dropout(dropout), nn.Linear(net.fc.in_features, labels))
        self.net = net

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, width) to logits (B, labels)."""
        logits: Tensor = self.net(resized(self.scaling(frames).unsqueeze(1), self.size))
        return logits

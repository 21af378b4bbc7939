"""How weights move: the learning rate over a run, and the average of where they have been."""

import math

from torch import nn

_WARM_SHARE = 0.1


class Average:
    """An exponential moving average of a net's weights and statistics."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.values = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        self._decay = decay

    def follow(self, net: nn.Module, step: int) -> None:
        """Move towards the net; early on faster, so that the first weights are forgotten."""
        decay = min(self._decay, (1.0 + step) / (10.0 + step))
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                self.values[name].lerp_(tensor, 1.0 - decay)
            else:
                self.values[name].copy_(tensor)


def rate_share(progress: float) -> float:
    """Return the share of the highest learning rate at 0..1 of the run: up fast, down slowly."""
    if progress < _WARM_SHARE:
        return 0.04 + 0.96 * progress / _WARM_SHARE
    return 0.5 + 0.5 * math.cos(math.pi * (progress - _WARM_SHARE) / (1.0 - _WARM_SHARE))

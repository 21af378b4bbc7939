"""How weights move: the learning rate over a run, and the average of where they have been."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_WARM_SHARE = 0.1
_MOMENTUM = 0.95


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


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are made orthogonal, for the matrices of hidden layers.

    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; a convolution's
    weights are taken as a matrix (outputs, everything else), which torch's own Muon refuses.
    """

    def __init__(self, matrices: Iterable[nn.Parameter], *, lr: float, weight_decay: float) -> None:
        defaults = {"lr": lr, "momentum": _MOMENTUM, "weight_decay": weight_decay}
        super().__init__(matrices, defaults)

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._move(matrix, group)

    def _move(self, matrix: nn.Parameter, group: dict[str, Any]) -> None:
        assert matrix.grad is not None
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        momentum = state["momentum"].lerp_(matrix.grad, 1.0 - group["momentum"])
        ahead = matrix.grad.lerp(momentum, group["momentum"]).reshape(len(matrix), -1)
        tall = max(1.0, ahead.shape[0] / ahead.shape[1]) ** 0.5
        matrix.mul_(1.0 - group["lr"] * group["weight_decay"])
        matrix.add_(orthogonal(ahead).reshape(matrix.shape), alpha=-group["lr"] * tall)


def orthogonal(matrix: Tensor) -> Tensor:
    """Return about U V' of a matrix U S V', by five steps of a Newton-Schulz iteration.

    Its polynomial (Jordan et al. 2024) leaves singular values between 0.7 and 1.2.
    """
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    wide = x if x.shape[0] <= x.shape[1] else x.T
    for _ in range(5):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.7750 * square + 2.0315 * square @ square) @ wide
    return wide if x.shape[0] <= x.shape[1] else wide.T

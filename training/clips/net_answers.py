"""What a net of windows says, as arrays."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
_AT_ONCE = 64


def logits_of(net: nn.Module, windows: Floats) -> Doubles:
    """Map windows (n, T, width) to logits (n, labels), on whatever device the net is."""
    device = next(iter(net.state_dict().values()), torch.empty(0)).device
    with torch.inference_mode():
        pieces = [
            net(torch.from_numpy(windows[start : start + _AT_ONCE]).to(device))
            for start in range(0, len(windows), _AT_ONCE)
        ]
        logits: Doubles = torch.cat(pieces).double().cpu().numpy()
    return logits

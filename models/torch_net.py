"""Serves a bundle's weights by torch, for machines with a GPU."""

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray

from instrd.models.bundle import WEIGHTS, Bundle
from instrd.models.errors import BundleError

Floats = NDArray[np.float32]


class TorchNet:
    """The same function as the bundle's ONNX file; one stream's arrays in, arrays out."""

    def __init__(self, bundle: Bundle, module: type, device: str = "cuda") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise BundleError(bundle.folder, "--device cuda: torch sees no GPU here; use cpu")
        if WEIGHTS not in bundle.manifest.files:
            raise BundleError(bundle.folder, f"has no {WEIGHTS}, which --device cuda needs")
        try:
            net = module(**bundle.manifest.network)
        except Exception as error:
            # Settings from outside may break a net anywhere in its making.
            told = f"its network cannot be built: {type(error).__name__}: {error}"
            raise BundleError(bundle.folder, told) from error
        try:
            weights = safetensors.torch.load_file(bundle.weights)
            if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
                raise BundleError(bundle.folder, f"{WEIGHTS} holds numbers that are not finite")
            net.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
        except (safetensors.SafetensorError, RuntimeError, TypeError, OSError) as error:
            raise BundleError(bundle.folder, f"{WEIGHTS} does not fit its net: {error}") from error
        self._net = net.to(device).eval()
        self._device = device
        self.state_size: int = getattr(net, "state_size", 0)

    @torch.inference_mode()
    def __call__(self, *inputs: Floats) -> list[Floats]:
        outputs = self._net(*(torch.from_numpy(array).to(self._device) for array in inputs))
        listed = outputs if isinstance(outputs, tuple) else (outputs,)
        return [tensor.cpu().numpy() for tensor in listed]

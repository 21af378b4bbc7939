"""Which kinds of model can be served, and by what."""

from collections.abc import Callable
from importlib import import_module
from typing import Literal

from instrd.models.bundle import Bundle, Manifest
from instrd.models.classifier import CausalClassifier, Classifier, WindowClassifier
from instrd.models.errors import BundleError
from instrd.models.net import Net, OnnxNet

Device = Literal["cpu", "cuda"]

KINDS: dict[str, Callable[[Manifest, Net], Classifier]] = {
    "causal": CausalClassifier,
    "window": WindowClassifier,
}

ARCHITECTURES: dict[str, str] = {
    "causal_net": "instrd.models.causal_net:CausalNet",
}
"""Manifest.architecture -> the torch module that a GPU serves and training trains."""


def load_classifier(bundle: Bundle, device: Device = "cpu") -> Classifier:
    """Return a bundle's classifier, ready to judge; raises `BundleError`."""
    net: Net = OnnxNet(bundle) if device == "cpu" else _torch_net(bundle)
    return KINDS[bundle.manifest.kind](bundle.manifest, net)


def architecture(name: str) -> type:
    """Return the torch module of that name, importing torch."""
    module, _, attribute = ARCHITECTURES[name].partition(":")
    found: type = getattr(import_module(module), attribute)
    return found


def _torch_net(bundle: Bundle) -> Net:
    name = bundle.manifest.architecture
    if name not in ARCHITECTURES:
        allowed = ", ".join(ARCHITECTURES)
        raise BundleError(bundle.folder, f"got architecture {name!r}, allowed: {allowed}")
    try:
        from instrd.models.torch_net import TorchNet  # noqa: PLC0415 - a CPU has no need of torch
    except ImportError as error:
        raise BundleError(
            bundle.folder, "--device cuda needs torch: pip install 'instrd[gpu]'"
        ) from error
    return TorchNet(bundle, architecture(name))

"""Which kinds of model can be served, and by what."""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Literal

import numpy as np

from instrd.models.bundle import Bundle, Manifest
from instrd.models.classifier import CausalClassifier, Classifier, WindowClassifier
from instrd.models.ensemble import EnsembleClassifier
from instrd.models.errors import BundleError
from instrd.models.members import find_members
from instrd.models.net import Net, OnnxNet

Device = Literal["cpu", "cuda"]

KINDS: dict[str, Callable[[Manifest, Net], Classifier]] = {
    "causal": CausalClassifier,
    "window": WindowClassifier,
}

ARCHITECTURES: dict[str, str] = {
    "causal_net": "instrd.models.nets.causal_net:CausalNet",
    "cnn": "instrd.models.nets.cnn:SpectrogramCnn",
    "lstm": "instrd.models.nets.lstm:MfccLstm",
    "resnet18": "instrd.models.nets.resnet18:SpectrogramResNet18",
    "svm": "instrd.models.nets.svm:MfccSvm",
    "transformer": "instrd.models.nets.transformer:MelTransformer",
}
"""Manifest.architecture -> the torch module that a GPU serves and training trains."""


def load_classifier(
    bundle: Bundle, device: Device = "cpu", folders: Iterable[Path] = ()
) -> Classifier:
    """Return a bundle's classifier, ready to judge; raises `BundleError`.

    An ensemble's members are looked for in `folders`, else among those that came along.
    """
    if bundle.manifest.kind == "ensemble":
        members = [load_classifier(m, device) for m in find_members(bundle.manifest, folders)]
        return EnsembleClassifier(bundle.manifest, members)
    net: Net = OnnxNet(bundle) if device == "cpu" else _torch_net(bundle)
    classifier = KINDS[bundle.manifest.kind](bundle.manifest, net)
    _try_out(bundle, classifier)
    return classifier


def architecture(name: str) -> type:
    """Return the torch module of that name, importing torch."""
    module, _, attribute = ARCHITECTURES[name].partition(":")
    found: type = getattr(import_module(module), attribute)
    return found


def _try_out(bundle: Bundle, classifier: Classifier) -> None:
    """Judge silence, twice, so that a net that does not fit its manifest is found here."""
    manifest = bundle.manifest
    silence = np.tile(manifest.front_end.silence, (manifest.window_frames, 1))
    memory = classifier.start()
    try:
        for _ in range(2):
            (judged,) = classifier.feed([[silence]], [memory])
    except Exception as error:
        # A runtime's own errors share no type; whatever it is, this net cannot be served.
        raise BundleError(bundle.folder, f"its net does not fit its manifest: {error}") from error
    if judged.shape != (len(manifest.labels),) or not np.isfinite(judged).all():
        got = f"judges {judged.shape[0]} labels" if judged.ndim else "judges nothing"
        raise BundleError(
            bundle.folder,
            f"{got} or no finite number, its manifest has {len(manifest.labels)} labels",
        )


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

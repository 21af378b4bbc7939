"""Which kinds of model can be served, and by what."""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Literal

import numpy as np

from instrd.models.audiofile import LOUDEST
from instrd.models.bundle import Bundle, Manifest
from instrd.models.classifier import CausalClassifier, Classifier, WindowClassifier
from instrd.models.ensemble import EnsembleClassifier
from instrd.models.errors import BundleError
from instrd.models.frontend import Floats, FrontEnd
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
        classifier: Classifier = EnsembleClassifier(bundle.manifest, members)
    else:
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
    """Judge silence as a stream of its length and beside another one, in pieces of any length.

    A net that does not fit its manifest, or is not free in streams and frames, is found here; so
    is one that judges only silence, by noise as loud as full scale and as sound may be.
    """
    manifest = bundle.manifest
    # an ensemble's members have been tried at their length
    length = 3 if manifest.members else max(manifest.window_frames, 3)
    silence, loud, loudest = (
        [_noise(front_end, peak, length) for front_end in classifier.front_ends]
        for peak in (0.0, 1.0, LOUDEST)
    )
    short, newest = [new[:3] for new in silence], [new[:1] for new in silence]
    turns = [silence], [silence, silence], [short, short], [newest], [loud], [loudest]
    memories = [classifier.start(), classifier.start()]
    judged = []
    try:
        for streams in turns:
            judged += classifier.feed(streams, memories[: len(streams)])
    except BundleError:
        raise
    except Exception as error:
        # A runtime's own errors share no type; whatever it is, this net cannot be served.
        raise BundleError(bundle.folder, f"its net does not fit its manifest: {error}") from error
    labels = len(manifest.labels)
    if any(p.shape != (labels,) or not np.isfinite(p).all() for p in judged):
        raise BundleError(
            bundle.folder, f"its net judges no finite numbers or not {labels}, as its manifest says"
        )


def _noise(front_end: FrontEnd, peak: float, count: int) -> Floats:
    """Return frames of white noise up to `peak`, (count, width)."""
    samples = peak * np.random.default_rng(0).uniform(-1.0, 1.0, front_end.fft)
    return np.tile(front_end.frame(samples.astype(np.float32)), (count, 1))


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

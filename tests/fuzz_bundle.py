"""Model bundles broken at random, and what must be true of how they are served."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
from bundle_mutations import broken_bundle
from tone_bundle import tone_bundle

from instrd.models.bundle import read_bundle
from instrd.models.errors import BundleError
from instrd.models.registry import load_classifier


@contextmanager
def target(folder: Path) -> Iterator[Callable[[Random], str]]:
    """Take bundles; tell whether each was read and served."""
    good = [tone_bundle(folder / kind, kind).folder for kind in ("causal", "window")]

    def take(rng: Random) -> str:
        broken = broken_bundle(rng, rng.choice(good), folder / "broken")
        try:
            bundle = read_bundle(broken)
        except BundleError:
            return "refused, its manifest or files"
        try:
            classifier = load_classifier(bundle)
        except BundleError as error:
            return (
                "refused by ONNX Runtime" if "ONNX Runtime" in error.reason else "refused, its net"
            )
        silence = np.tile(bundle.manifest.front_end.silence, (3, 1))
        (judged,) = classifier.feed([[silence]], [classifier.start()])
        assert judged.shape == (len(bundle.manifest.labels),)
        return "served"

    yield take

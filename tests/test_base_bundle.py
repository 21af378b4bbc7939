"""The model that comes along."""

from pathlib import Path

import numpy as np
import pytest

from instrd.models.bundle import BUNDLED, Bundle, find_bundle
from instrd.models.net import OnnxNet
from instrd.models.registry import architecture, load_classifier
from instrd.models.torch_net import TorchNet

INSTRUMENTS = {
    "bass",
    "cello",
    "clarinet",
    "drum",
    "flute",
    "guitar",
    "organ",
    "piano",
    "saxophone",
    "trumpet",
    "violin",
    "voice",
}


@pytest.fixture(scope="module")
def base() -> Bundle:
    return find_bundle("base")


def test_it_names_the_twelve_instruments_and_knows_other(base: Bundle) -> None:
    assert set(base.manifest.labels) == INSTRUMENTS | {"other"}
    assert base.manifest.background == ("other",)


def test_it_is_at_most_8_megabytes() -> None:
    folder: Path = BUNDLED / "base"
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 8_000_000


def test_torch_and_onnx_agree(base: Bundle) -> None:
    served, trained = OnnxNet(base), TorchNet(base, architecture("causal_net"), device="cpu")
    assert served.state_size == trained.state_size
    random = np.random.default_rng(6)
    frames = random.uniform(-90, 30, (2, 40, base.manifest.front_end.width)).astype(np.float32)
    state = np.zeros((2, served.state_size), np.float32)
    for ours, theirs in zip(served(frames, state), trained(frames, state), strict=True):
        scale = np.abs(theirs).max()
        # Weights are kept in half precision, the ONNX file in single.
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=5e-3)


def test_a_stream_cut_into_hops_is_judged_like_the_whole(base: Bundle) -> None:
    classifier = load_classifier(base)
    random = np.random.default_rng(7)
    clip = random.uniform(-60, 20, (120, base.manifest.front_end.width)).astype(np.float32)
    (whole,) = classifier.feed([[clip]], [classifier.start()])
    memory = classifier.start()
    for hop in np.split(clip, [1, 5, 6, 40, 77]):
        (streamed,) = classifier.feed([[hop]], [memory])
    np.testing.assert_allclose(streamed, whole, atol=1e-4)


def test_its_manifest_says_how_it_was_measured_and_credits_its_data(base: Bundle) -> None:
    manifest = base.manifest
    assert 0.5 < manifest.metrics["held_out"]["windows_1s"]["accuracy_macro"] < 1.0
    assert "Medley-solos-DB train/val" in manifest.metrics["held_out"]["by_source"]
    credited = {credit.source for credit in manifest.credits}
    assert {"Philharmonia", "Medley-solos-DB train/val", "EfficientAT mn04"} <= credited
    assert all(credit.licence for credit in manifest.credits)


def test_no_path_of_the_machine_that_made_it_is_in_it(base: Bundle) -> None:
    content = base.onnx.read_bytes() + base.weights.read_bytes()
    assert b".py" not in content
    assert str(Path.home()).encode() not in content

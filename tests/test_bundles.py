"""The models that come along beside `base`: the paper's six architectures."""

import threading
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pytest
from service_rig import Played, Rig

from instrd.clients.protocol import Frame, Gap, Heartbeat
from instrd.daemon.config import Config, ModelChoice
from instrd.daemon.demo import demo_path
from instrd.models.audiofile import read_audio
from instrd.models.bundle import BUNDLED, Bundle, find_bundle, list_bundles
from instrd.models.net import OnnxNet
from instrd.models.registry import architecture, load_classifier
from instrd.models.torch_net import TorchNet

NETS = ("cnn", "lstm", "svm", "resnet18", "transformer")
SIX = (*NETS, "ensemble")
FOUR = ("drum", "guitar", "piano", "violin")


@pytest.fixture(params=SIX)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return find_bundle(request.param)


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> Bundle:
    return find_bundle(request.param)


def test_all_of_them_and_base_come_along_in_45_megabytes() -> None:
    assert set(list_bundles()) == {*SIX, "base"}
    files = [file for file in BUNDLED.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 45_000_000


def test_each_names_the_four_instruments_or_other(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert manifest.labels == (*FOUR, "other")
    assert manifest.background == ("other",)
    assert not manifest.multi_label


def test_torch_and_onnx_agree(net: Bundle) -> None:
    served = OnnxNet(net)
    trained = TorchNet(net, architecture(net.manifest.architecture), device="cpu")
    width, count = net.manifest.front_end.width, net.manifest.window_frames
    random = np.random.default_rng(6)
    noise = random.uniform(-90.0, 30.0, (3, count, width)).astype(np.float32)
    noise[1] = net.manifest.front_end.silence
    (ours,), (theirs,) = served(noise), trained(noise)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_silence_has_a_finite_judgement_that_sums_to_one(bundle: Bundle) -> None:
    classifier = load_classifier(bundle, folders=[BUNDLED])
    frames = [np.tile(one.silence, (10, 1)) for one in classifier.front_ends]
    (judged,) = classifier.feed([frames], [classifier.start()])
    assert judged.sum() == pytest.approx(1.0, abs=1e-3)


def test_a_manifest_says_how_it_was_measured_and_credits_its_data(bundle: Bundle) -> None:
    manifest = bundle.manifest
    held_out = manifest.metrics["held_out"]
    for kind in ("pieces_1s", "pieces_3s", "clips"):
        assert 0.25 < held_out[kind]["accuracy_four"] <= 1.0
    credited = {credit.source for credit in manifest.credits}
    assert "Philharmonia" in credited
    assert not {"FSDKaggle2018/Freesound", "Medley-solos-DB train/val"} & credited
    assert all(credit.licence for credit in manifest.credits)


def test_resnet18_says_which_weights_it_began_with() -> None:
    assert find_bundle("resnet18").manifest.recipe["network"]["weights"] == "none"


def test_the_ensemble_is_made_of_the_five_others_and_shares_their_front_ends() -> None:
    ensemble = find_bundle("ensemble")
    assert [member.name for member in ensemble.manifest.members] == list(NETS)
    assert len(load_classifier(ensemble).front_ends) == 2


def test_no_path_of_the_machine_that_made_it_is_in_one(net: Bundle) -> None:
    content = b"".join(file.read_bytes() for file in net.folder.iterdir())
    assert b".py" not in content
    assert str(Path.home()).encode() not in content


@pytest.mark.parametrize("name", SIX)
def test_the_bundled_recording_is_heard_as_more_than_noise(name: str) -> None:
    found = frames_of_demo(Rig(Config(model=ModelChoice(name=name))), seconds=12.0)
    assert {frame.model for frame in found} == {name}
    assert {frame.decision for frame in found} & set(FOUR)


def test_a_change_from_one_to_another_while_running_loses_no_hop() -> None:
    rig = Rig(Config(model=ModelChoice(name="cnn")))
    asked = threading.Event()

    def ask(message: object) -> None:
        if isinstance(message, Heartbeat) and not asked.is_set():
            (account,) = message.sources.values()
            if account.analysed + account.gated > account.captured // 3 > 0:
                asked.set()
                rig.ask("set_model", model="svm")

    rig.on_message = ask
    frames = frames_of_demo(rig, seconds=6.0)
    assert [name for name, _ in groupby(frame.model for frame in frames)] == ["cnn", "svm"]
    assert {after.s1 - before.s1 for before, after in pairwise(frames)} == {4410}
    assert rig.of(Gap) == []
    rig.check_accounts()


def frames_of_demo(rig: Rig, *, seconds: float) -> list[Frame]:
    """Play the beginning of the bundled recording to a service and return its frames."""
    samples, rate_hz = read_audio(demo_path())
    played = Played(samples[: round(seconds * rate_hz)])
    played.rate_hz = rate_hz
    with rig:
        assert rig.run(played) == 0
    return [message for message in rig.messages if isinstance(message, Frame)]

"""The paper's nets, and what is done to frames before their first layer."""

import math
from typing import Any
from urllib.error import URLError

import miniature
import pytest
import torch
from torch import nn

from instrd.models.cpu_builds import allow_cpu_builds
from instrd.models.nets.cnn import SpectrogramCnn
from instrd.models.nets.lstm import MfccLstm
from instrd.models.nets.resnet18 import SpectrogramResNet18
from instrd.models.nets.scaling import Scaling
from instrd.models.nets.transformer import MelTransformer, sinusoids
from instrd.training.clips.fit import built
from instrd.training.clips.recipe import Architecture
from instrd.training.errors import TrainingError

allow_cpu_builds()

from torchvision.models import ResNet18_Weights, resnet18  # noqa: E402 - after the line above

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("kind", miniature.NETWORKS)
def test_every_net_maps_windows_to_logits(kind: Architecture) -> None:
    recipe = miniature.recipe(kind)
    frames = torch.randn(5, recipe.window_frames, recipe.front_end.width)
    assert built(recipe, 3).eval()(frames).shape == (5, 3)


def test_the_cnn_has_three_convolutions_of_3_by_3_then_128_neurons_and_dropout_of_a_half() -> None:
    net = SpectrogramCnn(frames=173, width=128, labels=4, size=(64, 64))
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert [module.kernel_size for module in convolutions] == [(3, 3)] * 3
    widths = [module.out_channels for module in convolutions]
    assert widths == sorted(set(widths))
    assert net.fc1.in_features == widths[-1] * 8 * 8
    assert net.fc1.out_features == net.fc2.in_features == 128
    assert net.dropout.p == 0.5
    assert net.fc2.out_features == 4


def test_a_mean_over_time_makes_the_cnn_deaf_to_when_something_sounds() -> None:
    net = SpectrogramCnn(frames=96, width=16, labels=3, mean_over_time=True).eval()
    early, late = torch.zeros(1, 96, 16), torch.zeros(1, 96, 16)
    early[:, 32:40], late[:, 56:64] = 1.0, 1.0
    torch.testing.assert_close(net(early), net(late))


def test_the_lstm_steps_over_coefficients_with_all_frames_as_its_input() -> None:
    net = MfccLstm(frames=173, width=40, labels=4).eval()
    assert net.lstm.input_size == 173
    frames = torch.randn(2, 173, 40)
    steps, _ = net.lstm(frames.transpose(1, 2))
    assert steps.shape[1] == 40
    torch.testing.assert_close(net(frames), net.fc(steps[:, -1]))


def test_the_lstm_over_time_steps_from_frame_to_frame() -> None:
    frames = torch.randn(2, 30, 8)
    for mean_of_steps in (False, True):
        net = MfccLstm(frames=30, width=8, labels=4, over="time", mean_of_steps=mean_of_steps)
        assert net.lstm.input_size == 8
        steps, _ = net.lstm(frames)
        heard = steps.mean(dim=1) if mean_of_steps else steps[:, -1]
        torch.testing.assert_close(net(frames), net.fc(heard))


def test_the_transformer_is_that_of_the_paper_by_default() -> None:
    net = MelTransformer(frames=86, width=128, labels=4)
    layers: Any = net.encoder.layers
    assert len(layers) == 3
    assert all(layer.self_attn.num_heads == 8 for layer in layers)
    assert all(layer.self_attn.embed_dim == 128 for layer in layers)
    assert all(layer.linear1.out_features == 256 for layer in layers)
    assert all(layer.dropout.p == 0.1 for layer in layers)
    assert isinstance(net.embed, nn.Identity)


def test_the_positions_are_the_sines_and_cosines_of_the_formula() -> None:
    got = sinusoids(50, 12)
    for step in (0, 1, 17, 49):
        for place in range(6):
            angle = step / 10_000.0 ** (2 * place / 12)
            assert got[step, 2 * place] == pytest.approx(math.sin(angle), abs=1e-4)
            assert got[step, 2 * place + 1] == pytest.approx(math.cos(angle), abs=1e-4)


def test_more_than_5000_positions_are_refused() -> None:
    assert sinusoids(5000, 4).shape == (5000, 4)
    with pytest.raises(ValueError, match=r"got 5001 steps, allowed 1\.\.5000"):
        MelTransformer(frames=5001, width=128, labels=4)


def test_resnet18_takes_one_channel_and_gives_the_labels() -> None:
    net = SpectrogramResNet18(frames=173, width=513, labels=4)
    assert net.net.conv1.in_channels == 1
    assert [layer.out_features for layer in net.net.fc if isinstance(layer, nn.Linear)] == [4]


def test_resnet18_from_imagenet_hears_a_grey_picture_as_imagenets_own_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    theirs = resnet18().eval()
    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", lambda *_, **__: theirs.state_dict())
    ours = SpectrogramResNet18(frames=32, width=32, labels=4, weights="imagenet").eval()
    torch.testing.assert_close(ours.net.conv1.weight, theirs.conv1.weight.sum(1, keepdim=True))
    grey = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(
        ours.net.conv1(grey), theirs.conv1(grey.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(ours.net.layer4.state_dict(), theirs.layer4.state_dict())


def test_a_download_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise URLError("no network")

    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", fail)
    recipe = miniature.changed(miniature.recipe("resnet18"), network={"weights": "imagenet"})
    with pytest.raises(TrainingError, match=r"recipe resnet18: .* downloaded: .*no network"):
        built(recipe, 4)


@pytest.mark.parametrize(
    ("kind", "network", "told"),
    [
        ("lstm", {"over": "tme"}, "over: got 'tme'"),
        ("resnet18", {"weights": "imagnet"}, "weights: got 'imagnet'"),
        ("cnn", {"hiden": 3}, "hiden"),
        ("cnn", {"hidden": "many"}, "hidden: got 'many'"),
        ("cnn", {"channels": [2] * 9}, "nothing is left"),
        ("transformer", {"features": 10, "heads": 3}, "divisible"),
    ],
)
def test_a_network_that_cannot_be_built_is_one_sentence(
    kind: Architecture, network: dict[str, Any], told: str
) -> None:
    with pytest.raises(TrainingError, match=told):
        built(miniature.changed(miniature.recipe(kind), network=network), 3)


def test_relative_scaling_does_not_hear_gain() -> None:
    scaling = Scaling(16, relative=True)
    frames = 20.0 * torch.randn(4, 30, 16)
    torch.testing.assert_close(scaling(frames - 37.5), scaling(frames), atol=1e-4, rtol=0.0)
    assert not torch.allclose(Scaling(16)(frames - 37.5), Scaling(16)(frames))


def test_relative_scaling_keeps_80_db_below_the_loudest() -> None:
    frames = torch.tensor([[[-10.0, -89.0], [-91.0, -200.0]]])
    assert Scaling(2, relative=True)(frames).tolist() == [[[0.0, -79.0], [-80.0, -80.0]]]


@pytest.mark.parametrize("relative", [False, True])
def test_what_was_measured_has_zero_mean_and_unit_deviation(*, relative: bool) -> None:
    scaling = Scaling(16, relative=relative)
    frames = torch.randn(20, 30, 16) * torch.linspace(1.0, 9.0, 16) - 40.0
    scaling.measure(frames)
    scaled = scaling(frames).flatten(0, 1)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(16), atol=1e-4, rtol=0.0)
    torch.testing.assert_close(scaled.std(dim=0), torch.ones(16), atol=1e-4, rtol=0.0)

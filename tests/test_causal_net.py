from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from instrd.models.bundle import BUNDLED, read_bundle
from instrd.models.net import OnnxNet
from instrd.models.nets.causal_net import CausalNet, Evidence
from instrd.training.onnx_file import folded

FRAMES = 90


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small nets gain nothing from threads, which wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small_net(spans: Sequence[int] = (3, 20)) -> CausalNet:
    """Return a narrow net whose batch norms have seen some sound."""
    torch.manual_seed(0)
    net = CausalNet(
        bands=20, labels=3, channels=(4, 6), width=8, dilations=(1, 2, 4), spans=spans, hidden=8
    )
    for _ in range(3):
        net(torch.randn(4, 30, 20), net.initial_state(4))
    return net.eval()


SMALL_NET = small_net()


def sound(streams: int = 2, bands: int = 20) -> torch.Tensor:
    return torch.randn(streams, FRAMES, bands, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def in_pieces(net: CausalNet, frames: torch.Tensor, cuts: Sequence[int]) -> torch.Tensor:
    state = net.initial_state(len(frames))
    pieces = []
    for start, end in pairwise([0, *cuts, frames.shape[1]]):
        logits, state = net(frames[:, start:end], state)
        pieces.append(logits)
    return torch.cat(pieces, dim=1)


@settings(max_examples=12, deadline=None)
@given(cuts=st.sets(st.integers(1, FRAMES - 1), max_size=12))
def test_a_stream_cut_anywhere_gives_the_logits_of_the_whole(cuts: set[int]) -> None:
    net, frames = SMALL_NET, sound()
    whole = in_pieces(net, frames, [])
    torch.testing.assert_close(in_pieces(net, frames, sorted(cuts)), whole, atol=1e-5, rtol=0.0)


def test_the_future_does_not_change_what_was_judged() -> None:
    net, frames = small_net(), sound()
    other = frames.clone()
    other[:, 50:] += 3.0
    judged, changed = in_pieces(net, frames, []), in_pieces(net, other, [])
    torch.testing.assert_close(judged[:, :50], changed[:, :50], atol=1e-5, rtol=0.0)
    assert (judged[:, 50] - changed[:, 50]).abs().max() > 1e-3


def test_the_convolutions_look_back_over_as_many_frames_as_the_net_says() -> None:
    net, frames = small_net(), sound()
    net.hidden.weight.data[:, 8:] = 0.0  # all but the newest embedding
    seen = net.frames_seen
    oldest, older = frames.clone(), frames.clone()
    oldest[:, FRAMES - seen] += 10.0
    older[:, FRAMES - seen - 1] += 10.0
    last = in_pieces(net, frames, [])[:, -1]
    assert not torch.equal(in_pieces(net, oldest, [])[:, -1], last)
    torch.testing.assert_close(in_pieces(net, older, [])[:, -1], last, atol=1e-6, rtol=0.0)


def test_running_means_remember_longer_the_longer_their_span() -> None:
    frames = sound()
    longer_ago = frames.clone()
    longer_ago[:, :20] += 10.0
    moved = []
    for span in (2, 200):
        net = small_net(spans=(span,))
        last, changed = (in_pieces(net, heard, [])[:, -1] for heard in (frames, longer_ago))
        moved.append(float((last - changed).abs().max()))
    assert moved[0] < 1e-5 < 1e-3 < moved[1]


def test_a_frame_that_tells_more_moves_the_mean_more() -> None:
    evidence = Evidence(2, (10,))
    torch.nn.init.zeros_(evidence.worth.bias)
    evidence.worth.weight.data = torch.tensor([[4.0, 0.0]])
    telling, vague = torch.tensor([2.0, 1.0]), torch.tensor([-2.0, -1.0])
    read, _ = evidence(torch.stack([vague, telling])[None], torch.zeros(1, 3))
    assert read[0, 1, 3] > 0.9  # of 1 and -1, the second counts


def test_the_state_of_no_sound_is_the_padding_of_normalised_features() -> None:
    net = small_net()
    net.mean.fill_(-40.0)
    net.deviation.fill_(15.0)
    average = torch.full((1, 5, 20), -40.0)
    _, state = net(average, net.initial_state(1))
    assert not state[:, : 2 * 20].any()


def test_folding_batch_norms_changes_no_answer() -> None:
    net, frames = small_net(), sound()
    plain = folded(net)
    assert not any("norm" in name for name in plain.state_dict())
    torch.testing.assert_close(
        in_pieces(plain, frames, []), in_pieces(net, frames, []), atol=1e-4, rtol=0.0
    )


def test_the_full_net_stays_within_a_million_parameters_and_ten_mflop_a_tenth_second() -> None:
    net = CausalNet().eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 5, 80), net.initial_state(1))  # five frames of 20 ms
    assert sum(parameter.numel() for parameter in net.parameters()) < 1_000_000
    assert 5e6 < counter.get_total_flops() <= 10e6


def test_the_shipped_weights_and_the_shipped_onnx_file_are_the_same_net() -> None:
    bundle = read_bundle(BUNDLED / "base")
    net = CausalNet(**bundle.manifest.network).eval()
    weights = safetensors.torch.load_file(bundle.weights)
    net.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    frames = sound(bands=bundle.manifest.front_end.width) * net.deviation + net.mean
    onnx = OnnxNet(bundle)
    assert onnx.state_size == net.state_size
    state = np.zeros((2, onnx.state_size), np.float32)
    logits, _ = onnx(frames.numpy(), state)
    expected = in_pieces(net, frames, []).numpy()
    assert np.abs(logits - expected).max() < 0.05  # half precision
    pieces = []
    for start, end in pairwise([0, 1, 7, 8, 60, FRAMES]):
        piece, state = onnx(frames[:, start:end].numpy(), state)
        pieces.append(piece)
    assert np.concatenate(pieces, axis=1) == pytest.approx(logits, abs=1e-4)


def test_the_shipped_manifest_tells_what_the_net_looks_back_over() -> None:
    manifest = read_bundle(BUNDLED / "base").manifest
    assert manifest.window_frames == CausalNet(**manifest.network).frames_seen

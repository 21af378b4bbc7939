"""Processes that train together come to what one alone comes to."""

import os
import subprocess
import sys
from pathlib import Path

import miniature
import pytest
import safetensors.torch
import torch

from instrd.models.bundle import WEIGHTS
from instrd.training.clips.epochs import TENSORBOARD
from instrd.training.clips.fit import fit_clips
from instrd.training.machines import Place, half_width
from instrd.training.results import read_result

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_shares_of_all_processes_are_the_batch() -> None:
    batch = list(range(11))
    places = [Place(rank, 3, torch.device("cpu")) for rank in range(3)]
    shares = [batch[place.share(len(batch))] for place in places]
    assert sorted(number for share in shares for number in share) == batch
    assert [place.leads for place in places] == [True, False, False]


def test_alone_nothing_is_shared() -> None:
    place, net = Place(0, 1, torch.device("cpu")), torch.nn.Linear(2, 2)
    values = torch.tensor([1.0, 2.0])
    net.weight.grad = torch.ones(2, 2)
    place.add_gradients(net)
    assert net.weight.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert net.bias.grad is None
    assert place.total(values) is values
    assert place.as_led(values) is values
    place.wait()


def test_two_processes_under_torchrun_end_with_the_weights_of_one(tmp_path: Path) -> None:
    data = miniature.miniature(tmp_path / "data")
    made = miniature.recipe(epochs=3, batch=9, patience=9, keep_best=True)  # 24 = 9 + 9 + 6
    alone = fit_clips(made, data, tmp_path / "alone")
    recipe = miniature.write_recipe(tmp_path / "recipe.toml", made)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    launcher += ["--local-addr", "localhost", "-m", "--"]  # the host's own name may lead nowhere
    fit = ["instrd.training", "fit", str(recipe), "--data", str(data.root)]
    runs = tmp_path / "runs"
    done = subprocess.run(
        [sys.executable, *launcher, *fit, "--run", str(runs / "both")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [folder.name for folder in runs.iterdir()] == ["both"]
    assert len(list((runs / "both" / TENSORBOARD).iterdir())) == 1
    both = read_result(runs / "both")
    assert both.answers
    assert [answer.label for answer in both.answers] == [answer.label for answer in alone.answers]
    assert both.history[-1].train_loss == pytest.approx(alone.history[-1].train_loss, abs=1e-4)
    assert done.stdout.count("test clips right") == 1
    one, two = (
        safetensors.torch.load_file(run / WEIGHTS) for run in (tmp_path / "alone", runs / "both")
    )
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-4, rtol=0.0)


@pytest.mark.parametrize("known", [False, True])
def test_half_width_is_taken_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: known)
    assert half_width(torch.device("cpu")) == known
    assert half_width(torch.device("cuda"))

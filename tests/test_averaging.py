"""The mean of runs: weights in shares, a run folder that others begin with."""

from pathlib import Path

import pytest
import torch
from small_run import small_material, small_recipe

from instrd.models.bundle import BUNDLED
from instrd.training import cli
from instrd.training.checkpoint import CHECKPOINT
from instrd.training.errors import TrainingError
from instrd.training.mixtures.averaging import average_runs
from instrd.training.mixtures.fit import fit
from instrd.training.mixtures.fitted import trained

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs, the second of which began with the first."""
    folder = tmp_path_factory.mktemp("runs")
    data = small_material(folder)
    fit(small_recipe(), data, run=folder / "first", until=2)
    fit(small_recipe(seed=9), data, run=folder / "second", start=folder / "first", until=2)
    return folder / "first", folder / "second"


def test_every_weight_is_the_mean_in_the_given_shares(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    average_runs(runs, (0.25, 0.75), out=tmp_path / "mean")
    states = [trained(small_recipe(), run).state_dict() for run in (*runs, tmp_path / "mean")]
    for name, mean in states[2].items():
        if mean.is_floating_point():
            torch.testing.assert_close(mean, 0.25 * states[0][name] + 0.75 * states[1][name])
    assert not torch.equal(states[0]["head.weight"], states[1]["head.weight"])


def test_another_run_can_begin_with_a_mean_but_none_goes_on_with_it(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mean = tmp_path / "mean"
    arguments = ["average", *runs, "--share", "0.5", "--share", "0.5", "--run", mean]
    monkeypatch.setattr("sys.argv", ["instrd-train", *map(str, arguments)])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    data = small_material(tmp_path)
    fit(small_recipe(), data, run=tmp_path / "next", start=mean, until=1)
    assert (tmp_path / "next" / CHECKPOINT).is_file()
    with pytest.raises(TrainingError, match="mean: is a mean of runs; begin another"):
        fit(small_recipe(seed=9), data, run=mean, until=1)


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ((1.0,), "got 1 for 2 runs"),
        ((0.5, 0.6), "got 0.5, 0.6; allowed: shares from 0 on, together 1"),
        ((-0.5, 1.5), "got -0.5, 1.5"),
    ],
)
def test_shares_that_make_no_mean_are_refused(
    runs: tuple[Path, Path], tmp_path: Path, shares: tuple[float, ...], told: str
) -> None:
    with pytest.raises(TrainingError, match=told):
        average_runs(runs, shares, out=tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_what_is_no_run_or_of_another_net_or_there_already_is_named(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="nothing: holds no training run"):
        average_runs((tmp_path / "nothing", runs[1]), (0.5, 0.5), out=tmp_path / "mean")
    with pytest.raises(TrainingError, match="nothing: holds no training run"):
        average_runs((runs[0], tmp_path / "nothing"), (0.5, 0.5), out=tmp_path / "mean")
    with pytest.raises(TrainingError, match="second: holds a run"):
        average_runs(runs, (0.5, 0.5), out=runs[1])
    other, data = tmp_path / "other", small_material(tmp_path)
    fit(small_recipe(labels=("other", "flute")), data, run=other, until=1)
    with pytest.raises(TrainingError, match="other: is of another net"):
        average_runs((other, runs[1]), (0.5, 0.5), out=tmp_path / "mean")
    with pytest.raises(TrainingError, match="ensemble: is no bundle of a net of stems"):
        average_runs((BUNDLED / "ensemble", runs[1]), (0.5, 0.5), out=tmp_path / "mean")

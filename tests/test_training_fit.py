from pathlib import Path

import pytest
import torch
from small_run import small_bank, small_recipe

from instrd.training.calibration import calibrate
from instrd.training.errors import TrainingError
from instrd.training.export import export
from instrd.training.fit import CHECKPOINT, LOG, fit, trained
from instrd.training.optimisation import rate_share

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_resumed_run_ends_with_the_weights_of_one_that_was_never_cut(tmp_path: Path) -> None:
    recipe, bank = small_recipe(), small_bank(tmp_path / "stems")
    fit(recipe, bank=bank, run=tmp_path / "whole")
    fit(recipe, bank=bank, run=tmp_path / "cut", until=2)
    fit(recipe, bank=bank, run=tmp_path / "cut")
    whole, cut = (trained(recipe, tmp_path / name).state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_a_run_learns_and_leaves_a_log_and_a_calibrated_net(tmp_path: Path) -> None:
    recipe, bank, run = small_recipe(), small_bank(tmp_path / "stems"), tmp_path / "run"
    fit(recipe, bank=bank, run=run)
    state = torch.load(run / CHECKPOINT, weights_only=True)
    assert state["step"] == recipe.fit.steps
    assert "parameters" in (run / LOG).read_text()
    calibrated = calibrate(trained(recipe, run), recipe, bank)
    assert all(t > 0.0 for t in calibrated.temperature)
    assert all(
        off < on for on, off in zip(calibrated.threshold_on, calibrated.threshold_off, strict=True)
    )


def test_the_learning_rate_rises_to_its_highest_and_falls_to_nothing() -> None:
    shares = [rate_share(step / 100) for step in range(101)]
    assert max(shares) == pytest.approx(1.0, abs=0.01)
    assert shares[0] < 0.1
    assert shares[-1] == pytest.approx(0.0, abs=1e-9)
    assert shares.index(max(shares)) < 20


def test_exporting_what_was_never_trained_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="instrd-train fit"):
        export(tmp_path, tmp_path / "bundle", data=tmp_path, bank=tmp_path)

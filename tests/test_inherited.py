"""What is served can be gone on with, guide and be averaged, and its makers stay credited."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from labelled_audio import hiss, write
from small_run import small_material, small_recipe

from instrd.models.bundle import BUNDLED, Bundle, Credit, find_bundle, read_bundle, write_bundle
from instrd.training.errors import TrainingError
from instrd.training.mixtures import calibration
from instrd.training.mixtures import export as export_module
from instrd.training.mixtures.averaging import average_runs
from instrd.training.mixtures.export import export
from instrd.training.mixtures.fit import fit
from instrd.training.mixtures.fitted import claim, recipe_of, trained
from instrd.training.mixtures.guides import read_guides
from instrd.training.mixtures.inherited import CREDITS, inherited
from instrd.training.mixtures.material import Material

pytestmark = pytest.mark.usefixtures("one_thread", "exported_fast")

MAKER = Credit("Somebody's notes", "CC0", "Somebody")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return small_material(tmp_path_factory.mktemp("material"))


@pytest.fixture
def exported_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Calibrate by a few windows and leave out the graph: of bundles only weights are read here."""
    patch.setattr(calibration, "_BATCHES", 2)
    patch.setattr(export_module, "to_onnx", lambda _: b"a graph")


def pool(folder: Path) -> Path:
    """Write a pool of one clip."""
    write(folder / "flute" / "a.wav", hiss(1))
    header = "path,label,source,original,licence,credit,kind,seconds"
    row = "flute/a.wav,flute,library,a.wav,CC0,library,notes,0.6"
    (folder / "manifest.csv").write_text(f"{header}\n{row}\n")
    return folder


def bundle_of(run: Path, folder: Path, material: Material, *credits_: Credit) -> Bundle:
    """Export a run and credit some more, as if its pool had held more."""
    made = export(run, folder, pools=[pool(folder / "pool")], bank=material.bank)
    if not credits_:
        return made
    files = {name: (folder / name).read_bytes() for name in made.manifest.files}
    credited = (*made.manifest.credits, *credits_)
    return write_bundle(folder, msgspec.structs.replace(made.manifest, credits=credited), files)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, material: Material) -> Path:
    """A bundle of a run that is no more."""
    folder = tmp_path_factory.mktemp("served")
    fit(small_recipe(), material, run=folder / "run", until=2)
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        return bundle_of(folder / "run", folder / "bundle", material, MAKER).folder


def test_a_bundle_is_found_by_the_name_of_its_folder(served: Path) -> None:
    assert find_bundle("bundle", [served.parent]).folder == served


def test_figures_are_taken_over_from_a_bundle_that_has_some(
    served: Path, material: Material, tmp_path: Path
) -> None:
    sounds: dict[str, Any] = {"pools": [pool(tmp_path / "pool")], "bank": material.bank}
    with pytest.raises(TrainingError, match="bundle: has no figures; run instrd-train evaluate"):
        export(served, tmp_path / "other", figures=served, **sounds)
    assert not (tmp_path / "other").exists()
    manifest = read_bundle(served).manifest
    measured = msgspec.structs.replace(manifest, metrics={"held_out": {"clips": 1}})
    figures = write_bundle(shutil.copytree(served, tmp_path / "bundle"), measured, {}).folder
    made = export(served, tmp_path / "other", figures=figures, **sounds).manifest
    assert made.metrics["held_out"] == {"clips": 1}
    assert "calibration" in made.metrics


def test_a_run_of_a_few_steps_finds_labels_as_likely_as_the_bundle_before(
    served: Path, material: Material, tmp_path: Path
) -> None:
    sounds: dict[str, Any] = {"pools": [pool(tmp_path / "pool")], "bank": material.bank}
    known = msgspec.structs.replace(
        read_bundle(served).manifest,
        temperature=(1.0, 1.0),
        bias=(2.0, -2.0),
        threshold_on=(0.6, 0.7),
        threshold_off=(0.3, 0.4),
        metrics={"calibration": {"flute": {"hits": 0.5}}, "held_out": {"clips": 1}},
    )
    before = write_bundle(shutil.copytree(served, tmp_path / "before"), known, {}).folder
    made = export(served, tmp_path / "after", calibrated=before, **sounds).manifest
    assert made.bias == pytest.approx((2.0, -2.0), abs=0.1)
    for taken in ("threshold_on", "threshold_off", "metrics"):
        assert getattr(made, taken) == getattr(known, taken)


def test_a_calibration_is_taken_over_from_a_bundle_of_the_same_net_and_contrast_alone(
    served: Path, material: Material, tmp_path: Path
) -> None:
    sounds: dict[str, Any] = {"pools": [pool(tmp_path / "pool")], "bank": material.bank}
    with pytest.raises(TrainingError, match="--calibrated: takes over thresholds and figures"):
        export(served, tmp_path / "other", calibrated=served, figures=served, **sounds)
    manifest = read_bundle(served).manifest
    changes: list[tuple[dict[str, Any], str]] = [
        ({"recipe": manifest.recipe | {"labels": ["drum", "other"]}}, "is of another net"),
        ({"background_contrast": 0.9}, "was calibrated with another contrast"),
    ]
    for number, (change, told) in enumerate(changes):
        changed = msgspec.structs.replace(manifest, **change)
        before = write_bundle(shutil.copytree(served, tmp_path / str(number)), changed, {}).folder
        with pytest.raises(TrainingError, match=told):
            export(served, tmp_path / "other", calibrated=before, **sounds)
    assert not (tmp_path / "other").exists()


def test_a_run_begins_with_the_weights_of_a_bundle(
    served: Path, material: Material, tmp_path: Path
) -> None:
    still = msgspec.structs.replace(
        small_recipe().fit, rate_most=1e-12, matrix_rate_most=1e-12, weight_decay=1e-12
    )
    recipe, run = small_recipe(fit=still), tmp_path / "run"
    fit(recipe, material, run=run, start=served, until=1)
    before, after = trained(recipe_of(served), served), trained(recipe, run)
    for name, value in before.named_parameters():
        torch.testing.assert_close(after.get_parameter(name), value)


def test_a_bundle_guides_as_the_run_that_it_was_made_of(
    served: Path, material: Material, tmp_path: Path
) -> None:
    recipe, cpu = small_recipe(), torch.device("cpu")
    fit(recipe, material, run=tmp_path / "again", until=2)  # the same run once more
    frames = torch.randn(2, 30, recipe.front_end.width) * 20.0 - 40.0
    judges = [read_guides([guide], recipe, cpu) for guide in (served, tmp_path / "again")]
    one, other = (judge(frames) for judge in judges if judge)
    torch.testing.assert_close(one, other, atol=2e-3, rtol=0.0)  # a bundle keeps half precision


def test_what_began_with_a_bundle_credits_what_the_bundle_does(
    served: Path, material: Material, tmp_path: Path
) -> None:
    recipe, first, second = small_recipe(), tmp_path / "first", tmp_path / "second"
    fit(recipe, material, run=first, start=served, until=1)
    fit(recipe, material, run=second, guides=[first], until=1)
    average_runs((served, second), (0.5, 0.5), out=tmp_path / "mean")
    for run in (first, second, tmp_path / "mean"):
        assert inherited(run) == read_bundle(served).manifest.credits
    made = bundle_of(tmp_path / "mean", tmp_path / "bundle", material)
    assert made.manifest.credits.count(MAKER) == 1
    assert set(made.manifest.credits) == set(read_bundle(served).manifest.credits)


def test_the_mean_of_a_bundle_and_a_run_is_one_of_nets_and_others_begin_with_it(
    served: Path, material: Material, tmp_path: Path
) -> None:
    recipe, run, mean = small_recipe(), tmp_path / "run", tmp_path / "mean"
    fit(recipe, material, run=run, start=served, until=2)
    average_runs((served, run), (0.25, 0.75), out=mean)
    one, other, both = (trained(recipe, of).state_dict() for of in (served, run, mean))
    torch.testing.assert_close(
        both["head.weight"], 0.25 * one["head.weight"] + 0.75 * other["head.weight"]
    )
    fit(recipe, material, run=tmp_path / "next", start=mean, until=1)
    assert inherited(tmp_path / "next")


def test_a_bundle_is_no_folder_to_run_in(served: Path) -> None:
    with pytest.raises(TrainingError, match="is a bundle; begin a run elsewhere"):
        claim(served, small_recipe())


def test_bundles_of_other_nets_are_refused_and_not_credited(
    material: Material, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="cnn: is no bundle of a net of stems"):
        recipe_of(BUNDLED / "cnn")
    with pytest.raises(TrainingError, match="base: is of another net"):
        fit(small_recipe(), material, run=tmp_path / "run", start=BUNDLED / "base")
    with pytest.raises(TrainingError, match="base: cannot guide: it has other labels"):
        fit(small_recipe(), material, run=tmp_path / "run", guides=[BUNDLED / "base"])
    assert inherited(tmp_path / "run") == ()


def test_what_a_run_that_goes_on_does_not_begin_with_is_not_credited(
    served: Path, material: Material, tmp_path: Path
) -> None:
    fit(small_recipe(), material, run=tmp_path / "run", until=1)
    fit(small_recipe(), material, run=tmp_path / "run", start=served, until=2)
    assert inherited(tmp_path / "run") == ()


def test_a_file_is_neither_a_run_nor_a_bundle(material: Material, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(TrainingError, match="holds no training run"):
        fit(small_recipe(), material, run=tmp_path / "run", start=tmp_path / "checkpoint.pt")


def test_credits_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / CREDITS).write_text("[{}]")
    with pytest.raises(TrainingError, match=r"credits\.json: .* missing required field"):
        inherited(tmp_path)

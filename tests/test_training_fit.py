import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from small_run import small_bank, small_material, small_music, small_recipe

from instrd.models import contrast
from instrd.models.nets.causal_net import CausalNet
from instrd.training.checkpoint import CHECKPOINT
from instrd.training.errors import TrainingError
from instrd.training.mixtures import calibration
from instrd.training.mixtures.calibration import calibrate
from instrd.training.mixtures.export import _network, export
from instrd.training.mixtures.fit import LOG, fit, hidden_matrices
from instrd.training.mixtures.fitted import build, recipe_of, trained
from instrd.training.mixtures.material import Material
from instrd.training.optimisation import Muon, rate_share
from instrd.training.recipe import PARTS, Split, ending, finishing, guiding
from instrd.training.results import METRICS
from instrd.training.stems import stems
from instrd.training.stems.stem_jobs import Sounds
from instrd.training.stems.stems import (
    BANK_SPLIT,
    read_bank,
    read_tracks,
    refuse_other_split,
    render_bank,
)
from instrd.training.struct_files import write_json

pytestmark = pytest.mark.usefixtures("one_thread", "a_few_windows")


@pytest.fixture
def a_few_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be seen of a calibration is seen of a few windows too."""
    monkeypatch.setattr(calibration, "_BATCHES", 5)
    monkeypatch.setattr(calibration, "_WINDOWS", 100)


def test_so_many_windows_without_music_are_asked_for_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, speech = small_recipe(), small_music(tmp_path / "speech", loudest="tag 1")
    net, frames = build(recipe).eval(), recipe.mixing.segment_frames
    assert len(calibration._unmusical(net, recipe, speech)) == 5 * 24 * frames
    monkeypatch.setattr(calibration, "_LESSONS", 2)
    assert len(calibration._unmusical(net, recipe, speech)) == 2 * 24 * frames


def test_a_resumed_run_ends_with_the_weights_of_one_that_was_never_cut(tmp_path: Path) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    fit(recipe, data, run=tmp_path / "whole")
    fit(recipe, data, run=tmp_path / "cut", until=2)
    fit(recipe, data, run=tmp_path / "cut")
    whole, cut = (trained(recipe, tmp_path / name).state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a single core
def test_the_weights_are_the_same_however_many_processes_mix(tmp_path: Path) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    for workers in (1, 2):
        fit(recipe, data, run=tmp_path / f"{workers}", workers=workers)
    one, two = (trained(recipe, tmp_path / name).state_dict() for name in ("1", "2"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_run_learns_and_leaves_a_log_and_a_calibrated_net(tmp_path: Path) -> None:
    recipe, data, run = small_recipe(), small_material(tmp_path), tmp_path / "run"
    fit(recipe, data, run=run)
    state = torch.load(run / CHECKPOINT, weights_only=True)
    assert state["step"] == recipe.fit.steps
    begin, end = (run / LOG).read_text().splitlines()
    assert "parameters" in begin
    assert f"step {recipe.fit.steps}  loss " in end
    calibrated = calibrate(trained(recipe, run), recipe, data.bank, "calibrate")
    assert all(t > 0.0 for t in calibrated.temperature)
    assert all(
        off < on for on, off in zip(calibrated.threshold_on, calibrated.threshold_off, strict=True)
    )


def test_what_is_no_music_raises_thresholds(tmp_path: Path) -> None:
    recipe, data, run = small_recipe(), small_material(tmp_path), tmp_path / "run"
    fit(recipe, data, run=run, until=1)
    net = trained(recipe, run)
    speech = small_music(tmp_path / "speech", loudest="tag 1")
    quiet, wary = (calibrate(net, recipe, data.bank, "calibrate", m) for m in (None, speech))
    assert wary.threshold_on[0] >= quiet.threshold_on[0]
    assert wary.threshold_on[1] == quiet.threshold_on[1]  # the background may sound there
    rash = copy.deepcopy(net)
    torch.nn.init.constant_(rash.head.bias, 20.0)
    served = calibrate(net, recipe, data.bank, "calibrate", speech, served=rash)
    assert served.threshold_on[0] == 0.9 > wary.threshold_on[0]
    assert served.temperature == wary.temperature


@pytest.mark.parametrize(
    ("level", "taken"),
    [
        ("SURE", {"contrast": {"flute": 1.0, "other": 1.0}}),
        ("HEARD", {"contrast": {"flute": 1.0}, "background_contrast": 1.0}),
    ],
)
def test_thresholds_are_those_of_what_the_contrast_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, taken: dict[str, Any]
) -> None:
    monkeypatch.setattr(contrast, level, -9.0)  # of the little that one step teaches
    recipe, data, run = small_recipe(), small_material(tmp_path), tmp_path / "run"
    fit(recipe, data, run=run, until=1)
    net = trained(recipe, run)
    nothing: dict[str, Any] = {"contrast": {}, "background_contrast": 0.0}
    ways = [msgspec.structs.replace(recipe.serving, **(nothing | more)) for more in ({}, taken)]
    recipes = [msgspec.structs.replace(recipe, serving=way) for way in ways]
    plain, less = (calibrate(net, chosen, data.bank, "calibrate") for chosen in recipes)
    assert (less.temperature, less.bias) == (plain.temperature, plain.bias)
    assert all(a <= b for a, b in zip(less.threshold_on, plain.threshold_on, strict=True))
    assert less.threshold_on != plain.threshold_on


def test_without_music_a_run_learns_from_mixtures_alone(tmp_path: Path) -> None:
    fit(small_recipe(), Material(small_bank(tmp_path / "stems")), run=tmp_path / "run", until=1)
    assert (tmp_path / "run" / CHECKPOINT).is_file()


def test_a_finishing_run_begins_with_what_was_measured_and_hears_every_part(
    tmp_path: Path,
) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    fit(recipe, data, run=tmp_path / "measured")
    last = finishing(recipe)
    assert set(last.fit.parts) == {"train", "calibrate", "held_out"}
    fit(last, data, run=tmp_path / "finished", start=tmp_path / "measured", until=1)
    before, after = (
        trained(r, tmp_path / name).state_dict()
        for r, name in ((recipe, "measured"), (last, "finished"))
    )
    assert torch.equal(before["mean"], after["mean"])
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_the_last_steps_are_mostly_of_lessons_and_smaller_than_those_before() -> None:
    recipe = small_recipe()
    assert recipe.last is not None
    alone, with_all = ending(recipe, recipe.fit.parts), ending(recipe, PARTS)
    assert (alone.fit.parts, with_all.fit.parts) == (("train",), PARTS)
    assert alone.fit.lessons == recipe.last.lessons > alone.fit.batch == recipe.last.batch
    assert alone.seed == with_all.seed != recipe.seed  # or it would hear what it has heard
    share = recipe.last.share
    assert alone.fit.rate_most == pytest.approx(share * recipe.fit.rate_most)
    assert with_all.fit.matrix_rate_most == pytest.approx(share * recipe.fit.matrix_rate_most)
    with pytest.raises(TrainingError, match=r"--last: the recipe base has no \[last\]"):
        ending(small_recipe(last=None), PARTS)


def test_a_folder_with_a_run_of_another_net_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    recipe, data, run = small_recipe(), small_material(tmp_path), tmp_path / "run"
    fit(recipe, data, run=run, until=1)
    kept = {file.name: file.read_bytes() for file in run.iterdir()}
    for other in (guiding(recipe), small_recipe(labels=("other", "flute"))):
        with pytest.raises(TrainingError, match="holds a run of another net"):
            fit(other, data, run=run, until=2)
    assert {file.name: file.read_bytes() for file in run.iterdir()} == kept


def test_a_run_goes_on_with_what_it_has_heard_and_nothing_else(tmp_path: Path) -> None:
    recipe, data, run = small_recipe(), small_material(tmp_path), tmp_path / "run"
    fit(recipe, data, run=run, until=1)
    kept = {file.name: file.read_bytes() for file in run.iterdir()}
    others = [
        small_recipe(split=Split(("new",))),
        small_recipe(seed=recipe.seed + 1),
        finishing(recipe),
    ]
    for other in others:
        write_json(data.bank / BANK_SPLIT, other.split)  # rendered anew
        with pytest.raises(TrainingError, match="holds a run that hears something else"):
            fit(other, data, run=run, until=2)
    assert {file.name: file.read_bytes() for file in run.iterdir()} == kept
    (run / METRICS).touch()
    with pytest.raises(TrainingError, match="holds a run on clips"):
        fit(recipe, data, run=run, until=2)


def test_a_bank_tells_its_split_from_its_start_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stems, "stem_jobs", lambda *_: [])
    monkeypatch.setattr(stems, "check_soundfonts", list)
    recipe, sounds, bank = small_recipe(), Sounds([], tmp_path), tmp_path / "new"
    render_bank(recipe, sounds, folder=bank, processes=1)
    refuse_other_split(bank, recipe)
    other = small_recipe(split=Split(("new",)))
    render_bank(other, sounds, folder=bank, processes=1)  # no stem is there yet
    refuse_other_split(bank, other)


def test_stems_of_an_unknown_split_are_refused(tmp_path: Path) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    (data.bank / BANK_SPLIT).unlink()
    with pytest.raises(TrainingError, match=r"stems: holds no stems of a known \[split\]"):
        fit(recipe, data, run=tmp_path / "run", until=1)
    with pytest.raises(TrainingError, match=r"stems: holds no stems of a known \[split\]"):
        render_bank(recipe, Sounds([], tmp_path), folder=data.bank, processes=1)
    assert not (tmp_path / "run").exists()


def test_a_bank_with_a_torn_stem_is_told(tmp_path: Path) -> None:
    bank = small_material(tmp_path).bank
    (bank / read_tracks(bank)[0].file).write_bytes(b"")
    with pytest.raises(TrainingError, match=r"cannot be read .*; render it again"):
        read_bank(bank, *PARTS)


def test_stems_of_another_split_are_refused(tmp_path: Path) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    fit(recipe, data, run=tmp_path / "run", until=1)
    other = small_recipe(split=Split(("new",)))
    with pytest.raises(TrainingError, match="stems: holds stems of another"):
        fit(other, data, run=tmp_path / "other", until=1)
    with pytest.raises(TrainingError, match="stems: holds stems of another"):
        render_bank(other, Sounds([], tmp_path), folder=data.bank, processes=1)
    assert not (tmp_path / "other").exists()


def test_what_cannot_guide_or_begin_a_run_is_told(tmp_path: Path) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    wide = guiding(recipe)
    with pytest.raises(TrainingError, match="holds no training run"):
        fit(recipe, data, run=tmp_path / "run", guides=[tmp_path / "nowhere"])
    with pytest.raises(TrainingError, match="holds no training run"):
        fit(recipe, data, run=tmp_path / "other", start=tmp_path / "nowhere")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "recipe.json").write_text("{}")
    with pytest.raises(TrainingError, match="missing required field"):
        recipe_of(tmp_path / "odd")
    fit(wide, data, run=tmp_path / "guide", until=1)
    with pytest.raises(TrainingError, match="of another net"):
        fit(recipe, data, run=tmp_path / "run", start=tmp_path / "guide")
    other = small_recipe(labels=("other", "flute"))
    with pytest.raises(TrainingError, match="other labels"):
        fit(other, data, run=tmp_path / "run", guides=[tmp_path / "guide"])
    unguided = small_recipe(guide=None)
    with pytest.raises(TrainingError, match=r"no \[guide\]"):
        fit(unguided, data, run=tmp_path / "run", guides=[tmp_path / "guide"])
    with pytest.raises(TrainingError, match=r"no \[guide\]"):
        guiding(unguided)


def test_a_wide_net_is_packed_with_its_width(tmp_path: Path) -> None:
    wide = guiding(small_recipe())
    assert CausalNet(**_network(wide)).state_dict().keys() == build(wide).state_dict().keys()
    assert _network(wide)["wide"] == 2
    assert "wide" not in _network(small_recipe())


def test_the_learning_rate_rises_to_its_highest_and_falls_to_nothing() -> None:
    shares = [rate_share(step / 100) for step in range(101)]
    assert max(shares) == pytest.approx(1.0, abs=0.01)
    assert shares[0] < 0.1
    assert shares[-1] == pytest.approx(0.0, abs=1e-9)
    assert shares.index(max(shares)) < 20


def test_exporting_what_was_never_trained_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="instrd-train fit"):
        export(tmp_path, tmp_path / "bundle", pools=[tmp_path], bank=tmp_path)


def test_a_step_of_muon_is_orthogonal_whatever_the_gradient_was() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((8, 20), (20, 8), (6, 4, 3, 3)):
        matrix = torch.nn.Parameter(torch.zeros(shape))
        matrix.grad = torch.randn(shape, generator=generator) * 1e-3
        Muon([matrix], lr=1.0, weight_decay=0.0).step()
        tall = max(1.0, shape[0] / matrix[0].numel()) ** 0.5
        values = torch.linalg.svdvals(matrix.detach().reshape(shape[0], -1)) / tall
        assert values.min() > 0.6
        assert values.max() < 1.3


def test_muon_moves_the_matrices_within_the_net_and_no_other_weights() -> None:
    net = build(small_recipe())
    moved = {id(matrix) for matrix in hidden_matrices(net)}
    names = {name for name, parameter in net.named_parameters() if id(parameter) in moved}
    assert "stages.1.conv.weight" in names
    assert "blocks.0.pointwise.weight" in names
    assert "hidden.weight" in names
    assert not any(part in name for name in names for part in ("head", "depthwise", "norm"))
    assert "stages.0.conv.weight" not in names

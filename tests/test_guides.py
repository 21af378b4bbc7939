from itertools import combinations
from pathlib import Path

import msgspec
import pytest
import torch
from small_run import small_bank, small_material, small_recipe

from instrd.training.checkpoint import CHECKPOINT
from instrd.training.mixtures import learning
from instrd.training.mixtures.fit import fit
from instrd.training.mixtures.fitted import recipe_of, trained
from instrd.training.mixtures.guides import ahead, read_guides, trusted
from instrd.training.mixtures.material import Material
from instrd.training.mixtures.student import guided_loss
from instrd.training.recipe import guiding

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_net_learns_what_its_wider_guides_judge(tmp_path: Path) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    wide, one, two = guiding(recipe), tmp_path / "one", tmp_path / "two"
    fit(wide, data, run=one, until=1)
    fit(msgspec.structs.replace(wide, seed=wide.seed + 1), data, run=two, until=1)
    assert trained(recipe_of(one), one).head.in_features == 256
    heads = []
    for name, guides in (("alone", []), ("guided", [one]), ("guided by two", [one, two])):
        fit(recipe, data, run=tmp_path / name, guides=guides, until=1)
        heads.append(trained(recipe, tmp_path / name).head.weight)
    assert heads[0].shape == heads[1].shape
    assert not any(torch.equal(a, b) for a, b in combinations(heads, 2))


def test_guides_judge_as_the_mean_of_their_logits(tmp_path: Path) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    runs, cpu = [tmp_path / "one", tmp_path / "two"], torch.device("cpu")
    for seed, run in enumerate(runs):
        fit(msgspec.structs.replace(guiding(recipe), seed=seed), data, run=run, until=1)
    frames = torch.randn(2, 30, recipe.front_end.width) * 20.0 - 40.0
    together, one, two = (
        judge(frames)
        for judge in (read_guides(of, recipe, cpu) for of in (runs, runs[:1], runs[1:]))
        if judge
    )
    assert not torch.allclose(one, two)
    assert torch.allclose(together.logit(), (one.logit() + two.logit()) / 2.0, atol=1e-4)
    assert together.min() >= 0.0
    assert together.max() <= 1.0


def test_guides_that_hear_an_instrument_where_surely_none_sounds_are_not_believed() -> None:
    judged = torch.full((4, 5, 2), 0.7)
    targets, weights = torch.zeros_like(judged), torch.ones_like(judged)
    targets[..., 1] = 1.0  # all have background
    targets[1, 3, 0] = 0.5  # here a flute sounds for a frame
    weights[2, 4, 0] = 0.0  # here it may
    weights[3, :2, 1] = 0.0  # an onset of the background
    learned = trusted(judged, targets, weights, torch.tensor([True, False]))
    assert (learned[..., 0].amax(dim=1) > 0.0).tolist() == [False, True, True, False]
    assert torch.equal(learned[1:3], judged[1:3])
    assert torch.equal(learned[..., 1], judged[..., 1])


@pytest.mark.parametrize("tones", [0.0, 1.0])
def test_of_hum_alone_a_net_does_not_learn_what_its_guide_takes_it_for(
    tones: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixing = msgspec.structs.replace(small_recipe().mixing, tones=tones)
    recipe, data = small_recipe(mixing=mixing), Material(small_bank(tmp_path / "stems"))
    learned: list[torch.Tensor] = []

    def noted(logits: torch.Tensor, guiding: torch.Tensor) -> torch.Tensor:
        learned.append(guiding)
        return guided_loss(logits, guiding)

    fit(guiding(recipe), data, run=tmp_path / "guide", until=1)
    monkeypatch.setattr(learning, "guided_loss", noted)
    fit(recipe, data, run=tmp_path / "run", guides=[tmp_path / "guide"], until=1)
    flute, background = learned[0].unbind(dim=2)
    assert bool(flute.any()) == (tones == 0.0)
    assert background.all()


def test_looking_ahead_is_the_mean_of_a_frame_and_those_after_it() -> None:
    judged = torch.tensor([[[0.0], [0.2], [0.4], [1.0]]])
    assert torch.equal(ahead(judged, 1), judged)
    expected = torch.tensor([0.1, 0.3, 0.7, 1.0])  # after the last all is as in it
    assert torch.allclose(ahead(judged, 2)[0, :, 0], expected)
    assert ahead(judged, 25).shape == judged.shape


def test_only_of_lessons_a_net_learns_what_its_guides_hear_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, data = small_recipe(), small_material(tmp_path)
    fit(guiding(recipe), data, run=tmp_path / "guide", until=1)
    heard: list[tuple[int, int]] = []

    def noted(probabilities: torch.Tensor, frames: int) -> torch.Tensor:
        heard.append((len(probabilities), frames))
        return ahead(probabilities, frames)

    monkeypatch.setattr(learning, "ahead", noted)
    fit(recipe, data, run=tmp_path / "run", guides=[tmp_path / "guide"], until=1)
    assert recipe.guide is not None
    assert heard == [(recipe.fit.lessons, recipe.guide.ahead_frames)]


def test_a_net_is_as_near_to_its_guide_as_can_be_where_both_judge_alike() -> None:
    logits = torch.tensor([-3.0, 0.0, 2.0])
    p = torch.sigmoid(logits)
    alike, other = (guided_loss(logits, guiding) for guiding in (p, 1.0 - p))
    entropy = -(p * p.log() + (1.0 - p) * (1.0 - p).log()).mean()
    assert alike == pytest.approx(float(entropy), abs=1e-6)
    assert other > alike


def test_guides_are_heard_without_music_too(tmp_path: Path) -> None:
    recipe, data = small_recipe(), Material(small_bank(tmp_path / "stems"))
    fit(guiding(recipe), data, run=tmp_path / "guide", until=1)
    fit(recipe, data, run=tmp_path / "run", guides=[tmp_path / "guide"], until=1)
    assert (tmp_path / "run" / CHECKPOINT).is_file()

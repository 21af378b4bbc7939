"""The teacher hears our frames as it hears sound, learns our labels, guides, and is not served."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from made_up_teacher import made_up_teacher
from small_run import small_material, small_recipe

from instrd.models.frontend import FrontEnd, frames_of
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import resample
from instrd.training.mixtures.export import export
from instrd.training.mixtures.fit import fit
from instrd.training.mixtures.fitted import learner_of, recipe_of, trained, tuned
from instrd.training.mixtures.tuned_teacher import TunedTeacher
from instrd.training.recipe import Recipe, Tune, tuning
from instrd.training.teachers.teacher import (
    FLOOR,
    RATE_HZ,
    Teacher,
    kaldi_centres_hz,
    read_net,
    scaled,
)
from instrd.training.teachers.teacher_net import TAGS

pytestmark = pytest.mark.usefixtures("one_thread")

OURS = FrontEnd()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_teacher(tmp_path_factory.mktemp("teacher"))


def small_tuning() -> Recipe:
    tune = Tune(steps=2, batch=4, lessons=2, rate_most=1e-3, tags_weight=2.0)
    return tuning(small_recipe(tune=tune))


def sound_frames(seconds: float) -> torch.Tensor:
    levels = np.random.default_rng(2).normal(-45.0, 15.0, (2, int(50 * seconds), OURS.bands))
    return torch.from_numpy(levels.astype(np.float32))


def test_it_judges_every_frame_and_names_the_tags_of_the_whole(folder: Path) -> None:
    net = TunedTeacher(OURS, 3, read_net(folder)).eval()
    for seconds in (0.02, 0.3, 1.0, 4.0):
        logits, tags = net(sound_frames(seconds))
        assert logits.shape == (2, int(50 * seconds), 3)
        assert tags.shape == (2, TAGS)


def test_white_noise_is_to_it_what_it_would_have_heard_itself(folder: Path) -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.1, 8 * RATE_HZ).astype(np.float32)
    theirs = Teacher(folder)._frames(torch.from_numpy(noise[None]))[0].mean(dim=1)
    frames = frames_of(OURS, resample(noise, RATE_HZ, OURS.rate_hz))[5:]
    ours = TunedTeacher(OURS, 3).hear(torch.from_numpy(frames[None]))[0, 0].mean(dim=1)
    hz = kaldi_centres_hz()
    wide = torch.from_numpy((hz > 500.0) & (hz < 7000.0))  # the logarithm's mean is less in others
    assert torch.allclose(theirs[wide], ours[wide], atol=0.05)  # 1 dB
    empty = torch.from_numpy(hz > 8000.0)
    assert torch.allclose(ours[empty], scaled(torch.tensor(FLOOR).log()), atol=1e-5)


def test_between_two_of_its_judgements_lies_a_straight_line() -> None:
    net = TunedTeacher(OURS, 1)
    judged = torch.tensor([[[0.0], [16.0], [0.0]]])
    expected = [*range(17), *range(15, -1, -1), *[0] * 7]
    assert net._every_frame(judged, 40)[0, :, 0].tolist() == pytest.approx(expected)
    assert net._every_frame(judged[:, :1], 5)[0, :, 0].tolist() == [0.0] * 5


def test_frames_that_do_not_fit_into_its_own_are_refused() -> None:
    odd = msgspec.structs.replace(OURS, hop=300)
    with pytest.raises(TrainingError, match=r"got frames every 0\.01875 s"):
        TunedTeacher(odd, 3)
    with pytest.raises(TrainingError, match="of kind mfcc, allowed log_mel"):
        TunedTeacher(msgspec.structs.replace(OURS, kind="mfcc"), 3)


def test_a_run_of_it_begins_with_what_the_teacher_knows(tmp_path: Path, folder: Path) -> None:
    recipe, data = small_tuning(), small_material(tmp_path)
    for name, teacher in (("tuned", folder), ("from nothing", None)):
        fit(recipe, data, run=tmp_path / name, teacher=teacher, until=1)
    known = read_net(folder).state_dict()["classifier.5.weight"]
    apart = [
        float(
            (tuned(recipe, tmp_path / name).state_dict()["classifier.5.weight"] - known).abs().max()
        )
        for name in ("tuned", "from nothing")
    ]
    assert 0.0 < apart[0] < 0.01 < apart[1]


def test_it_goes_on_where_it_was_cut(tmp_path: Path, folder: Path) -> None:
    recipe, data = small_tuning(), small_material(tmp_path)
    fit(recipe, data, run=tmp_path / "whole", teacher=folder)
    fit(recipe, data, run=tmp_path / "cut", teacher=folder, until=1)
    fit(recipe, data, run=tmp_path / "cut", teacher=folder)
    whole, cut = (tuned(recipe, tmp_path / name).state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_it_guides_a_net_and_is_no_model_itself(tmp_path: Path, folder: Path) -> None:
    data, guide = small_material(tmp_path), tmp_path / "guide"
    fit(small_tuning(), data, run=guide, teacher=folder, until=1)
    assert recipe_of(guide).tuned
    recipe, heads = small_recipe(), []
    for name, guides in (("alone", []), ("guided", [guide])):
        fit(recipe, data, run=tmp_path / name, guides=guides, until=1)
        heads.append(trained(recipe, tmp_path / name).head.weight)
    assert not torch.equal(*heads)
    with pytest.raises(TrainingError, match="may guide a net and is no model"):
        export(guide, tmp_path / "bundle", pools=[tmp_path], bank=data.bank)


def test_a_recipe_without_tune_tunes_nothing() -> None:
    with pytest.raises(TrainingError, match=r"no \[tune\]"):
        tuning(small_recipe(tune=None))
    assert not isinstance(learner_of(small_recipe()), TunedTeacher)
    assert isinstance(learner_of(small_tuning()), TunedTeacher)

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from small_run import AUDIOSET, small_bank, small_music, small_recipe

from instrd.training.errors import TrainingError
from instrd.training.mixtures.fit import fit
from instrd.training.mixtures.lessons import Lessons
from instrd.training.mixtures.material import Material
from instrd.training.mixtures.student import taught_loss
from instrd.training.recipe import Recipe
from instrd.training.struct_files import write_json
from instrd.training.teachers.excerpts import read_excerpts
from instrd.training.teachers.music import INDEX, read_index
from instrd.training.teachers.opinions import Opinions

LABELS = ("guitar", "piano", "other")


def said(**probabilities: float) -> np.ndarray:
    """Return the teacher's probabilities, of tags by name; the others are 0.001."""
    found = np.full(len(AUDIOSET), 0.001, np.float32)
    for tag, p in probabilities.items():
        found[AUDIOSET.index(tag.replace("_", " "))] = p
    return found


def lessons_of(recipe: Recipe, music: Path) -> Lessons:
    return Lessons(recipe, read_excerpts(music, recipe.mixing.segment_frames))


def test_what_the_teacher_hears_for_certain_is_wanted_and_the_rest_is_not_judged() -> None:
    targets, weights = Opinions(AUDIOSET, LABELS).of(said(Music=0.9, Electric_guitar=0.8))
    assert targets.tolist() == [1.0, 0.0, 0.0]
    assert weights.tolist() == [1.0, 0.0, 0.0]


def test_without_any_music_only_the_background_is_wanted() -> None:
    targets, weights = Opinions(AUDIOSET, LABELS).of(said())
    assert targets.tolist() == [0.0, 0.0, 1.0]
    assert weights.tolist() == [1.0, 1.0, 1.0]


def test_speech_teaches_that_it_is_no_singing() -> None:
    labels = ("voice", "piano", "other")
    targets, weights = Opinions(AUDIOSET, labels).of(said(Speech=0.9))
    assert targets.tolist() == [0.0, 0.0, 1.0]
    assert weights.tolist() == [1.0, 1.0, 1.0]


def test_the_surer_the_teacher_is_of_an_instrument_the_more_that_counts() -> None:
    opinions = Opinions(AUDIOSET, LABELS)
    told = [opinions.of(said(Music=0.9, Piano=p)) for p in (0.09, 0.2, 0.3, 0.5, 0.9)]
    assert [weights[1] for _, weights in told] == pytest.approx([0.0, 0.25, 0.5, 1.0, 1.0])
    assert [targets[1] for targets, _ in told] == [0.0, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("doubt", [{"Music": 0.3}, {"Piano": 0.09}])
def test_a_doubtful_teacher_teaches_by_its_tags_alone(doubt: dict[str, float]) -> None:
    _, weights = Opinions(AUDIOSET, LABELS).of(said(**doubt))
    assert not weights.any()


def test_a_lesson_has_the_frames_of_its_window_and_the_teachers_probabilities(
    tmp_path: Path,
) -> None:
    recipe = small_recipe()
    lessons = lessons_of(recipe, small_music(tmp_path / "music", loudest="Flute"))
    frames, tags, targets, weights, _ = lessons.batch(3, count=4)
    assert frames.shape == (4, recipe.mixing.segment_frames, recipe.front_end.width)
    assert frames.min() >= -100.0
    assert tags[:, AUDIOSET.index("Flute")] == pytest.approx(0.982, abs=1e-3)
    assert tags.shape == (4, len(AUDIOSET))
    assert targets.tolist() == weights.tolist() == [[1.0, 0.0]] * 4


def test_of_a_labelled_recording_the_teacher_tells_its_tags_alone(tmp_path: Path) -> None:
    music = small_music(tmp_path / "music", loudest="Flute", labelled=True)
    _, tags, _, weights, _ = lessons_of(small_recipe(), music).batch(3, count=4)
    assert tags[:, AUDIOSET.index("Flute")] == pytest.approx(0.982, abs=1e-3)
    assert not weights.any()


def test_the_lessons_of_a_step_are_always_the_same(tmp_path: Path) -> None:
    lessons = lessons_of(small_recipe(), small_music(tmp_path / "music"))
    first, again, other = (lessons.batch(step, count=2).frames for step in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("what", ["silent", "empty"])
def test_music_in_which_nothing_sounds_is_told_before_anything_is_learned_of_it(
    tmp_path: Path, what: str
) -> None:
    music = small_music(tmp_path / "music", level_db=-120.0)
    if what == "empty":
        (music / INDEX).write_bytes(b"[]")
    material = Material(small_bank(tmp_path / "stems"), music)
    with pytest.raises(TrainingError, match="music: holds no recording in which anything sounds"):
        fit(small_recipe(), material, run=tmp_path / "run", until=1)


def test_a_silent_recording_is_never_drawn(tmp_path: Path) -> None:
    music = small_music(tmp_path / "music")
    silent = small_music(tmp_path / "silent", level_db=-120.0) / "noise.npz"
    silent.rename(music / "silent.npz")
    (entry,) = read_index(music)
    write_json(music / INDEX, [msgspec.structs.replace(entry, file="silent.npz"), entry])
    frames = lessons_of(small_recipe(), music).batch(0, count=20).frames
    assert frames.max(axis=(1, 2)).min() > -75.0


def test_segments_longer_than_what_the_teacher_heard_are_refused(tmp_path: Path) -> None:
    recipe = small_recipe()
    mixing = msgspec.structs.replace(recipe.mixing, segment_frames=201)
    with pytest.raises(TrainingError, match="got 201"):
        lessons_of(msgspec.structs.replace(recipe, mixing=mixing), small_music(tmp_path / "music"))


def test_a_label_that_sounds_in_a_part_of_the_window_is_as_good_as_one_throughout() -> None:
    wanted = torch.ones(1, 1)
    logits = torch.full((1, 100, 1), -8.0)
    never = taught_loss(logits, wanted, wanted)
    logits[:, 60:] = 8.0
    assert taught_loss(logits, wanted, wanted) < 0.02 < 5.0 < never

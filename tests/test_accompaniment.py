"""Music behind stems: as loud as it should be, and silent about what nobody knows."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from small_run import AUDIOSET, small_bank, small_music, small_recipe

from instrd.training.mixtures.accompaniment import Accompaniment
from instrd.training.mixtures.audible import loudness
from instrd.training.mixtures.mixtures import Mixer
from instrd.training.teachers.excerpts import Excerpts, read_excerpts
from instrd.training.teachers.opinions import Opinions

LABELS = ("flute", "voice", "other")


def excerpts(folder: Path, *, loudest: str = "Music", labelled: bool = False) -> Excerpts:
    music = small_music(folder / f"music {loudest}", loudest=loudest, labelled=labelled)
    return read_excerpts(music, small_recipe().mixing.segment_frames)


def sums_db(frames: np.ndarray) -> np.ndarray:
    sums: np.ndarray = 10.0 * np.log10((10.0 ** (frames / 10.0)).sum(axis=1, keepdims=True))
    return sums


def test_of_an_excerpt_the_teacher_tells_what_it_heard_then(tmp_path: Path) -> None:
    drawn = excerpts(tmp_path, loudest="Flute").draw(np.random.default_rng(0))
    assert drawn.frames.shape == (30, 80)
    assert drawn.tags[AUDIOSET.index("Flute")] == pytest.approx(0.982, abs=1e-3)
    assert not drawn.labelled


def test_only_what_nobody_labelled_plays_behind(tmp_path: Path) -> None:
    assert excerpts(tmp_path, labelled=True).unlabelled() is None
    unknown = excerpts(tmp_path, loudest="Flute").unlabelled()
    assert unknown is not None
    assert not unknown.draw(np.random.default_rng(0)).labelled


def test_what_plays_behind_is_at_most_as_loud_as_the_stem_in_bands_and_in_level(
    tmp_path: Path,
) -> None:
    accompaniment = Accompaniment(excerpts(tmp_path), LABELS)
    rng = np.random.default_rng(0)
    stem = np.concatenate(
        (rng.normal(-30.0, 3.0, (30, 80)), np.full((30, 1), -12.0)), axis=1
    ).astype(np.float32)
    below_db = []
    for _ in range(50):
        played = accompaniment.behind(stem, rng)
        assert played is not None
        rows = played.rows
        by_level = loudness(stem[:, -1:])[0] - loudness(rows[:, -1:])[0]
        by_bands = loudness(sums_db(stem[:, :-1]))[0] - loudness(sums_db(rows[:, :-1]))[0]
        assert by_level == pytest.approx(by_bands, abs=1e-3)
        below_db.append(by_level)
    assert -1e-3 <= min(below_db) < 3.0
    assert 22.0 < max(below_db) <= 25.001


def test_absent_is_what_the_teacher_surely_does_not_hear(tmp_path: Path) -> None:
    heard = excerpts(tmp_path, loudest="Flute").draw(np.random.default_rng(0)).tags
    assert Opinions(AUDIOSET, LABELS).absent(heard).tolist() == [0.0, 1.0, 0.0]


def test_nobody_speaks_behind_a_stem(tmp_path: Path) -> None:
    accompaniment = Accompaniment(excerpts(tmp_path, loudest="Speech"), LABELS)
    assert accompaniment.behind(np.zeros((30, 81), np.float32), np.random.default_rng(0)) is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_behind_a_stem_only_that_and_what_is_absent_is_judged(share: float, tmp_path: Path) -> None:
    recipe = small_recipe()
    mixing = msgspec.structs.replace(
        recipe.mixing, accompanied=share, stems_odds=(0.0, 1.0), quiet_target=1.0, tones=0.0
    )
    music = Accompaniment(excerpts(tmp_path, loudest="Flute"), recipe.labels)
    changed = msgspec.structs.replace(recipe, mixing=mixing)
    mixer = Mixer(changed, small_bank(tmp_path / "stems"), "train", accompaniment=music)
    ((_, targets, weights),) = mixer.batches(range(1), count=16)
    sounding = (targets > 0.0).any(axis=(1, 2))  # of a stem that is cut off nothing is left
    targets, weights = targets[sounding], weights[sounding]
    assert weights[targets > 0.0].any()
    # behind every stem there is a flute, and maybe anything else
    assert weights[targets == 0.0].any() == (share == 0.0)

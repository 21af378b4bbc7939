from pathlib import Path

import msgspec
import numpy as np
import pytest
from small_run import small_bank, small_recipe

from instrd.training.errors import TrainingError
from instrd.training.mixtures import mixtures
from instrd.training.mixtures.audible import judge, prominence
from instrd.training.mixtures.mixtures import Mixer
from instrd.training.mixtures.reverberation import Room
from instrd.training.recipe import Recipe
from instrd.training.stems.stems import BANK, Track, read_tracks, why_unused
from instrd.training.struct_files import write_json

MIXING = msgspec.structs.replace(small_recipe().mixing, segment_frames=100)
ONSET, HOLD = MIXING.onset_frames, MIXING.hold_frames
FRAMES = 100


def blink(start: int, end: int, level_db: float = 0.0) -> np.ndarray:
    """Return the levels of a stem that sounds in frames `start` to `end` - 1, (FRAMES,)."""
    levels = np.full(FRAMES, -100.0, np.float32)
    levels[start:end] = level_db
    return levels


def judged(*stems: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return judge(np.stack(stems, axis=1), MIXING)


def test_a_stem_is_wanted_while_it_sounds_and_for_the_hold_after() -> None:
    targets, weights = judged(blink(20, 60))
    wanted = np.flatnonzero(targets[:, 0])
    assert (wanted[0], wanted[-1]) == (20, 59 + HOLD)
    assert weights[:20].all()
    assert weights[60 + HOLD :].any()


def test_the_first_frames_of_an_onset_are_not_judged() -> None:
    _, weights = judged(blink(20, 60))
    assert not weights[20 : 20 + ONSET].any()
    assert weights[20 + ONSET : 60].all()


def test_a_stem_drowned_by_another_is_neither_wanted_nor_unwanted() -> None:
    targets, weights = judged(blink(0, 100), blink(0, 100, -32.0))
    assert targets[5:, 0].all()
    assert not targets[:, 1].any()
    assert not weights[5:, 1].any()


def test_a_stem_far_below_the_mix_counts_as_absent() -> None:
    targets, weights = judged(blink(0, 100), blink(0, 100, -50.0))
    assert not targets[:, 1].any()
    assert weights[:, 1].all()


def test_a_track_is_mixed_if_the_recipe_has_its_label_and_it_is_longer_than_a_segment() -> None:
    recipe = small_recipe()
    frames = recipe.mixing.segment_frames
    longest = Track("a.npy", "flute", "made up", "train", frames + 1)
    assert not why_unused(longest, recipe)
    short = msgspec.structs.replace(longest, frames=frames)
    assert why_unused(short, recipe) == "got 0.6 s, allowed more than a segment of 0.6 s"
    other = msgspec.structs.replace(longest, label="drum")
    assert why_unused(other, recipe) == "recipe base has no such label"


def test_a_silent_stem_is_absent() -> None:
    targets, weights = judged(blink(0, 0))
    assert not targets.any()
    assert weights.all()


def test_alone_a_stem_is_wanted_wholly_however_quiet_it_is() -> None:
    levels = np.stack([blink(0, 40), blink(0, 100, -20.0)], axis=1)
    shares = prominence(levels, 0.5)
    assert shares[60:, 1] == pytest.approx(1.0, abs=1e-3)
    assert shares[:20, 0] == pytest.approx(1.0, abs=1e-2)
    assert shares[:20, 1] == pytest.approx(1.0 - 0.5 * 20.0 / 25.0, abs=1e-2)


def test_of_two_as_loud_neither_is_preferred_and_the_louder_of_two_is() -> None:
    even = prominence(np.stack([blink(0, 100), blink(0, 100)], axis=1), 0.5)
    assert np.ptp(even) == 0.0
    uneven = prominence(np.stack([blink(0, 100), blink(0, 100, -6.0)], axis=1), 0.5)
    assert (uneven[:, 0] > even[0, 0]).all()
    assert (uneven[:, 1] < even[0, 0]).all()


def test_nobody_is_less_wanted_than_the_least() -> None:
    shares = prominence(np.stack([blink(0, 100), blink(0, 0)], axis=1), 0.5)
    assert shares.min() == 0.5


@pytest.mark.parametrize("quiet_target", [0.5, 1.0])
def test_mixtures_want_the_quiet_less_by_what_their_recipe_says(
    quiet_target: float, tmp_path: Path
) -> None:
    recipe = small_recipe()
    mixing = msgspec.structs.replace(
        recipe.mixing, stems_odds=(0.0, 0.0, 1.0), quiet_target=quiet_target
    )
    changed = msgspec.structs.replace(recipe, mixing=mixing)
    mixer = Mixer(changed, small_bank(tmp_path / "stems"), "train")
    ((_, targets, _),) = mixer.batches(range(1), count=16)
    wanted = targets[targets > 0.0]
    assert quiet_target <= wanted.min() <= (0.95 if quiet_target < 1.0 else 1.0)
    assert wanted.max() <= 1.0


def test_a_batch_of_a_step_is_always_the_same_and_no_two_steps_are_alike(tmp_path: Path) -> None:
    mixer = Mixer(small_recipe(), small_bank(tmp_path / "stems"), "train")
    first, second = list(mixer.batches(range(7, 9), count=4))
    (again,) = mixer.batches(range(7, 8), count=4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], second[0])


def test_a_batch_has_the_shapes_of_the_recipe_and_nothing_below_the_floor(tmp_path: Path) -> None:
    recipe = small_recipe()
    mixer = Mixer(recipe, small_bank(tmp_path / "stems"), "train")
    ((frames, targets, weights),) = mixer.batches(range(1), count=4)
    assert frames.shape == (4, 30, 80)
    assert targets.shape == weights.shape == (4, 30, 2)
    assert frames.dtype == np.float32
    assert frames.min() >= -100.0
    assert np.isfinite(frames).all()


def test_in_a_room_stems_count_as_sounding_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe()
    mixing = msgspec.structs.replace(recipe.mixing, stems_odds=(0.0, 1.0))
    mixer = Mixer(
        msgspec.structs.replace(recipe, mixing=mixing), small_bank(tmp_path / "stems"), "train"
    )
    bands = recipe.front_end.width
    hall = Room(5.0, damped=0.0, wet=10.0, ripple=np.ones(bands, np.float32), hop_s=0.02)
    monkeypatch.setattr(mixtures, "draw_room", lambda *_: hall)
    monkeypatch.setattr(mixtures, "_STEM_ROOM_ODDS", 0.0)
    sounding = []
    for odds in (0.0, 1.0):
        monkeypatch.setattr(mixtures, "_ROOM_ODDS", odds)
        (batch,) = mixer.batches([3], count=40)
        sounding.append(batch.targets > 0.0)
    dry, wet = sounding
    assert np.all(wet | ~dry)
    assert wet.sum() > dry.sum()


def test_a_mixer_without_stems_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="instrd-train render"):
        Mixer(small_recipe(), tmp_path, "train")


def with_tones(share: float) -> Recipe:
    mixing = small_recipe().mixing
    loud = msgspec.structs.replace(mixing, tones=share, level_dbfs=(-10.0, -10.0))
    return small_recipe(mixing=loud)


def test_a_share_of_the_segments_is_hum_and_tones_alone(tmp_path: Path) -> None:
    bank = small_bank(tmp_path / "bank")
    shares = []
    for share in (0.0, 0.5, 1.0):
        mixer = Mixer(with_tones(share), bank, "train")
        (batch,) = mixer.batches([0], count=80)
        flute, other = np.moveaxis(batch.targets.max(axis=1), -1, 0) > 0.0
        shares.append(flute.mean())
        assert other.any()
    assert shares[0] > 1.5 * shares[1] > 0.0
    assert shares[2] == 0.0
    assert batch.weights[..., 0].all()


def test_hum_and_tones_are_asked_of_a_bank_that_has_some(tmp_path: Path) -> None:
    bank = small_bank(tmp_path / "bank")
    tracks = [msgspec.structs.replace(track, origin="made up") for track in read_tracks(bank)]
    write_json(bank / BANK, tracks)
    Mixer(with_tones(0.0), bank, "train")
    with pytest.raises(TrainingError, match=r"holds no hum, tones and signals \(\[mixing\]"):
        Mixer(with_tones(0.1), bank, "train")

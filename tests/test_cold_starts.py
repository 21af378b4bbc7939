"""A net in training begins in the middle of sounds, as streams do, and its guides do not."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from small_run import RATE_HZ, small_bank, small_recipe
from sounds import tone

from instrd.models.frontend import FrontEnd, frames_of
from instrd.training.mixtures import fit as fitting
from instrd.training.mixtures import learning, mixtures
from instrd.training.mixtures.cold_starts import begun, spreads
from instrd.training.mixtures.fit import fit
from instrd.training.mixtures.guides import read_guides
from instrd.training.mixtures.material import Material, Steps
from instrd.training.mixtures.mixtures import Mixer, onset_after
from instrd.training.mixtures.student import Student, guided_loss
from instrd.training.recipe import guiding

FRONT_END = FrontEnd()
PARTIALS_HZ = (220.0, 440.0, 660.0, 880.0, 1320.0)


@pytest.fixture(scope="module")
def spread() -> torch.Tensor:
    return torch.from_numpy(spreads(FRONT_END))


def test_frames_cut_out_of_a_sound_become_about_those_of_a_stream_that_begins_in_it(
    spread: torch.Tensor,
) -> None:
    chord = np.stack([tone(hz, 2.0, RATE_HZ, amplitude=0.1) for hz in PARTIALS_HZ])
    sound, cut = chord.sum(axis=0), 50 * FRONT_END.hop
    stream = frames_of(FRONT_END, sound[cut:])
    inside = frames_of(FRONT_END, sound)[50:]
    made = begun(torch.from_numpy(inside)[None], spread)[0].numpy()
    for frame in range(len(spread)):
        off_db, before_db = (np.abs(f[frame] - stream[frame]).mean() for f in (made, inside))
        assert off_db < 5.0
        assert before_db > 2.0 * off_db
    np.testing.assert_array_equal(made[len(spread) :], inside[len(spread) :])


def test_a_stream_that_begins_in_silence_has_nothing_to_spread(spread: torch.Tensor) -> None:
    silent = torch.full((2, 10, FRONT_END.bands), -100.0)
    assert begun(silent, spread).max() < -95.0


def test_streams_shorter_than_what_is_spread_begin_too(spread: torch.Tensor) -> None:
    frames = torch.full((1, 5, FRONT_END.bands), -40.0)
    whole = begun(frames, spread)
    for length in range(5):
        torch.testing.assert_close(begun(frames[:, :length], spread), whole[:, :length])


def test_frames_that_do_not_overlap_need_no_spread() -> None:
    front_end = msgspec.structs.replace(FRONT_END, hop=FRONT_END.fft)
    frames = torch.randn(2, 5, FRONT_END.bands)
    assert torch.equal(begun(frames, torch.from_numpy(spreads(front_end))), frames)


@pytest.mark.parametrize("late", [0.0, 1.0])
@pytest.mark.usefixtures("one_thread")
def test_a_net_that_begins_late_learns_what_its_guides_judge_who_do_not(
    late: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixing = msgspec.structs.replace(small_recipe().mixing, late=late)
    recipe, data = small_recipe(mixing=mixing), Material(small_bank(tmp_path / "stems"))
    fit(guiding(recipe), data, run=tmp_path / "guide", until=1)
    learned: list[torch.Tensor] = []
    heard: list[torch.Tensor] = []
    judged: list[tuple[torch.Tensor, torch.Tensor]] = []

    def noted(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        learned.append(wanted)
        return guided_loss(logits, wanted)

    def hearing(student: Student, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        heard.append(frames)
        return forward(student, frames)

    def listening(*given: object) -> Callable[[torch.Tensor], torch.Tensor]:
        judge = read_guides(*given)  # type: ignore[arg-type]
        assert judge is not None

        def judging(frames: torch.Tensor) -> torch.Tensor:
            judged.append((frames, judge(frames)))
            return judged[-1][1]

        return judging

    forward = Student.forward
    monkeypatch.setattr(Student, "forward", hearing)
    monkeypatch.setattr(learning, "guided_loss", noted)
    monkeypatch.setattr(fitting, "read_guides", listening)
    fit(recipe, data, run=tmp_path / "run", guides=[tmp_path / "guide"], until=1)
    ((whole, guided),) = judged
    missed = 30 - heard[0].shape[1]
    assert missed in {0.0: [0], 1.0: [7, 15]}[late]  # a quarter or half of 30 frames
    spread = torch.from_numpy(spreads(recipe.front_end))
    assert torch.equal(heard[0], begun(whole[:, missed:], spread))
    background = recipe.labels.index("other")  # of which guides are always believed
    assert torch.equal(learned[0][..., background], guided[:, missed:, background])


def test_the_share_of_late_steps_is_as_asked_and_the_same_again(tmp_path: Path) -> None:
    mixing = msgspec.structs.replace(small_recipe().mixing, late=0.4)
    base = small_recipe(mixing=mixing)
    recipe = msgspec.structs.replace(base, fit=msgspec.structs.replace(base.fit, steps=200))
    data = Material(small_bank(tmp_path / "stems"))
    first, again = ([step.late_frames for step in Steps(recipe, data, 0)] for _ in range(2))
    assert first == again
    assert set(first) == {0, 7, 15}
    assert 0.3 < np.mean([late > 0 for late in first]) < 0.5


def test_a_segment_may_begin_where_the_next_sound_does() -> None:
    levels_dbfs = np.full(100, -20.0, np.float16)
    levels_dbfs[30:60] = -70.0  # a pause, then a soft stroke that is no sound to begin with
    levels_dbfs[40] = -50.0
    assert onset_after(0, levels_dbfs) == 59
    assert onset_after(45, levels_dbfs) == 59
    assert onset_after(70, levels_dbfs) == 70


def test_some_segments_begin_with_a_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def noted(start: int, levels_dbfs: np.ndarray[tuple[int], np.dtype[np.float16]]) -> int:
        asked.append(start)
        return onset_after(start, levels_dbfs)

    monkeypatch.setattr(mixtures, "onset_after", noted)
    mixing = msgspec.structs.replace(small_recipe().mixing, stems_odds=(0.0, 1.0), tones=0.0)
    mixer = Mixer(small_recipe(mixing=mixing), small_bank(tmp_path / "stems"), "train")
    (_,) = mixer.batches(range(1), count=200)
    assert 10 < len(asked) < 80

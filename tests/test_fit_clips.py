"""A run on labelled clips: what it learns, what it leaves, how it goes on and when it stops."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import safetensors.torch
import torch
from labelled_audio import write
from miniature import LABELS, changed, miniature, recipe, sound

from instrd.models.bundle import WEIGHTS
from instrd.training.checkpoint import CHECKPOINT, load_checkpoint, write_checkpoint
from instrd.training.clips import epochs
from instrd.training.clips.epochs import TENSORBOARD
from instrd.training.clips.fit import fit_clips
from instrd.training.clips.frame_cache import FrameCache
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.run_data import DATA, SPLIT
from instrd.training.clips.run_files import read_recipe_of
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import LabelledFolder
from instrd.training.folders.layouts import read_folder
from instrd.training.recipe import RECIPE
from instrd.training.results import METRICS, RunResult

pytestmark = pytest.mark.usefixtures("one_thread")

Weights = dict[str, torch.Tensor]


class CutError(Exception):
    """Somebody has stopped the program."""


def stopping_after(epochs: int) -> Any:
    """Return a watch that stops the program in the middle of a run."""

    def watch(things: Iterable[Any], what: str, _count: int) -> Iterator[Any]:
        for number, thing in enumerate(things):
            if what == "cnn" and number == epochs:
                raise CutError
            yield thing

    return watch


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> LabelledFolder:
    return miniature(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def learned(
    data: LabelledFolder, one_thread: None, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    # Threads add up in another order, and what is resumed is compared to the last bit.
    run = tmp_path_factory.mktemp("runs") / "cnn"
    fit_clips(recipe(), data, run)
    return run


def weights(run: Path) -> Weights:
    return safetensors.torch.load_file(run / WEIGHTS)


def equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def fitted(made: ClipRecipe, data: LabelledFolder, run: Path) -> RunResult:
    return fit_clips(made, data, run)


def test_a_small_net_learns_to_tell_clicks_from_tones(data: LabelledFolder, learned: Path) -> None:
    result = fit_clips(recipe(), data, learned)
    assert len(result.answers) == 12
    assert result.accuracy > 0.9
    assert len(result.history) == 10
    assert result.history[-1].train_loss < result.history[0].train_loss
    assert result.history[-1].validation_accuracy == pytest.approx(1.0, abs=0.2)
    assert all(sum(answer.p) == pytest.approx(1.0, abs=1e-3) for answer in result.answers)
    assert len({answer.sha256 for answer in result.answers}) == 12


@pytest.mark.parametrize("kind", ["lstm", "svm", "transformer"])
def test_every_kind_of_net_learns(kind: Any, data: LabelledFolder, tmp_path: Path) -> None:
    made = recipe(kind, epochs=2 if kind == "svm" else 8, rate=1e-2)
    assert fitted(made, data, tmp_path / "run").accuracy > 0.6


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("known", [False, True])
def test_half_width_is_taken_on_a_cpu_that_knows_it_and_no_other(
    data: LabelledFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    monkeypatch.setattr(epochs, "half_width", lambda _: known)
    full, half = (
        fitted(recipe(epochs=1, bfloat16=asked), data, tmp_path / str(asked))
        for asked in (False, True)
    )
    assert (half.history != full.history) == known


def test_a_run_folder_holds_all_that_tells_how_it_went(learned: Path) -> None:
    for name in (RECIPE, DATA, SPLIT, WEIGHTS, METRICS, CHECKPOINT):
        assert (learned / name).is_file()
    assert list((learned / TENSORBOARD).glob("events.*"))
    assert read_recipe_of(learned) == recipe()
    split = msgspec.json.decode((learned / SPLIT).read_bytes())
    assert {part: len(rows) for part, rows in split.items()} == {
        "train": 24,
        "validation": 9,
        "test": 12,
    }
    assert split["test"][0] == {"path": "test/drum/drum-0.wav", "label": "drum"}


def test_a_run_that_was_stopped_goes_on_and_ends_with_the_weights_of_one_that_was_not(
    data: LabelledFolder, learned: Path, tmp_path: Path
) -> None:
    with pytest.raises(CutError):
        fit_clips(recipe(), data, tmp_path, stopping_after(2))
    assert not (tmp_path / METRICS).exists()
    result = fit_clips(recipe(), data, tmp_path)
    assert equal(weights(tmp_path), weights(learned))
    assert len(result.history) == 10


def test_so_does_one_that_keeps_an_average_or_its_best(
    data: LabelledFolder, tmp_path: Path
) -> None:
    made = recipe(epochs=4, average=0.9, keep_best=True)
    made = changed(made, network={**made.network, "norm": True, "dropout": 0.3})
    fit_clips(made, data, tmp_path / "whole")
    with pytest.raises(CutError):
        fit_clips(made, data, tmp_path / "cut", stopping_after(3))
    fit_clips(made, data, tmp_path / "cut")
    assert equal(weights(tmp_path / "cut"), weights(tmp_path / "whole"))


def test_the_time_of_a_stopped_run_is_kept_with_its_epochs(
    data: LabelledFolder, tmp_path: Path
) -> None:
    with pytest.raises(CutError):
        fit_clips(recipe(), data, tmp_path, stopping_after(2))
    state = load_checkpoint(tmp_path)
    assert state["seconds"] > 0.0
    write_checkpoint(tmp_path, {**state, "seconds": 1000.0})
    assert 1000.0 <= fit_clips(recipe(), data, tmp_path).training_s < 2000.0


def test_a_finished_run_is_only_read(data: LabelledFolder, learned: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in learned.rglob("*")}
    fit_clips(recipe(), data, learned)
    assert {file: file.stat().st_mtime_ns for file in learned.rglob("*")} == before


def test_another_recipe_in_the_same_run_folder_is_refused(
    data: LabelledFolder, learned: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="another recipe"):
        fit_clips(recipe(epochs=7), data, learned)
    with pytest.raises(CutError):
        fit_clips(recipe(), data, tmp_path, stopping_after(1))
    with pytest.raises(TrainingError, match="seed 3, not 9"):
        fit_clips(changed(recipe(), seed=9), data, tmp_path)


def test_other_data_in_the_same_run_folder_are_refused(
    data: LabelledFolder, learned: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data.root, copy)
    (copy / "test" / "drum").rename(copy / "test" / "drums")
    (copy / "test" / "guitar").rename(copy / "test" / "drum")
    (copy / "test" / "drums").rename(copy / "test" / "guitar")
    told = f"was fitted on 45 clips below {data.root} with published labels, which are not these"
    with pytest.raises(TrainingError, match=told):
        fit_clips(recipe(), read_folder(copy), learned)
    with pytest.raises(TrainingError, match="corrected labels"):
        fit_clips(recipe(), replace(data, reading="corrected"), learned)
    with pytest.raises(CutError):
        fit_clips(recipe(), data, tmp_path / "run", stopping_after(1))
    with pytest.raises(TrainingError, match="was fitted on"):
        fit_clips(recipe(), read_folder(copy), tmp_path / "run")


def test_a_run_knows_its_data_where_they_have_been_moved_to(
    data: LabelledFolder, learned: Path, tmp_path: Path
) -> None:
    shutil.copytree(data.root, tmp_path / "moved")
    assert fit_clips(recipe(), read_folder(tmp_path / "moved"), learned).answers


def test_a_run_goes_on_with_the_split_that_it_began_with(
    data: LabelledFolder, tmp_path: Path
) -> None:
    with pytest.raises(CutError):
        fit_clips(recipe(epochs=2), data, tmp_path, stopping_after(1))
    split = msgspec.json.decode((tmp_path / SPLIT).read_bytes())
    split["test"].append(split["train"].pop())
    (tmp_path / SPLIT).write_bytes(msgspec.json.encode(split))
    assert len(fit_clips(recipe(epochs=2), data, tmp_path).answers) == 13


def test_a_run_that_does_not_say_what_it_was_fitted_on_is_refused(
    data: LabelledFolder, learned: Path, tmp_path: Path
) -> None:
    shutil.copytree(learned, tmp_path / "run")
    (tmp_path / "run" / DATA).unlink()
    with pytest.raises(TrainingError, match="does not say what it was fitted on"):
        fit_clips(recipe(), data, tmp_path / "run")


def test_what_ended_before_it_learned_anything_stands_in_nobodys_way(
    data: LabelledFolder, tmp_path: Path
) -> None:
    for size, told in (("big", "'big'"), ([640, 64, 1], r"\[640, 64, 1\]: .* of length 2")):
        with pytest.raises(TrainingError, match=f"size: got {told}"):
            fit_clips(changed(recipe(epochs=1), network={"size": size}), data, tmp_path)
    assert fit_clips(recipe(epochs=1), data, tmp_path).answers


@pytest.mark.parametrize("name", [RECIPE, DATA, "notes.txt"])
def test_a_folder_of_something_else_is_refused_before_anything_is_read(
    name: str, data: LabelledFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameCache, "fill", None)
    (tmp_path / name).write_text("of another program")
    with pytest.raises(TrainingError, match=r"is not empty and holds no run; give another --run"):
        fit_clips(recipe(), data, tmp_path)
    with pytest.raises(TrainingError, match=f"{name}: is no folder"):
        fit_clips(recipe(), data, tmp_path / name)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of another program"]


def test_files_that_cannot_be_read_are_listed_and_left_out(tmp_path: Path) -> None:
    miniature(tmp_path / "data")
    for part in ("train", "validation", "test"):
        (tmp_path / "data" / part / "drum" / "broken.wav").write_bytes(b"RIFF, but not really")
    (tmp_path / "data" / "train" / "drum" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    result = fitted(recipe(epochs=1), read_folder(tmp_path / "data"), tmp_path / "run")
    assert len(result.left_out) == 4
    assert all("broken.wav" in line or "gone.wav" in line for line in result.left_out)
    assert len(result.answers) == 12


def test_a_handful_of_clips_is_enough(tmp_path: Path) -> None:
    for seed, label in enumerate(LABELS):
        write(tmp_path / "data" / "train" / label / "one.wav", sound(label, seed))
    result = fitted(recipe(epochs=2), read_folder(tmp_path / "data"), tmp_path / "run")
    assert result.answers == ()
    assert result.history[0].validation_loss is None


def test_patience_stops_a_run_that_gets_no_better(data: LabelledFolder, tmp_path: Path) -> None:
    made = recipe(epochs=30, rate=0.3, schedule="constant", patience=2)
    losses = [epoch.validation_loss or 0.0 for epoch in fitted(made, data, tmp_path).history]
    assert len(losses) < 30
    assert losses.index(min(losses)) == len(losses) - 3


def best_and_last(data: LabelledFolder, folder: Path, **fit: Any) -> Iterator[RunResult]:
    for keep_best in (True, False):
        made = recipe(epochs=8, rate=0.3, schedule="constant", keep_best=keep_best, **fit)
        yield fitted(made, data, folder / str(keep_best))


def test_the_best_epoch_is_kept_where_the_recipe_says_so(
    data: LabelledFolder, tmp_path: Path
) -> None:
    best, last = best_and_last(data, tmp_path)
    assert best.history == last.history
    losses = [epoch.validation_loss or 0.0 for epoch in best.history]
    assert losses.index(min(losses)) < 7
    kept, state = weights(tmp_path / "True"), torch.load(tmp_path / "True" / CHECKPOINT)
    assert equal(kept, state["best"])
    assert not equal(kept, weights(tmp_path / "False"))


def test_the_average_of_the_weights_is_kept_where_the_recipe_says_so(
    data: LabelledFolder, tmp_path: Path
) -> None:
    fitted(recipe(epochs=2, average=0.9), data, tmp_path)
    state = torch.load(tmp_path / CHECKPOINT)
    assert equal(weights(tmp_path), state["average"])
    assert not equal(weights(tmp_path), state["net"])

import shutil
from pathlib import Path

import pytest
from labelled_audio import hiss, kaggle, write
from made_up_runs import MODELS, RECIPES, MadeUp

from instrd.training.errors import TrainingError
from instrd.training.reproduction.reproduce import Plan, reproduce
from instrd.training.reproduction.reproduction import Reproduction, read_reproduction

DRUMS = [f"kick-{n}0000.wav" for n in range(1, 5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature with the faults of the paper's tables."""
    root = tmp_path_factory.mktemp("data")
    train = [(name, f"Sound_{label}") for label in ("Drum", "Violin") for name in DRUMS]
    train += [("rock_1_100BPM.wav", "Sound_Guitar"), ("etude-70000.wav", "Sound_Piano")]
    test = [("tom-80000.wav", "Drum"), ("rock_1_120BPM.wav", "Guitar"), ("x-90000.wav", "Piano")]
    kaggle(root, train, [*test, ("violin_b.wav", "Violin")])
    write(root / "Train_submission" / "violin_a (1).wav", hiss(99))
    return root


def reproduced(folder: Path, run: Path, fit: MadeUp, *, seeds: int = 2) -> Reproduction:
    return reproduce(folder, run, paper_recipes=RECIPES, our_recipes=RECIPES, seeds=seeds, fit=fit)


def test_each_recipe_runs_on_each_reading_of_the_labels_and_each_seed(
    folder: Path, tmp_path: Path
) -> None:
    fit = MadeUp()
    done = reproduced(folder, tmp_path, fit)
    assert done.planned == done.runs == 2 * 2 * 5 * 2
    assert len({run.name for run in fit.fitted}) == done.runs
    assert fit.fitted[0] == tmp_path / "paper-published-cnn-seed0"
    assert {t.recipe.seed for t in done.trials if t.recipe and t.seed == 1} == {8}


def test_the_first_seed_of_everything_comes_first(folder: Path, tmp_path: Path) -> None:
    seeds = [trial.seed for trial in reproduced(folder, tmp_path, MadeUp()).trials]
    assert seeds == sorted(seeds)


def test_each_seed_has_an_ensemble_by_three_rules(folder: Path, tmp_path: Path) -> None:
    trials = reproduced(folder, tmp_path, MadeUp(), seeds=1).trials
    assert [t.model for t in trials[:8]] == [
        *MODELS,
        "ensemble",
        "ensemble, majority",
        "ensemble, mean p",
    ]
    assert trials[5].result.name.startswith("weighted of a-cnn, a-lstm")


def test_it_gathers_what_the_folder_says(folder: Path, tmp_path: Path) -> None:
    done = reproduced(folder, tmp_path, MadeUp(), seeds=1)
    published, corrected = done.facts
    assert (published.doubled, corrected.doubled) == (4, 0)
    assert published.leaking == ("Test_submission/rock_1_120BPM.wav",)
    assert corrected.counts["violin"] == {"train": 1, "test": 1}
    assert done.ceiling is not None
    assert done.ceiling.expected == 2.5
    assert done.notice == ""


def test_a_stand_in_is_known_by_what_its_readme_says(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "README.txt").write_text("This is NOT the data set but noise.")
    assert reproduced(copy, tmp_path / "run", MadeUp(), seeds=1).notice.endswith("noise.")


def test_it_goes_on_where_it_was_stopped(folder: Path, tmp_path: Path) -> None:
    def three(plans: list[Plan]) -> list[Plan]:
        return plans[:3]

    fit = MadeUp()
    partial = reproduce(
        folder, tmp_path, paper_recipes=RECIPES, our_recipes=[], seeds=1, fit=fit, watch=three
    )
    assert partial.runs == 3 < partial.planned
    assert read_reproduction(tmp_path) == partial
    whole = reproduced(folder, tmp_path, fit, seeds=1)
    assert whole.trials[:3] == partial.trials
    assert len(fit.fitted) == len(set(fit.fitted)) == whole.planned


def test_a_folder_without_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no reproduction"):
        read_reproduction(tmp_path)


def test_a_folder_with_one_reading_of_its_labels_has_no_ceiling(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for k, label in enumerate(("drum", "violin")):
            write(tmp_path / "data" / part / label / f"{part}{k}.wav", hiss(k))
    done = reproduce(
        tmp_path / "data",
        tmp_path / "run",
        paper_recipes=RECIPES,
        our_recipes=[],
        labels=("published",),
        seeds=1,
        fit=MadeUp(),
    )
    assert done.ceiling is None
    assert done.runs == 5


def test_only_groups_of_finished_runs_are_told_where_nothing_is_to_be_trained(
    folder: Path, tmp_path: Path
) -> None:
    fit = MadeUp()

    def all_but_two(plans: list[Plan]) -> list[Plan]:
        return plans[:-2]

    reproduce(
        folder, tmp_path, paper_recipes=RECIPES, our_recipes=RECIPES, fit=fit, watch=all_but_two
    )
    trained = len(fit.fitted)
    told = reproduce(
        folder, tmp_path, paper_recipes=RECIPES, our_recipes=RECIPES, fit=fit, finished_only=True
    )
    assert len(fit.fitted) == trained == told.planned - 2
    assert told.runs == told.planned - 5

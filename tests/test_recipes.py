"""The recipes that come along can be read, and their nets built."""

from pathlib import Path

import pytest
import torch

from instrd.training.clips.fit import built
from instrd.training.clips.recipe import read_clip_recipe
from instrd.training.errors import TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPES = Path(__file__).parent.parent / "training" / "recipes"
OURS = sorted(set(RECIPES.glob("*.toml")) - {RECIPES / "base.toml"})
PAPER = sorted((RECIPES / "paper").glob("*.toml"))
NAMES = ["cnn", "lstm", "resnet18", "svm", "transformer"]


def test_there_is_one_for_every_model_of_the_paper_and_of_ours() -> None:
    assert [path.stem for path in OURS] == NAMES
    assert [path.stem for path in PAPER] == NAMES


@pytest.mark.parametrize(
    "path", [*OURS, *PAPER], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_its_net_can_be_built_and_judges_a_window(path: Path) -> None:
    recipe = read_clip_recipe(path)
    assert recipe.name == recipe.architecture == path.stem
    labels = len(recipe.labels) + bool(recipe.other)
    net = built(recipe, labels).eval()
    window = torch.randn(1, recipe.window_frames, recipe.front_end.width) - 40.0
    with torch.inference_mode():
        assert net(window).shape == (1, labels)


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_the_papers_know_four_labels_and_see_each_clip_from_its_start(path: Path) -> None:
    recipe = read_clip_recipe(path)
    assert (*recipe.labels, recipe.other) == ("drum", "guitar", "piano", "violin", "")
    assert recipe.fit.placement == "start"
    assert not recipe.fit.balanced
    assert recipe.augmentation == type(recipe.augmentation)()


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (
            'ure = "cnn"',
            'ure = "mlp"',
            "architecture: got 'mlp', allowed: cnn, lstm, svm, resnet18, transformer",
        ),
        ("seed = ", "seed = -", "seed: got -20240501, expected `int` >= 0"),
        (
            "window_frames",
            "widnow_frames",
            "widnow_frames: is not a setting; allowed: name, .*; window_frames: is missing",
        ),
        ("[fit]", "[fit", "line"),
        ("epochs = 10", "epochs = 0", "fit.epochs: got 0, expected `int` >= 1"),
        ("epochs = 10", 'epochs = "two"', "fit.epochs: got 'two', expected `int`, got `str`"),
        ("batch = 32", "bacth = 32", "fit.bacth: is not a setting; allowed: epochs, batch, "),
        (
            '"drum", "guitar"',
            '"Flöte", 5',
            r"labels\[0\]: got 'Flöte', allowed: 1 to 32 of a to z, 0 to 9, _ and -; labels\[1\]: ",
        ),
        (
            '"drum", "guitar", "piano", "violin"',
            "",
            "labels and other: got none, allowed: two or more",
        ),
        ('"guitar", "piano", "violin"', "", "labels and other: got drum, allowed: two or more"),
        ('"guitar"', '"drum"', "got drum, drum, piano, violin, allowed: .*, each once"),
        (
            "architecture",
            'other = "drum"\narchitecture',
            "got drum, guitar, piano, violin, drum, allowed: two or more, each once",
        ),
        ("architecture", 'other = "Ö"\narchitecture', "other: got 'Ö', allowed: 1 to 32 of a"),
        ("[network]", "[[network]]", "network: got "),
        ("[front_end]", "[[front_end]]", "front_end: got .*, allowed: a table"),
        ("fmax_hz = 11025.0", "fmax_hz = 12000.0", r"allowed 0\.\.11025"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_one_sentence(
    right: str, wrong: str, told: str, tmp_path: Path
) -> None:
    path, text = tmp_path / "recipe.toml", PAPER[0].read_text()
    assert right in text
    path.write_text(text.replace(right, wrong))
    with pytest.raises(TrainingError, match=told) as raised:
        read_clip_recipe(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)

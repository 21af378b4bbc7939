from pathlib import Path

import pytest
import typer
from labelled_audio import kaggle
from made_up_runs import RECIPES, MadeUp
from train_program import train
from typer.testing import CliRunner

from instrd.training.clips.recipe import ClipRecipe
from instrd.training.commands.reproduce import register
from instrd.training.folders.labelled_folder import LabelledFolder
from instrd.training.results import RunResult


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    for folder in (tmp_path / "recipes", tmp_path / "recipes" / "paper"):
        folder.mkdir()
        for recipe in RECIPES:
            (folder / f"{recipe.architecture}.toml").write_text(
                f"""
                name = "{recipe.name}"
                description = ""
                seed = 1
                labels = ["drum", "guitar", "piano", "violin"]
                architecture = "{recipe.architecture}"
                window_frames = 100
                front_end = {{}}
                fit = {{epochs = 10}}
                """
            )
    return tmp_path / "recipes"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [("kick-10000.wav", "Drum"), ("riff-20000.wav", "Guitar"), ("x-30000.wav", "Piano")]
    rows += [("violin_a.wav", "Violin")]
    kaggle(tmp_path / "data", rows, [(f"test-{name}", label) for name, label in rows])
    return tmp_path / "data"


class Stopped(MadeUp):
    """Is interrupted after so many runs."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def __call__(self, recipe: ClipRecipe, folder: LabelledFolder, run: Path) -> RunResult:
        if len(self.fitted) == self.after:
            raise KeyboardInterrupt
        return super().__call__(recipe, folder, run)


def run(recipes: Path, fit: MadeUp, *arguments: object) -> tuple[int, str]:
    app = typer.Typer()
    register(app, fit, recipes)
    where = ("--run", recipes / "run", "--report", recipes / "out" / "report.html")
    done = CliRunner().invoke(app, [str(argument) for argument in (*arguments, *where)])
    return done.exit_code, " ".join(done.output.split())


def test_it_runs_everything_and_writes_the_page(recipes: Path, data: Path) -> None:
    pictures = ("--pictures", recipes / "pictures")
    code, output = run(recipes, MadeUp(), "--data", data, "--seeds", 1, *pictures)
    assert code == 0
    assert "20 of 20 runs" in output
    assert "Ensemble" in output
    assert (recipes / "out" / "report.html").is_file()
    assert (recipes / "pictures" / "table.md").read_text().startswith("| model | the paper |")
    assert (recipes / "pictures" / "accuracies.png").read_bytes().startswith(b"\x89PNG")


def test_models_labels_and_recipes_can_be_chosen(recipes: Path, data: Path) -> None:
    fit = MadeUp()
    chosen = ("--models", "svm,cnn", "--labels", "corrected", "--recipes", "ours", "--seeds", 2)
    assert run(recipes, fit, "--data", data, *chosen)[0] == 0
    assert [folder.name for folder in fit.fitted] == [
        "ours-corrected-cnn-seed0",
        "ours-corrected-svm-seed0",
        "ours-corrected-cnn-seed1",
        "ours-corrected-svm-seed1",
    ]


@pytest.mark.parametrize("after", [0, 2])
def test_interrupted_it_tells_what_there_is(recipes: Path, data: Path, after: int) -> None:
    code, output = run(recipes, Stopped(after), "--data", data, "--seeds", 1)
    assert code == 130
    assert f"{after} of 20 runs" in output
    assert (recipes / "out" / "report.html").is_file()


def test_an_unknown_model_is_one_sentence_and_exit_code_two(data: Path) -> None:
    code, output = train("reproduce", "--data", data, "--models", "cnn,gru")
    assert code == 2
    told = "--models: got gru, allowed cnn, lstm, svm, resnet18, transformer"
    assert output.strip() == f"instrd-train: {told}"


def test_a_folder_without_audio_is_one_sentence_and_exit_code_two(tmp_path: Path) -> None:
    code, output = train("reproduce", "--data", tmp_path / "none", "--run", tmp_path)
    assert code == 2
    assert output.strip().startswith(f"instrd-train: {tmp_path / 'none'}: no labelled audio here")

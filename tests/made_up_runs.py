"""Recipes, and runs that no net was trained for."""

import random
from pathlib import Path

import msgspec

from instrd.models.frontend import FrontEnd
from instrd.training.clips.recipe import Architecture, ClipFit, ClipRecipe
from instrd.training.folders.labelled_folder import LabelledFolder
from instrd.training.results import METRICS, Answer, Epoch, RunResult, read_result, write_result

LABELS = ("drum", "guitar", "piano", "violin")
MODELS: tuple[Architecture, ...] = ("cnn", "lstm", "svm", "resnet18", "transformer")


def recipe(architecture: Architecture, seed: int = 7) -> ClipRecipe:
    return ClipRecipe(
        name=f"a-{architecture}",
        description="",
        seed=seed,
        labels=LABELS,
        architecture=architecture,
        front_end=FrontEnd(),
        window_frames=100,
        fit=ClipFit(epochs=10),
    )


RECIPES = [recipe(architecture) for architecture in MODELS]


def answer(path: str, label: str, named: str, p: float = 0.7) -> Answer:
    rest = (1.0 - p) / (len(LABELS) - 1)
    odds = tuple(p if name == named else rest for name in LABELS)
    return Answer(path, label, odds, sha256=f"that of {path}")


def result(named: dict[str, tuple[str, str]], name: str = "a-cnn", p: float = 0.7) -> RunResult:
    """Return a run from path -> (true label, the label that it names)."""
    answers = tuple(answer(path, *labels, p=p) for path, labels in named.items())
    return RunResult(name, LABELS, 1000, 60.0, (), answers)


class MadeUp:
    """Fits nothing: names the true label of most clips, and remembers for whom."""

    def __init__(self, skill: float = 0.7) -> None:
        self.skill = skill
        self.fitted: list[Path] = []

    def __call__(self, recipe: ClipRecipe, folder: LabelledFolder, run: Path) -> RunResult:
        if (run / METRICS).is_file():
            return read_result(run)
        self.fitted.append(run)
        rng = random.Random(f"{recipe.seed} {recipe.architecture}")

        def answers(part: str) -> tuple[Answer, ...]:
            return tuple(
                answer(
                    str(clip.path.relative_to(folder.root)),
                    clip.label,
                    clip.label if rng.random() < self.skill else rng.choice(LABELS),
                )
                for clip in folder.clips
                if clip.part == part
            )

        history = () if recipe.architecture == "svm" else tuple(map(_epoch, range(10)))
        made = RunResult(
            recipe.name, LABELS, 12_345, 61.0, history, answers("test"), answers("train")[::4]
        )
        run.mkdir(parents=True)
        write_result(run, made)
        return made


def _epoch(k: int) -> Epoch:
    learnt = k / (k + 3.0)
    return Epoch(1.4 - learnt, 0.25 + 0.7 * learnt, 1.4 - 0.8 * learnt, 0.25 + 0.6 * learnt)


def written(run: Path, made: RunResult) -> Path:
    run.mkdir()
    write_result(run, made)
    return run


def renamed(made: RunResult, name: str) -> RunResult:
    return msgspec.structs.replace(made, name=name)

"""The runs of a reproduction, gathered by model and by recipe and labels."""

from collections import defaultdict
from dataclasses import dataclass

from instrd.training.clips.intervals import wilson
from instrd.training.folders.labelled_folder import Labels
from instrd.training.reproduction.reproduction import Family, Reproduction, Trial
from instrd.training.results import RunResult

Column = tuple[Family, Labels]

MODELS = {
    "cnn": "CNN",
    "lstm": "LSTM",
    "svm": "SVM",
    "resnet18": "ResNet18",
    "transformer": "Transformer",
    "ensemble": "Ensemble",
}
COLUMNS: dict[Column, str] = {
    ("paper", "published"): "paper's recipe, published labels",
    ("paper", "corrected"): "paper's recipe, corrected labels",
    ("ours", "published"): "our recipe, published labels",
    ("ours", "corrected"): "our recipe, corrected labels",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One model under one recipe and one reading of the labels, all seeds."""

    model: str
    column: Column
    trials: tuple[Trial, ...]

    @property
    def results(self) -> list[RunResult]:
        return [trial.result for trial in self.trials]

    @property
    def n(self) -> int:
        """Test clips of one seed."""
        return len(self.trials[0].result.answers)

    @property
    def by_seed(self) -> list[float]:
        return [result.accuracy for result in self.results]

    @property
    def accuracy(self) -> float:
        return sum(self.by_seed) / len(self.by_seed)

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, at the clips of one seed: more seeds do not make more clips."""
        return wilson(self.accuracy * self.n, self.n) if self.n else (0.0, 1.0)

    def right_of(self, label: str) -> float:
        """Return the test clips of a label that came out right, mean over seeds."""
        right = sum(
            answer.label == label == result.named(answer)
            for result in self.results
            for answer in result.answers
        )
        return right / len(self.trials)


Cells = dict[tuple[str, Column], Cell]


def cells(reproduction: Reproduction) -> Cells:
    """Return what there is, the columns of a model side by side, models as the paper lists them."""
    found: dict[tuple[str, Column], list[Trial]] = defaultdict(list)
    for trial in reproduction.trials:
        found[trial.model, (trial.family, trial.labels)].append(trial)
    return {
        (model, column): Cell(model, column, tuple(found[model, column]))
        for model in MODELS
        for column in COLUMNS
        if (model, column) in found
    }

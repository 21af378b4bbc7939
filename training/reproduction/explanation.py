"""What explains the distance between the paper's figures and ours, in numbers.

`explanation.html.j2` says it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from instrd.training.clips.comparison import Comparison, compare
from instrd.training.clips.intervals import wilson
from instrd.training.reproduction.reproduction import Facts, Family, Reproduction, Trial
from instrd.training.reproduction.summary import MODELS, Cell, Cells, Column

PAIRS: dict[str, tuple[Column, Column]] = {
    "published : corrected, paper's recipe": (("paper", "published"), ("paper", "corrected")),
    "published : corrected, our recipe": (("ours", "published"), ("ours", "corrected")),
    "paper's recipe : ours, published": (("paper", "published"), ("ours", "published")),
    "paper's recipe : ours, corrected": (("paper", "corrected"), ("ours", "corrected")),
}


class Shares(NamedTuple):
    """The accuracy on leaking clips, and on others weighted to the same classes."""

    leaking: float
    others: float

    @property
    def gap(self) -> float:
        return self.leaking - self.others


@dataclass(frozen=True, slots=True)
class Start:
    """How a run begins: chance, the steps of an epoch, and the first epoch beyond chance."""

    trial: Trial
    chance: float
    steps: int
    left_in: int | None
    """Counted from 1; None if the run never leaves chance."""

    @property
    def left_in_steps(self) -> int:
        """Steps to the end of that epoch."""
        return (self.left_in or 0) * self.steps

    @property
    def best(self) -> float | None:
        """Best accuracy on the validation clips; None where there are none."""
        seen = (epoch.validation_accuracy for epoch in self.trial.result.history)
        return max((accuracy for accuracy in seen if accuracy is not None), default=None)

    @property
    def named(self) -> int:
        """Labels that the run names."""
        result = self.trial.result
        return len({result.named(answer) for answer in result.answers})


def on_published(cells: Cells, family: Family) -> list[Cell]:
    """Return what was measured on the published labels with one family's recipes, no ensemble."""
    column: Column = (family, "published")
    return [cells[m, column] for m in MODELS if m != "ensemble" and (m, column) in cells]


def mean_right(measured: list[Cell], label: str) -> float:
    """Return the test clips of a label that came out right, mean over models, to a tenth."""
    return round(sum(cell.right_of(label) for cell in measured) / len(measured), 1)


def most_tests(cells: Cells) -> int:
    """Return the test clips of a run."""
    return max((cell.n for cell in cells.values()), default=0)


def comparisons(cells: Cells) -> dict[str, list[Comparison | None]]:
    """Return model -> what its first seeds differ in, for each of `PAIRS`."""
    return {
        model: [
            compare(cells[model, a].results[0], cells[model, b].results[0])
            if (model, a) in cells and (model, b) in cells
            else None
            for a, b in PAIRS.values()
        ]
        for model in dict.fromkeys(model for model, _ in cells)
    }


def leaks(
    reproduction: Reproduction, cells: Cells, columns: Iterable[Column]
) -> dict[str, list[Shares | None]]:
    """Return model -> its shares, for each of the columns; models without any are left out."""
    leaking = {facts.labels: frozenset(facts.leaking) for facts in reproduction.facts}
    table = {
        model: [
            leak_shares(cells[model, column], leaking[column[1]])
            if (model, column) in cells
            else None
            for column in columns
        ]
        for model in dict.fromkeys(model for model, _ in cells)
    }
    return {model: row for model, row in table.items() if any(row)}


def leak_shares(cell: Cell, leaking: frozenset[str]) -> Shares | None:
    """Return how a model does on clips of which train holds other takes, and on the rest.

    A class that has clips on one side only is left out; None if no class is left.
    """
    right, n = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for result in cell.results:
        for answer in result.answers:
            key = (answer.label, answer.path in leaking)
            n[key] += 1
            right[key] += result.named(answer) == answer.label
    weights = {label: count for (label, leaks), count in n.items() if leaks and n[label, False]}
    total = sum(weights.values())
    if not total:
        return None
    others = sum(w * right[label, False] / n[label, False] for label, w in weights.items())
    return Shares(sum(right[label, True] for label in weights) / total, others / total)


def starts(reproduction: Reproduction, cells: Cells) -> list[Start]:
    """Return how the runs of the Transformer begin."""
    found = (
        start_of(trial, reproduction.facts_of(trial.labels))
        for (model, _), cell in cells.items()
        for trial in cell.trials
        if model == "transformer"
    )
    return [start for start in found if start is not None]


def start_of(trial: Trial, facts: Facts) -> Start | None:
    """Return when the train accuracy first lies beyond chance, its whole interval above it.

    Chance is to name the label of most rows, or any label where labels are drawn equally often.
    """
    if trial.recipe is None or not trial.result.history:
        return None
    clips = max(facts.train_rows - trial.validation_clips, 1)
    most = max(parts.get("train", 0) for parts in facts.counts.values()) / max(facts.train_rows, 1)
    chance = 1.0 / len(trial.result.labels) if trial.recipe.fit.balanced else most
    left = (
        k
        for k, epoch in enumerate(trial.result.history, start=1)
        if wilson(epoch.train_accuracy * clips, clips)[0] > chance
    )
    return Start(trial, chance, ceil(clips / trial.recipe.fit.batch), next(left, None))


def share_of_one_label(trial: Trial) -> float | None:
    """Return what naming one and the same label gives on the test clips, None without any."""
    counts = Counter(answer.label for answer in trial.result.answers)
    return max(counts.values()) / counts.total() if counts else None

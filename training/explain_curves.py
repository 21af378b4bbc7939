"""What the Transformer's curves say of the paper's 25 %."""

from dataclasses import dataclass
from math import ceil

from instrd.training import paper
from instrd.training.intervals import wilson
from instrd.training.report_sections import Grid, Section, enumerated, number, percent
from instrd.training.reproduction import Facts, Reproduction, Trial
from instrd.training.summary import COLUMNS, Cells


@dataclass(frozen=True, slots=True)
class Start:
    """How a run begins: chance, the steps of an epoch, and the first epoch beyond chance."""

    chance: float
    steps: int
    left_in: int | None
    """Counted from 1; None if the run never leaves chance."""

    @property
    def left_in_steps(self) -> int:
        """Steps to the end of that epoch."""
        return (self.left_in or 0) * self.steps


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
    return Start(chance, ceil(clips / trial.recipe.fit.batch), next(left, None))


def transformer_section(reproduction: Reproduction, cells: Cells) -> Section | None:
    """Return when each run of the Transformer leaves chance, and where it ends."""
    rows, starts, accuracies = [], [], []
    for (model, column), cell in cells.items():
        for trial in cell.trials if model == "transformer" else ():
            start = start_of(trial, reproduction.facts_of(column[1]))
            if start is not None:
                starts.append(start)
                accuracies.append(trial.result.accuracy)
                rows.append((f"{COLUMNS[column]}, seed {trial.seed}", *_row(trial, start)))
    if not rows:
        return None
    head = (
        "run",
        "epochs",
        "steps an epoch",
        "chance",
        "beyond chance in epoch",
        "train at the end",
        "best validation",
        "labels named",
        "test",
    )
    told = (_of_the_paper(cells), _of_starts(starts), _of_ends(accuracies))
    return Section("The Transformer", told, Grid(head, tuple(rows)))


def _row(trial: Trial, start: Start) -> tuple[str, ...]:
    result = trial.result
    seen = [e.validation_accuracy for e in result.history if e.validation_accuracy is not None]
    named = {result.named(answer) for answer in result.answers}
    return (
        str(len(result.history)),
        str(start.steps),
        percent(start.chance),
        "never" if start.left_in is None else str(start.left_in),
        percent(result.history[-1].train_accuracy),
        percent(max(seen)) if seen else "-",
        f"{len(named)} of {len(result.labels)}",
        percent(result.accuracy),
    )


def _of_the_paper(cells: Cells) -> str:
    answers = next(c for (m, _), c in cells.items() if m == "transformer").results[0].answers
    labels = [answer.label for answer in answers]
    most = max((labels.count(label) for label in set(labels)), default=0)
    share = percent(most / len(labels)) if labels else "nothing"
    return (
        f"The paper's {percent(paper.ACCURACY['transformer'])} on {paper.TESTS} clips, 20 a class, "
        f"is what naming one and the same label gives. Here that gives {share}."
    )


def _of_starts(starts: list[Start]) -> str:
    left = [start for start in starts if start.left_in is not None]
    if not left:
        return f"None of the {len(starts)} runs leaves chance on its train clips."
    first = min(left, key=lambda start: start.left_in or 0)
    last = max(left, key=lambda start: start.left_in or 0)
    return (
        f"{len(left)} of {len(starts)} runs leave chance on their train clips, the first in epoch "
        f"{first.left_in}, after at most {first.left_in_steps} steps, the last in epoch "
        f"{last.left_in}, after at most {last.left_in_steps}."
    )


def _of_ends(accuracies: list[float]) -> str:
    low, high = min(accuracies), max(accuracies)
    theirs = paper.ACCURACY["transformer"]
    as_low = sum(accuracy <= theirs for accuracy in accuracies)
    ends = enumerated(percent(share) for share in dict.fromkeys((low, high)))
    return (
        f"On the test clips they end between {ends}; {number(as_low)} of {len(accuracies)} runs "
        "are as low as the paper's figure."
        if low < high
        else f"On the test clips they end at {ends}."
    )

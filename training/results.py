"""What a training run came to, as its run folder keeps it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from instrd.training.struct_files import read_json, write_json

METRICS = "metrics.json"


class Epoch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pass over the training clips; losses in nats, accuracies 0 to 1."""

    train_loss: float
    train_accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a net says of one clip that it was not trained on."""

    path: str
    """Relative to the data folder."""
    label: str
    """The true one."""
    p: tuple[float, ...]
    """Probability of each of the result's labels."""
    sha256: str
    """Of the file."""


class RunResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The curve, the cost and the answers of one run."""

    name: str
    labels: tuple[str, ...]
    parameters: int
    training_s: float
    history: tuple[Epoch, ...]
    """Empty for a model that is not fitted in epochs."""
    answers: tuple[Answer, ...]
    """To the test clips."""
    validation: tuple[Answer, ...] = ()
    left_out: tuple[str, ...] = ()
    """Files that could not be read, each with the reason, and what rows and files lacked."""

    @property
    def right(self) -> int:
        return sum(self.named(answer) == answer.label for answer in self.answers)

    @property
    def accuracy(self) -> float:
        return self.right / len(self.answers) if self.answers else 0.0

    def named(self, answer: Answer) -> str:
        """Return the likeliest label of an answer."""
        return self.labels[max(range(len(self.labels)), key=answer.p.__getitem__)]


def confusion_of(results: Sequence[RunResult]) -> tuple[list[str], list[list[int]]]:
    """Return labels, and true label x named label -> answers of all results."""
    true = {answer.label for result in results for answer in result.answers}
    named = dict.fromkeys(label for result in results for label in result.labels)
    labels = [*named, *sorted(true - set(named))]
    table = [[0] * len(labels) for _ in labels]
    for result in results:
        for answer in result.answers:
            table[labels.index(answer.label)][labels.index(result.named(answer))] += 1
    return labels, table


def write_result(run: Path, result: RunResult) -> None:
    write_json(run / METRICS, result)


def read_result(run: Path) -> RunResult:
    """Return what a finished run came to; raises `TrainingError`."""
    return read_json(run / METRICS, RunResult, f"holds no finished run: no {METRICS}")

"""Three ways to make one answer of those of several nets."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from instrd.training.results import Answer, RunResult

Rule = Literal["weighted", "majority", "mean p"]
_TIE = 1e-6
"""Weight of the mean p beside the votes: it decides between labels of equally many."""


def vote(results: Sequence[RunResult], weights: Sequence[float], rule: Rule) -> RunResult:
    """Return what an ensemble answers to the test clips that all its members answered.

    `weighted`: the label of most weight, each net giving its weight to the one it names.
    `majority`: the label that most nets name. Of labels that tie, the one of highest mean p.
    `mean p`: the label of highest mean probability.
    """
    labels = tuple(dict.fromkeys(label for result in results for label in result.labels))
    own = [{(a.path, a.label): a for a in result.answers} for result in results]
    shared = [key for key in own[0] if all(key in answers for answers in own)]
    if rule != "weighted" or sum(weights) == 0.0:
        weights = [1.0] * len(results)

    def joined(key: tuple[str, str]) -> Answer:
        answers = [answers[key] for answers in own]
        sound = answers[0].sha256
        p = [_p(result, a, labels) for result, a in zip(results, answers, strict=True)]
        mean = _weighted(p, [1.0] * len(p))
        if rule == "mean p":
            return Answer(*key, mean, sound)
        names = [result.named(a) for result, a in zip(results, answers, strict=True)]
        votes = _weighted([[float(name == label) for label in labels] for name in names], weights)
        return Answer(*key, _weighted([votes, mean], [1.0, _TIE]), sound)

    return RunResult(
        name=f"{rule} of {', '.join(result.name for result in results)}",
        labels=labels,
        parameters=sum(result.parameters for result in results),
        training_s=sum(result.training_s for result in results),
        history=(),
        answers=tuple(joined(key) for key in shared),
    )


def _p(result: RunResult, answer: Answer, labels: Iterable[str]) -> list[float]:
    of: Callable[[str], float] = dict(zip(result.labels, answer.p, strict=True)).__getitem__
    return [of(label) if label in result.labels else 0.0 for label in labels]


def _weighted(rows: Sequence[Sequence[float]], weights: Sequence[float]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(
        sum(w * value for w, value in zip(weights, column, strict=True)) / total
        for column in zip(*rows, strict=True)
    )

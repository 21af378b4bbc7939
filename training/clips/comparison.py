"""Whether two runs differ by more than chance, on the test clips that both answered."""

from dataclasses import dataclass

from instrd.training.clips.intervals import CHANCE, mcnemar
from instrd.training.results import RunResult


@dataclass(frozen=True, slots=True)
class Comparison:
    """Clips that both answered, and those that one alone got right."""

    shared: int
    only_a: int
    only_b: int

    @property
    def p(self) -> float:
        """McNemar's."""
        return mcnemar(self.only_a, self.only_b)

    @property
    def differs(self) -> bool:
        return self.p < CHANCE


def compare(a: RunResult, b: RunResult) -> Comparison:
    """Pair the answers by sound and true label, wherever the files lay."""
    right_a, right_b = _right(a), _right(b)
    shared = right_a.keys() & right_b.keys()
    return Comparison(
        shared=len(shared),
        only_a=sum(right_a[key] and not right_b[key] for key in shared),
        only_b=sum(right_b[key] and not right_a[key] for key in shared),
    )


def _right(result: RunResult) -> dict[tuple[str, str], bool]:
    return {(a.sha256, a.label): result.named(a) == a.label for a in result.answers}

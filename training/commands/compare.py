"""The command `instrd-train compare`."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from instrd.training.clips.comparison import Comparison
from instrd.training.clips.comparison import compare as compare_results
from instrd.training.clips.intervals import CHANCE, wilson
from instrd.training.errors import TrainingError
from instrd.training.results import RunResult, read_result

RunA = Annotated[Path, typer.Argument(metavar="A", help="The folder of a finished run.")]
RunB = Annotated[Path, typer.Argument(metavar="B", help="The folder of another.")]


def compare(a: RunA, b: RunB) -> None:
    """Put two runs side by side, and tell whether they differ by more than chance."""
    result_a, result_b = read_result(a), read_result(b)
    found = _compared(result_a, result_b, f"{a} and {b}")
    Console().print(side_by_side(result_a, result_b))
    typer.echo(verdict(found))


def _compared(a: RunResult, b: RunResult, where: str) -> Comparison:
    found = compare_results(a, b)
    if not found.shared:
        raise TrainingError(where, "share no test clip")
    return found


def side_by_side(a: RunResult, b: RunResult) -> Table:
    """Return what both runs came to, a line for each figure."""
    table = Table("", f"A: {escape(a.name)}", f"B: {escape(b.name)}")
    table.add_row("accuracy", _share(a.right, len(a.answers)), _share(b.right, len(b.answers)))
    by_label_a, by_label_b = by_label(a), by_label(b)
    for label in dict.fromkeys((*by_label_a, *by_label_b)):
        shares = (_share(*found.get(label, (0, 0))) for found in (by_label_a, by_label_b))
        table.add_row(f"  {escape(label)}", *shares)
    table.add_row("parameters", f"{a.parameters:,}", f"{b.parameters:,}")
    table.add_row("training", f"{a.training_s:.0f} s", f"{b.training_s:.0f} s")
    return table


def by_label(result: RunResult) -> dict[str, tuple[int, int]]:
    """Return true label -> test clips that came out right, and all of them."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for answer in result.answers:
        right, n = found[answer.label]
        found[answer.label] = (right + (result.named(answer) == answer.label), n + 1)
    return dict(sorted(found.items()))


def verdict(found: Comparison) -> str:
    """Return in one sentence whether the difference is more than chance."""
    counts = (
        f"Of {found.shared} clips that both answered, A alone got {found.only_a} right "
        f"and B alone {found.only_b}: "
    )
    p = f"(McNemar's p = {found.p:.2g})"
    if found.differs:
        better = "A" if found.only_a > found.only_b else "B"
        return f"{counts}{better} is better by more than chance at {CHANCE:.0%} {p}."
    return f"{counts}no more than chance at {CHANCE:.0%} {p}."


def _share(right: int, n: int) -> str:
    if n == 0:
        return "-"
    low, high = wilson(right, n)
    return f"{right}/{n} = {right / n:.1%} ({low:.1%}-{high:.1%})"

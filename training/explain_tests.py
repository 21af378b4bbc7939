"""How much of the distance the test clips explain: that they are few, and that they leak."""

from collections import Counter

from instrd.training import paper
from instrd.training.comparison import Comparison, compare
from instrd.training.intervals import CHANCE, fewest_that_differ, wilson
from instrd.training.report_sections import Grid, Section, enumerated, number, percent, span
from instrd.training.reproduction import Reproduction
from instrd.training.summary import COLUMNS, MODELS, Cell, Cells, Column

_PAIRS: tuple[tuple[Column, Column], ...] = (
    (("paper", "published"), ("paper", "corrected")),
    (("ours", "published"), ("ours", "corrected")),
    (("paper", "published"), ("ours", "published")),
    (("paper", "corrected"), ("ours", "corrected")),
)
_PAIR_HEAD = (
    "model",
    "published : corrected, paper's recipe",
    "published : corrected, our recipe",
    "paper's recipe : ours, published",
    "paper's recipe : ours, corrected",
)


def small_test_section(cells: Cells) -> Section | None:
    """Return how wide an interval is at so few clips, and which differences are beyond chance."""
    n = max((cell.n for cell in cells.values()), default=0)
    if n == 0:
        return None
    few = fewest_that_differ()
    own = [
        f"{MODELS[model]} {span(wilson(accuracy * paper.TESTS, paper.TESTS))}"
        for model, accuracy in paper.ACCURACY.items()
    ]
    at_half = (
        f"At {n} test clips an accuracy of one half is known to {span(wilson(n / 2, n))}. Two nets "
        f"must differ on {few} clips at least, all in favour of one, that is by "
        f"{100 * few / n:.1f} points, before McNemar's exact test calls it beyond chance at "
        f"{CHANCE:.0%}."
    )
    theirs = f"The paper's figures, at its {paper.TESTS} clips, mean: {enumerated(own)}."
    found = {
        model: [_compared(cells, model, *pair) for pair in _PAIRS]
        for model in MODELS
        if any((model, column) in cells for column in COLUMNS)
    }
    made = [one for row in found.values() for one in row if one is not None]
    if not made:
        return Section("The test is small", (at_half, theirs))
    below = (
        "Below: clips that the first alone got right : the second alone, in the first seed, and p. "
        f"Of {len(made)} comparisons {sum(one.differs for one in made)} are beyond chance (*); "
        f"{number(round(CHANCE * len(made), 1))} would be, were there no difference anywhere."
    )
    rows = tuple((MODELS[model], *map(_pair, row)) for model, row in found.items())
    return Section("The test is small", (at_half, theirs, below), Grid(_PAIR_HEAD, rows))


def _compared(cells: Cells, model: str, a: Column, b: Column) -> Comparison | None:
    if (model, a) not in cells or (model, b) not in cells:
        return None
    return compare(cells[model, a].results[0], cells[model, b].results[0])


def _pair(found: Comparison | None) -> str:
    if found is None:
        return "-"
    p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.2g}"
    return f"{found.only_a} : {found.only_b}, {p}{' *' if found.differs else ''}"


def leak_section(reproduction: Reproduction, cells: Cells) -> Section:
    """Return how models do on test clips of which train holds other takes, and on the rest."""
    sentences = []
    for facts in reproduction.facts:
        tests = sum(parts.get("test", 0) for parts in facts.counts.values())
        sentences.append(
            f"Under {facts.labels} labels {len(facts.leaking)} of {tests} test clips are, by their "
            f"names, takes of what is in train. Files under two labels: {facts.doubled}."
        )
    columns = [column for column in COLUMNS if any(key[1] == column for key in cells)]
    rows, gaps = [], []
    for model, name in MODELS.items():
        row = []
        for column in columns:
            leaking = frozenset(reproduction.facts_of(column[1]).leaking)
            shares = (
                leak_shares(cells[model, column], leaking) if (model, column) in cells else None
            )
            row.append(f"{percent(shares[0])} : {percent(shares[1])}" if shares else "-")
            gaps += [shares[0] - shares[1]] if shares else []
        if set(row) - {"-"}:
            rows.append((name, *row))
    if gaps:
        sentences.append(
            "Below: accuracy on the leaking clips : on other clips in the same proportions of "
            f"classes. The leaking ones do better in {sum(gap > 0 for gap in gaps)} of {len(gaps)} "
            f"cases; the mean difference is {100 * sum(gaps) / len(gaps):+.1f} points."
        )
    head = ("model", *(COLUMNS[column] for column in columns))
    return Section("Takes in train and test", tuple(sentences), Grid(head, tuple(rows)))


def leak_shares(cell: Cell, leaking: frozenset[str]) -> tuple[float, float] | None:
    """Return the accuracy on leaking clips, and on others weighted to the same classes.

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
    return sum(right[label, True] for label in weights) / total, others / total

"""How much of the distance the test clips explain: that they are few, and that they leak."""

from collections import Counter

from instrd.training import paper
from instrd.training.comparison import compare
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


def small_test_section(cells: Cells) -> Section | None:
    """Return how wide an interval is at so few clips, and which differences are beyond chance."""
    if not cells:
        return None
    n = max(cell.n for cell in cells.values())
    low, high = wilson(n / 2, n)
    few = fewest_that_differ()
    own = [
        f"{MODELS[model]} {span(wilson(accuracy * paper.TESTS, paper.TESTS))}"
        for model, accuracy in paper.ACCURACY.items()
    ]
    rows, beyond = [], 0
    for model, name in MODELS.items():
        for a, b in _PAIRS:
            if (model, a) in cells and (model, b) in cells:
                # Both lists of trials begin with the same seed.
                one, other = cells[model, a].results[0], cells[model, b].results[0]
                found = compare(one, other)
                beyond += found.differs
                verdict = "yes" if found.differs else "no"
                counts = (str(found.only_a), str(found.only_b), f"{found.p:.2g}", verdict)
                rows.append((name, COLUMNS[a], COLUMNS[b], *counts))
    sentences = [
        f"At {n} test clips an accuracy of one half is known to {span((low, high))}. Two nets must "
        f"differ on {few} clips at least, all in favour of one, that is by {percent(few / n)}, "
        f"before McNemar's exact test calls it more than chance at {CHANCE:.0%}.",
        f"The paper's figures, at its {paper.TESTS} clips, mean: {enumerated(own)}.",
    ]
    head = ("model", "A", "B", "only A right", "only B right", "p", "beyond chance")
    if rows:
        sentences.append(
            f"Of the {len(rows)} comparisons below, each of the first seed, {beyond} are beyond "
            f"chance; {number(round(CHANCE * len(rows), 1))} would be, were there no difference."
        )
    return Section("The test is small", tuple(sentences), Grid(head, tuple(rows)) if rows else None)


def leak_section(reproduction: Reproduction, cells: Cells) -> Section:
    """Return how models do on test clips of which train holds other takes, and on the rest."""
    sentences = []
    for facts in reproduction.facts:
        tests = sum(parts.get("test", 0) for parts in facts.counts.values())
        sentences.append(
            f"By their names, {len(facts.leaking)} of {tests} test clips are takes of what is in "
            f"train under {facts.labels} labels; {facts.doubled} files carry two labels."
        )
    rows, classes = [], Counter[str]()
    for (model, column), cell in cells.items():
        leaking = frozenset(reproduction.facts_of(column[1]).leaking)
        inside, outside = _right(cell, leaking, leaks=True), _right(cell, leaking, leaks=False)
        if inside[1] and outside[1]:
            shares = (inside[0] / inside[1], outside[0] / outside[1])
            gap = f"{100.0 * (shares[0] - shares[1]):+.1f}"
            rows.append((MODELS[model], COLUMNS[column], *map(percent, shares), gap))
            classes |= Counter(
                {a.path: a.label for a in cell.results[0].answers if a.path in leaking}.values()
            )
    if rows:
        higher = sum(row[-1].startswith("+") and row[-1] != "+0.0" for row in rows)
        kinds = enumerated(f"{count} {label}" for label, count in sorted(classes.items()))
        sentences.append(
            f"The leaking clips do better than the others in {higher} of {len(rows)} rows below. "
            f"They are not a fair draw of the classes: {kinds}."
        )
    head = ("model", "recipe and labels", "leaking clips", "other clips", "difference, points")
    return Section("Takes in train and test", tuple(sentences), Grid(head, tuple(rows)))


def _right(cell: Cell, leaking: frozenset[str], *, leaks: bool) -> tuple[int, int]:
    """Return answers that are right and all answers, of all seeds."""
    right = n = 0
    for result in cell.results:
        for answer in result.answers:
            if (answer.path in leaking) == leaks:
                right += result.named(answer) == answer.label
                n += 1
    return right, n

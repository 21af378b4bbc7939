"""How much of the distance the published labels explain."""

from instrd.training import paper
from instrd.training.label_ceiling import ClassCeiling, LabelCeiling
from instrd.training.report_sections import Grid, Section, enumerated, number, percent
from instrd.training.reproduction import Reproduction
from instrd.training.summary import MODELS, Cell, Cells

_SHOWN = 0.001
"""A smaller share is written as less than this."""


def label_section(reproduction: Reproduction, cells: Cells) -> Section | None:
    """Return what the published labels allow, and what was measured under them."""
    ceiling = reproduction.ceiling
    if ceiling is None:
        return None
    grid = Grid(
        (
            "true class",
            "train files",
            "without a row",
            "the rows call them",
            "test clips",
            "expected right",
            "worst",
            "best",
        ),
        (
            *(_class_row(row) for row in ceiling.classes),
            (
                "all",
                str(sum(row.files for row in ceiling.classes)),
                str(sum(row.unlisted for row in ceiling.classes)),
                "",
                str(ceiling.tests),
                number(ceiling.expected),
                str(ceiling.worst),
                str(ceiling.best),
            ),
        ),
    )
    sentences = (*_allowed(ceiling), *_beside_the_paper(ceiling), *_measured(ceiling, cells))
    return Section("The published labels set a ceiling", sentences, grid)


def _class_row(row: ClassCeiling) -> tuple[str, ...]:
    taught = ", ".join(
        f"{label} {percent(share) if share >= _SHOWN else f'< {percent(_SHOWN)}'}"
        for label, share in row.taught.items()
    )
    counts = (str(row.tests), number(row.expected), str(row.worst), str(row.best))
    return (row.label, str(row.files), str(row.unlisted), taught or "nothing", *counts)


def _allowed(ceiling: LabelCeiling) -> list[str]:
    if not ceiling.tests:
        return ["The folder holds no test clips."]
    share = percent(ceiling.expected / ceiling.tests)
    perfect = (
        "A perfect learner of the published train table knows every class by its sound and names "
        f"the label that most rows give it. It gets {number(ceiling.expected)} of "
        f"{ceiling.tests} test clips right ({share}) where ties are tossed, {ceiling.worst} where "
        f"all ties go wrong, {ceiling.best} where all go right."
    )
    sentences = [perfect]
    tied = [row.label for row in ceiling.classes if row.worst < row.best]
    lost = [row.label for row in ceiling.classes if row.tests and row.best == 0]
    if tied:
        sentences.append(f"Equally many rows speak for another label: {enumerated(tied)}.")
    if lost:
        sentences.append(f"Cannot be learnt from these rows at all: {enumerated(lost)}.")
    return sentences


def _beside_the_paper(ceiling: LabelCeiling) -> list[str]:
    if ceiling.tests != paper.TESTS:
        return [f"The paper has {paper.TESTS} test clips, this folder {ceiling.tests}."]
    placed = []
    for model, accuracy in paper.ACCURACY.items():
        right = accuracy * paper.TESTS
        if right > ceiling.best:
            where = "above the best"
        elif right < ceiling.worst:
            where = "below the worst"
        else:
            where = "between worst and best"
        placed.append(f"{MODELS[model]} {number(right)} ({where})")
    return [f"The paper's own figures are, in clips: {enumerated(placed)}."]


def _measured(ceiling: LabelCeiling, cells: Cells) -> list[str]:
    sentences = []
    for family in ("paper", "ours"):
        found = [
            cell
            for (model, column), cell in cells.items()
            if column == (family, "published") and model != "ensemble"
        ]
        if found:
            whose = "the paper's recipes" if family == "paper" else "our recipes"
            right = [
                f"{number(_mean_right(found, row.label))} of {row.tests} {row.label}"
                for row in ceiling.classes
            ]
            sentences.append(
                f"Measured with {whose} on published labels, mean over {len(found)} models: "
                f"{enumerated(right)} clips right."
            )
    return sentences


def _mean_right(found: list[Cell], label: str) -> float:
    return round(sum(cell.right_of(label) for cell in found) / len(found), 1)

"""Tells a reproduction as one self-contained page, as pictures, and as a table for Markdown."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from instrd.training.clips import intervals
from instrd.training.clips.plots import Allowed, Format, Row, accuracies, confusion, curves
from instrd.training.reproduction import explanation, paper
from instrd.training.reproduction.report_numbers import number, percent, span
from instrd.training.reproduction.reproduce import ENSEMBLES
from instrd.training.reproduction.reproduction import Reproduction
from instrd.training.reproduction.summary import COLUMNS, MODELS, Cell, Cells, cells
from instrd.training.results import confusion_of


@dataclass(frozen=True, slots=True)
class Panel:
    """One model under one recipe and one reading of the labels, drawn."""

    title: str
    facts: str
    confusion: str
    curves: str
    """Data URIs; no curves of a model that is not fitted in epochs."""


def write_report(reproduction: Reproduction, file: Path) -> None:
    """Write the page; of a reproduction that is under way, what there is so far."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(report(reproduction), encoding="utf-8")


def report(reproduction: Reproduction) -> str:
    """Return the page as HTML that needs nothing from elsewhere."""
    found = cells(reproduction)
    environment = Environment(
        loader=PackageLoader("instrd.training.reproduction", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    columns = {column: title for column, title in COLUMNS.items() if _has(found, column)}
    return environment.get_template("report.html.j2").render(
        r=reproduction,
        columns=columns,
        models=MODELS,
        paper=paper,
        cells=found,
        overview=_uri(overview(reproduction, found)) if found else "",
        panels={model: panels(found, model) for model in MODELS if _drawn(found, model)},
        ensembles=ensembles(reproduction),
        explanation=explanation,
        intervals=intervals,
        number=number,
        percent=percent,
        span=span,
    )


def overview(reproduction: Reproduction, found: Cells, kind: Format = "svg") -> bytes:
    """Draw the accuracies of all models."""
    rows = [
        Row(MODELS[model], COLUMNS[column], cell.accuracy, *cell.interval)
        for (model, column), cell in found.items()
    ]
    named = {MODELS[model]: accuracy for model, accuracy in paper.ACCURACY.items()}
    allowed, ceiling = None, reproduction.ceiling
    if ceiling is not None and ceiling.tests:
        counts = (ceiling.worst, ceiling.expected, ceiling.best)
        allowed = Allowed(*(count / ceiling.tests for count in counts))
    return accuracies(rows, named, allowed, kind)


def panels(found: Cells, model: str) -> list[Panel]:
    """Return a model's pictures, a panel for each recipe and reading of the labels."""
    return [_panel(cell) for (name, _), cell in found.items() if name == model]


def ensembles(reproduction: Reproduction) -> list[tuple[str, str, list[str]]]:
    """Return (rule, recipe and labels, accuracy of each seed) of each way to vote."""
    table: dict[tuple[str, str], list[str]] = {}
    for trial in reproduction.trials:
        if trial.model in ENSEMBLES:
            key = (ENSEMBLES[trial.model], COLUMNS[trial.family, trial.labels])
            table.setdefault(key, []).append(percent(trial.result.accuracy))
    return [(rule, column, seeds) for (rule, column), seeds in sorted(table.items(), key=_column)]


def write_pictures(reproduction: Reproduction, folder: Path) -> list[Path]:
    """Write the accuracies, and each model's confusion and curves, as PNG files."""
    found = cells(reproduction)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"accuracies": overview(reproduction, found, "png")} if found else {}
    for (model, column), cell in found.items():
        name = "-".join((model, *column))
        drawn[f"confusion-{name}"] = confusion(*confusion_of(cell.results), "png")
        if any(result.history for result in cell.results):
            drawn[f"curves-{name}"] = curves(cell.results, "png")
    for name, picture in drawn.items():
        (folder / f"{name}.png").write_bytes(picture)
    return [folder / f"{name}.png" for name in drawn]


def markdown_table(reproduction: Reproduction) -> str:
    """Return the accuracies, means over seeds with their intervals, as a table for docs."""
    found = cells(reproduction)
    columns = [column for column in COLUMNS if _has(found, column)]
    lines = [
        "| model | the paper | " + " | ".join(COLUMNS[column] for column in columns) + " |",
        "|---" * (2 + len(columns)) + "|",
    ]
    for model, name in MODELS.items():
        theirs = f"{100 * paper.ACCURACY[model]:g} %" if model in paper.ACCURACY else "-"
        own = (found.get((model, column)) for column in columns)
        shown = [f"{percent(c.accuracy)} ({span(c.interval)})" if c else "-" for c in own]
        lines.append(f"| {' | '.join((name, theirs, *shown))} |")
    return "\n".join(lines) + "\n"


def _panel(cell: Cell) -> Panel:
    trials = len(cell.trials)
    mean_s = sum(result.training_s for result in cell.results) / trials
    facts = f"{cell.results[0].parameters:,} parameters; trained in {number(round(mean_s, 1))} s"
    if trials > 1:
        facts += f" (mean of {trials} seeds)"
    drawn = curves(cell.results) if any(result.history for result in cell.results) else b""
    return Panel(
        COLUMNS[cell.column],
        facts,
        _uri(confusion(*confusion_of(cell.results))),
        _uri(drawn) if drawn else "",
    )


def _uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"


def _has(found: Cells, column: tuple[str, str]) -> bool:
    return any(key[1] == column for key in found)


def _drawn(found: Cells, model: str) -> bool:
    return any(key[0] == model for key in found)


def _column(row: tuple[tuple[str, str], list[str]]) -> int:
    return list(COLUMNS.values()).index(row[0][1])

"""The commands `instrd-train audit` and `instrd-train stand-in`."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from instrd.training.audit.audit import audit as audit_folder
from instrd.training.audit.findings import CONTRADICTIONS, Finding, Kind, Report
from instrd.training.commands.progress_bar import watch
from instrd.training.folders.labelled_folder import Labels, counted
from instrd.training.reproduction.standin import build
from instrd.training.struct_files import as_json

CONTRADICTION = 1
_SHOWN = 3

Data = Annotated[Path, typer.Option(help="A folder of labelled audio, in any layout we read.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write all findings there.")]
Pool = Annotated[Path, typer.Option(help="The pool: a folder with manifest.csv.")]
Tables = Annotated[Path, typer.Option(help="The data set's tables, published and corrected.")]
Out = Annotated[Path, typer.Argument(help="The folder to build, new or empty.")]


def audit(data: Data, labels: Labels = "published", json: Json = None) -> None:
    """Find what is wrong with labelled audio; exit code 1 where something contradicts."""
    console = Console()
    report = audit_folder(data, labels, watch)
    if json is not None:
        json.write_bytes(as_json(report))
    console.print(rows_table(report))
    if report.findings:
        console.print(findings_table(report))
    console.print(verdict(report))
    if report.contradicts:
        raise typer.Exit(CONTRADICTION)


def stand_in(out: Out, pool: Pool, tables: Tables, scale: float = 1.0, seed: int = 0) -> None:
    """Build a folder with the names and faults of the paper's data set, its sound from the pool."""
    build(pool, tables, out, scale=scale, seed=seed)
    typer.echo(f"{out}: a stand-in, read its README.txt")


def rows_table(report: Report) -> Table:
    """Return how many rows each class has in each part."""
    parts = sorted({part for counts in report.rows.values() for part in counts}, reverse=True)
    table = Table("class", *(part or "rows" for part in parts))
    for label, counts in report.rows.items():
        table.add_row(escape(label), *(str(counts.get(part, 0)) for part in parts))
    return table


def findings_table(report: Report) -> Table:
    """Return each kind of finding with its number and its first few."""
    found: dict[Kind, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        found[finding.kind].append(finding)
    table = Table("found", "times", "such as")
    for kind in get_args(Kind):
        if kind in found:
            style = "bold red" if kind in CONTRADICTIONS else "yellow"
            examples = "\n".join(escape(finding.what) for finding in found[kind][:_SHOWN])
            table.add_row(f"[{style}]{kind}[/]", str(len(found[kind])), examples)
    return table


def verdict(report: Report) -> str:
    """Return the audit in one sentence."""
    against = sum(finding.contradicts for finding in report.findings)
    others = len(report.findings) - against
    minutes = counted(round(report.seconds / 60.0), "minute")
    heard = f"{counted(report.files, 'file')}, {minutes}, layout {report.layout}"
    return f"{heard}: {counted(against, 'contradiction')}, {counted(others, 'warning')}"

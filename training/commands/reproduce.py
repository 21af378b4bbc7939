"""The command `instrd-train reproduce`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from instrd.training.clips.recipe import Architecture, ClipRecipe, read_clip_recipe
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import LabelledFolder, Labels
from instrd.training.reproduction.report_numbers import percent, span
from instrd.training.reproduction.reproduce import Fit, Plan, Watch, reproduce
from instrd.training.reproduction.reproduction import Reproduction, read_reproduction
from instrd.training.reproduction.summary import COLUMNS, MODELS, cells
from instrd.training.results import RunResult

INTERRUPTED = 130
RECIPES = Path(__file__).parents[1] / "recipes"
"""Ours, and in a folder below them the paper's."""
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
TABLE = "table.md"
ALL_MODELS = ",".join(ARCHITECTURES)

Data = Annotated[Path, typer.Option(help="The paper's data set, or a folder like it.")]
Read = Annotated[Literal["published", "corrected", "both"], typer.Option("--labels")]
Seeds = Annotated[int, typer.Option(min=1, help="How often each recipe is run.")]
Models = Annotated[str, typer.Option(help="Such as cnn,lstm; what is left out is not run.")]
Run = Annotated[Path, typer.Option(help="A folder for the runs; finished ones are not repeated.")]
Page = Annotated[Path, typer.Option("--report", help="The HTML file to write.")]
Pictures = Annotated[
    Path | None, typer.Option(help="Also write the table, as Markdown, and PNG files there.")
]
Finished = Annotated[
    bool, typer.Option("--finished", help="Train nothing; tell what finished runs hold.")
]
Whose = Annotated[Literal["paper", "ours", "both"], typer.Option("--recipes")]


def register(app: typer.Typer, fit: Fit | None = None, recipes: Path = RECIPES) -> None:
    """Add the command to the program."""

    @app.command("reproduce")
    def command(
        *,
        data: Data,
        labels: Read = "both",
        seeds: Seeds = 3,
        models: Models = ALL_MODELS,
        run: Run = Path("runs/reproduction"),
        page: Page = Path("report.html"),
        whose: Whose = "both",
        pictures: Pictures = None,
        finished: Finished = False,
    ) -> None:
        """Run the paper's recipes and ours, and tell in one page how they compare."""
        readings: tuple[Labels, ...] = ("published", "corrected") if labels == "both" else (labels,)

        def run_all(watch: Watch) -> Reproduction:
            return reproduce(
                data,
                run,
                paper_recipes=read_recipes(recipes / "paper", models, wanted=whose != "ours"),
                our_recipes=read_recipes(recipes, models, wanted=whose != "paper"),
                labels=readings,
                seeds=seeds,
                fit=fit or _fit,
                watch=watch,
                finished_only=finished,
            )

        try:
            _tell(_watched(run_all), page, pictures)
        except KeyboardInterrupt as stopped:
            _tell(read_reproduction(run), page, pictures)
            raise typer.Exit(INTERRUPTED) from stopped


def read_recipes(folder: Path, models: str, *, wanted: bool) -> list[ClipRecipe]:
    """Return the recipes of the models that a list names; raises `TrainingError`."""
    names = [name.strip() for name in models.split(",")]
    if unknown := [name for name in names if name not in ARCHITECTURES]:
        allowed = ", ".join(ARCHITECTURES)
        raise TrainingError("--models", f"got {', '.join(unknown)}, allowed {allowed}")
    chosen = [name for name in ARCHITECTURES if name in names and wanted]
    return [read_clip_recipe(folder / f"{name}.toml") for name in chosen]


def summary_table(reproduction: Reproduction) -> Table:
    """Return the accuracy of each model under each recipe and reading of the labels."""
    found = cells(reproduction)
    columns = [column for column in COLUMNS if any(key[1] == column for key in found)]
    table = Table("model", *(COLUMNS[column] for column in columns))
    for model, name in MODELS.items():
        own = [found.get((model, column)) for column in columns]
        if any(own):
            table.add_row(
                name, *(f"{percent(c.accuracy)} ({span(c.interval)})" if c else "-" for c in own)
            )
    return table


def _fit(recipe: ClipRecipe, folder: LabelledFolder, run: Path) -> RunResult:
    from instrd.training.clips.fit import fit_clips  # noqa: PLC0415 - loads torch

    return fit_clips(recipe, folder, run)


def _watched(run_all: Callable[[Watch], Reproduction]) -> Reproduction:
    """Show which run it is at while it goes through them."""
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("reading")

        def watch(plans: list[Plan]) -> Iterable[Plan]:
            progress.update(bar, total=len(plans))
            for plan in plans:
                progress.update(bar, description=escape(plan.folder))
                yield plan
                progress.advance(bar)

        return run_all(watch)


def _tell(reproduction: Reproduction, page: Path, pictures: Path | None) -> None:
    from instrd.training.reproduction.report import (  # noqa: PLC0415 - loads matplotlib
        markdown_table,
        write_pictures,
        write_report,
    )

    write_report(reproduction, page)
    if pictures is not None:
        write_pictures(reproduction, pictures)
        (pictures / TABLE).write_text(markdown_table(reproduction), encoding="utf-8")
    Console().print(summary_table(reproduction))
    typer.echo(f"{page}: {reproduction.runs} of {reproduction.planned} runs")

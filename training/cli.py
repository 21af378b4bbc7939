"""instrd-train: renders stems, fits a net, exports its bundle, measures it."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from instrd.models.errors import BundleError
from instrd.training import audit_command, compare_command, reproduce_command
from instrd.training.errors import TrainingError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
for commands in (audit_command, compare_command, reproduce_command):
    commands.register(app)

Recipe = Annotated[Path, typer.Argument(help="A recipe, such as training/recipes/base.toml.")]
Data = Annotated[Path, typer.Option(help="The pool: a folder with manifest.csv.")]
Midi = Annotated[Path, typer.Option(help="A folder with groove/ and pop909/.")]
Bank = Annotated[Path, typer.Option("--stems", help="Where the rendered stems lie.")]
Run = Annotated[Path, typer.Option(help="Where checkpoint and log lie.")]


@app.command()
def render(recipe: Recipe, data: Data, midi: Midi, stems: Bank, processes: int = 2) -> None:
    """Render the stems that mixtures are made of; minutes, once."""
    from instrd.training.recipe import read_recipe  # noqa: PLC0415 - each command loads its own
    from instrd.training.stems import render_bank  # noqa: PLC0415

    render_bank(read_recipe(recipe), data=data, midi=midi, folder=stems, processes=processes)


@app.command()
def fit(recipe: Recipe, stems: Bank, run: Run) -> None:
    """Fit the recipe's net; goes on from the run's checkpoint if there is one."""
    from instrd.training.fit import fit as fit_net  # noqa: PLC0415 - loads torch
    from instrd.training.recipe import read_recipe  # noqa: PLC0415

    fit_net(read_recipe(recipe), bank=stems, run=run)


@app.command()
def export(run: Path, bundle: Path, data: Data, stems: Bank) -> None:
    """Calibrate a run's net on held-back stems and write its bundle."""
    from instrd.training.export import export as export_run  # noqa: PLC0415 - loads torch

    written = export_run(run, bundle, data=data, bank=stems)
    typer.echo(f"{written.folder}  SHA-256 {written.sha256}")


@app.command()
def evaluate(bundle: Path, data: Data) -> None:
    """Measure a bundle on the sources that its recipe holds out; writes its manifest."""
    from instrd.training.evaluation import evaluate as evaluate_bundle  # noqa: PLC0415

    measured = evaluate_bundle(bundle, data)
    typer.echo(msgspec.json.format(msgspec.json.encode(measured), indent=1).decode())


def main() -> None:
    """Run the command line; our own errors end it with one sentence and exit code 1."""
    try:
        app()
    except (TrainingError, BundleError) as error:
        typer.echo(f"instrd-train: {error}", err=True)
        sys.exit(1)

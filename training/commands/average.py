"""The command `instrd-train average`."""

from pathlib import Path
from typing import Annotated

import typer


def average(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folders, or bundles, of one recipe with stems.")
    ],
    *,
    share: Annotated[
        list[float], typer.Option(help="How much of each, in their order; together 1.")
    ],
    run: Annotated[Path, typer.Option(help="The run folder to write.")],
) -> None:
    """Average the weights of runs that began with each other's, or with a bundle's."""
    from instrd.training.mixtures.averaging import average_runs  # noqa: PLC0415 - loads torch

    average_runs(runs, share, out=run)
    typer.echo(f"{run}: the mean of {len(runs)} runs")

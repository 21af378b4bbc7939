"""The command `instrd-train ensemble`."""

from pathlib import Path
from typing import Annotated

import typer

from instrd.models.bundle import Vote
from instrd.training.ensemble_bundle import write_ensemble

Out = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder to write.")]
Members = Annotated[
    list[Path], typer.Argument(metavar="MEMBER...", help="Folders of the bundles that vote.")
]
How = Annotated[Vote, typer.Option(help="How what the members say is joined.")]


def ensemble(bundle: Out, members: Members, vote: How = "weighted") -> None:
    """Write the bundle of an ensemble of other bundles, which it names by name and checksum."""
    written = write_ensemble(bundle, members, vote)
    typer.echo(f"{written.folder}  SHA-256 {written.sha256}")

"""instrd-train: its commands, and what is told where one cannot go on."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from instrd.models.errors import AudioFileError, BundleError
from instrd.training.commands import reproduce as reproduce_command
from instrd.training.commands.audit import audit, stand_in
from instrd.training.commands.average import average
from instrd.training.commands.compare import compare
from instrd.training.commands.ensemble import ensemble
from instrd.training.commands.fit import evaluate, export, fit
from instrd.training.commands.perform import perform
from instrd.training.commands.progress_bar import watch
from instrd.training.commands.teach import teach
from instrd.training.errors import TrainingError

BAD_INPUT = 2
"""The exit code of a command that cannot do what it is told."""
INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as of a shell's."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",  # that of rich takes what stands in square brackets away
    pretty_exceptions_enable=False,
)
for command in (audit, stand_in, average, compare, ensemble, fit, export, evaluate, perform, teach):
    app.command()(command)
reproduce_command.register(app)

Recipe = Annotated[Path, typer.Argument(help="A recipe, such as training/recipes/base.toml.")]
Data = Annotated[
    list[Path], typer.Option(help="A pool: a folder with manifest.csv; may be given again.")
]
Midi = Annotated[Path, typer.Option(help="A folder with groove/ and pop909/.")]
Bank = Annotated[Path, typer.Option("--stems", help="Where the rendered stems lie.")]

Speech = Annotated[
    list[Path] | None,
    typer.Option(help="A folder of speech that is made to sing; may be given again."),
]
Sinsy = Annotated[
    bool, typer.Option(help="Have Sinsy's singer sing too; needs pip install 'instrd[singing]'.")
]


@app.command()
def render(
    recipe: Recipe,
    data: Data,
    midi: Midi,
    stems: Bank,
    *,
    speech: Speech = None,
    sinsy: Sinsy = False,
    processes: int = 2,
) -> None:
    """Render the stems that mixtures are made of; again, those of which something has changed."""
    from instrd.training.recipe import read_recipe  # noqa: PLC0415 - each command loads its own
    from instrd.training.stems.stem_jobs import Sounds  # noqa: PLC0415
    from instrd.training.stems.stems import read_tracks, render_bank, why_unused  # noqa: PLC0415

    chosen = read_recipe(recipe)
    sounds = Sounds(data, midi, speech or [], sinsy=sinsy)
    try:
        new, kept = render_bank(chosen, sounds, folder=stems, processes=processes, watch=watch)
    except KeyboardInterrupt:
        typer.echo("instrd-train: interrupted; the same command renders what is left", err=True)
        raise typer.Exit(INTERRUPTED) from None
    unused = [(track, why) for track in read_tracks(stems) if (why := why_unused(track, chosen))]
    for track, why in unused:
        typer.echo(f"left out: {track.label} of {track.origin} ({track.part}): {why}", err=True)
    if unused:
        typer.echo(
            "More recordings make longer ones, or more repeats and minutes in [stems].", err=True
        )
    typer.echo(f"{stems}: {new} tracks rendered, {kept} kept, {len(unused)} of them left out")


def main() -> None:
    """Run the command line; what is wrong with its input, or its disk, is told in one sentence."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever a file is called
    try:
        app()
    except (TrainingError, BundleError, AudioFileError) as error:
        told = str(error)
    except OSError as error:
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    typer.echo(f"instrd-train: {told}", err=True)
    sys.exit(BAD_INPUT)

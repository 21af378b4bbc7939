"""The command `instrd-train teach`."""

from pathlib import Path
from typing import Annotated

import typer

from instrd.models.errors import shown
from instrd.training.commands.progress_bar import watch
from instrd.training.recipe import read_recipe
from instrd.training.teachers.music import FRONT_END

Folders = Annotated[list[Path], typer.Argument(help="Folders of music; each is an origin.")]
TeacherFolder = Annotated[
    Path, typer.Option("--teacher", help="A folder with mn04's weights and its table of tags.")
]
Out = Annotated[Path, typer.Option(help="The bank to fill; what is in it already is kept.")]
MostMinutes = Annotated[float, typer.Option("--most-minutes-per-file", min=0.1)]
HeldOutBy = Annotated[
    Path | None, typer.Option("--recipe", help="What it holds out of a pool is not heard.")
]
YamNetFolder = Annotated[
    Path | None,
    typer.Option(
        help="A folder with yamnet.tflite and its class map: YAMNet gives its opinion too, for fit"
        " --guide; needs pip install 'instrd[yamnet]'."
    ),
]
Processes = Annotated[int, typer.Option(min=1)]


def teach(
    folders: Folders,
    *,
    teacher: TeacherFolder,
    out: Out,
    most_minutes: MostMinutes = 12.0,
    processes: Processes = 2,
    recipe: HeldOutBy = None,
    yamnet: YamNetFolder = None,
) -> None:
    """Have a teacher hear music and keep what it said, beside the frames; labels are not read."""
    from instrd.training.teachers import teaching  # noqa: PLC0415 - torch takes seconds

    taught = teaching.teach(
        folders,
        teacher=teacher,
        out=out,
        most_minutes=most_minutes,
        processes=processes,
        watch=watch,
        split=read_recipe(recipe).split if recipe else None,
        yamnet=yamnet,
    )
    for file in taught.broken:
        typer.echo(f"left out: {shown(file.path)}: {file.reason}", err=True)
    frames = sum(entry.frames for entry in taught.entries)
    hours = frames * FRONT_END.hop / FRONT_END.rate_hz / 3600.0
    typer.echo(
        f"{out}: {len(taught.entries)} files, {hours:.2f} h; left out: {taught.short} shorter"
        f" than a window, {len(taught.broken)} broken"
    )

"""The command `instrd-train perform`."""

from pathlib import Path
from typing import Annotated

import typer

from instrd.training.commands.progress_bar import watch
from instrd.training.recipe import read_recipe
from instrd.training.stems.performances import VOICES
from instrd.training.stems.performed import render_folder

BASE = Path(__file__).parents[1] / "recipes" / "base.toml"

Out = Annotated[Path, typer.Argument(help="The folder to fill, new or empty.")]
Midi = Annotated[Path, typer.Option(help="A folder with groove/ and pop909/.")]
Minutes = Annotated[float, typer.Option(min=0.2, help="Of each label through each soundfont.")]
Seed = Annotated[int, typer.Option(min=0)]
Soundfonts = Annotated[
    list[Path] | None, typer.Option("--soundfont", help="Instead of those of recipes/base.toml.")
]
Labels = Annotated[str | None, typer.Option(help="Separated by commas; all if not given.")]
Processes = Annotated[int, typer.Option(min=1)]


def perform(
    out: Out,
    *,
    midi: Midi,
    minutes: Minutes = 8.0,
    seed: Seed = 0,
    soundfont: Soundfonts = None,
    labels: Labels = None,
    processes: Processes = 2,
) -> None:
    """Render MIDI performances into a folder of labelled audio; needs fluidsynth."""
    written = render_folder(
        out,
        midi=midi,
        soundfonts=soundfont or [Path(font) for font in read_recipe(BASE).stems.soundfonts],
        labels=[label.strip() for label in labels.split(",")] if labels else VOICES,
        minutes=minutes,
        seed=seed,
        processes=processes,
        watch=watch,
    )
    typer.echo(f"{out}: {written} clips")

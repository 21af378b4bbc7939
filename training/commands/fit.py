"""The commands `instrd-train fit`, `export` and `evaluate`, for recipes of both kinds."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from instrd.training.commands.progress_bar import leads, watch
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import Labels
from instrd.training.folders.layouts import read_folders
from instrd.training.recipe import (
    PARTS,
    RECIPE,
    Recipe,
    ending,
    finishing,
    guiding,
    read_recipe,
    tuning,
)
from instrd.training.struct_files import as_json, read_json, read_toml

T = TypeVar("T")
RUNS = Path("runs")

RecipeFile = Annotated[Path, typer.Argument(help="Such as training/recipes/cnn.toml.")]
Data = Annotated[
    list[Path] | None,
    typer.Option(help="A folder of labelled audio, in any layout we read; may be given again."),
]
Bank = Annotated[
    Path | None,
    typer.Option("--stems", help="Rendered stems, for a recipe with [stems], such as base.toml."),
]
Music = Annotated[
    Path | None,
    typer.Option(help="What instrd-train teach wrote, for a recipe with lessons."),
]
Run = Annotated[Path | None, typer.Option(help="Its run folder; runs/NAME if not given.")]
RunFolder = Annotated[Path, typer.Argument(help="The run folder that fit wrote.")]
BundleFolder = Annotated[Path, typer.Argument(help="The bundle's folder.")]
TeacherFolder = Annotated[
    Path | None,
    typer.Option(help="Fit the teacher in this folder, as the recipe's [tune] says, to guide."),
]
Guides = Annotated[
    list[Path] | None,
    typer.Option(help="Learn what the net of this run or bundle judges too; may be given again."),
]
Seed = Annotated[int | None, typer.Option(min=0, help="In place of the recipe's.")]


def fit(
    recipe: RecipeFile,
    *,
    data: Data = None,
    stems: Bank = None,
    run: Run = None,
    music: Music = None,
    start: Annotated[
        Path | None, typer.Option(help="Begin with the weights of this run or bundle, of stems.")
    ] = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="Learn from all stems, as the recipe's [finish] says.")
    ] = False,
    last: Annotated[
        bool,
        typer.Option("--last", help="Take the last steps, as the recipe's [last] says."),
    ] = False,
    wide: Annotated[
        bool, typer.Option("--wide", help="Fit the wider net of the recipe's [guide].")
    ] = False,
    tune: TeacherFolder = None,
    guide: Guides = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that mix stems; each reads the music.")
    ] = 1,
    labels: Labels = "published",
    seed: Seed = None,
) -> None:
    """Fit a recipe's net; goes on from the run's checkpoint if there is one."""
    folder = run or RUNS / recipe.stem
    if not _is_of_mixtures(recipe):
        only: dict[str, object] = {"start": start, "tune": tune, "guide": guide}
        only |= {"finish": finish, "last": last, "wide": wide}
        for option in (option for option, given in only.items() if given):
            raise TrainingError(recipe, f"is a recipe for clips, which --{option} is not for")
        _fit_clips(recipe, data, folder, labels=labels, seed=seed)
        return
    from instrd.training.mixtures.fit import fit as fit_net  # noqa: PLC0415 - loads torch
    from instrd.training.mixtures.material import Material  # noqa: PLC0415

    if wide and tune:
        raise TrainingError("--tune", "is for the teacher, which has one width: not with --wide")
    chosen = read_recipe(recipe)
    if seed is not None:
        chosen = msgspec.structs.replace(chosen, seed=seed)
    chosen = _changed(chosen, wide=wide, tuned=tune is not None, last=last, finish=finish)
    material = Material(_needed("--stems", stems, recipe), music)
    guides = guide or ()
    fit_net(chosen, material, run=folder, start=start, guides=guides, workers=workers, teacher=tune)


def _changed(recipe: Recipe, *, wide: bool, tuned: bool, last: bool, finish: bool) -> Recipe:
    """Return a recipe for mixtures as the options change it."""
    chosen = guiding(recipe) if wide else tuning(recipe) if tuned else recipe
    if last:
        return ending(chosen, PARTS if finish else chosen.fit.parts)
    return finishing(chosen) if finish else chosen


def _fit_clips(
    recipe: Path, data: list[Path] | None, run: Path, *, labels: Labels, seed: int | None
) -> None:
    from instrd.training.clips.calibration import (  # noqa: PLC0415 - loads torch
        UNCALIBRATED,
        can_calibrate,
    )
    from instrd.training.clips.fit import fit_clips  # noqa: PLC0415
    from instrd.training.clips.recipe import read_clip_recipe  # noqa: PLC0415
    from instrd.training.clips.split import divide, unnamed  # noqa: PLC0415
    from instrd.training.results import METRICS  # noqa: PLC0415

    of_clips = read_clip_recipe(recipe)
    if seed is not None:
        of_clips = msgspec.structs.replace(of_clips, seed=seed)
    clips = read_folders(_needed("--data", data, recipe), labels)
    if leads() and not (run / METRICS).is_file():
        if strangers := unnamed(clips.clips, of_clips):
            what = f"learned as {of_clips.other}" if of_clips.other else "left out"
            named = ", ".join(f"{label} ({count})" for label, count in strangers.items())
            typer.echo(f"note: {what}, since the recipe does not name them: {named}", err=True)
        if not can_calibrate(divide(clips.clips, of_clips)):
            typer.echo(f"note: validation clips {UNCALIBRATED}", err=True)
    result = fit_clips(of_clips, clips, run, watch)
    if not leads():
        return
    for line in result.left_out:
        typer.echo(f"left out: {line}", err=True)
    tests = len(result.answers)
    told = f"{result.right} of {tests} test clips right ({result.accuracy:.1%})"
    typer.echo(f"{run}: {told if tests else 'no test clip'}, {result.training_s:.0f} s")


def export(
    run: RunFolder,
    bundle: BundleFolder,
    *,
    data: Data = None,
    stems: Bank = None,
    music: Music = None,
    measured: Annotated[
        Path | None, typer.Option(help="The run that a finished run began with.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="That run's bundle, evaluated: whose figures to take over.")
    ] = None,
    calibrated: Annotated[
        Path | None,
        typer.Option(help="A bundle a few small steps before, to calibrate to; its figures."),
    ] = None,
) -> None:
    """Calibrate a run's net on sound that it was not trained on and write its bundle."""
    if stems is not None:
        from instrd.training.mixtures.export import export as export_run  # noqa: PLC0415 - loads torch

        written = export_run(
            run,
            bundle,
            pools=_needed("--data", data, run),
            bank=stems,
            music=music,
            measured=measured,
            figures=figures,
            calibrated=calibrated,
        )
    else:
        if _is_run_of_mixtures(run):
            raise TrainingError(run, "needs --stems")
        from instrd.training.clips.export import export_clips  # noqa: PLC0415

        written = export_clips(run, bundle, _needed("--data", data, run), watch)
    typer.echo(f"{written.folder}  SHA-256 {written.sha256}")


def evaluate(bundle: BundleFolder, *, data: Data = None, labels: Labels = "published") -> None:
    """Measure a bundle on the sources that its recipe holds out; writes its manifest."""
    from instrd.training.clips.evaluation import evaluate_clips, is_of_clips  # noqa: PLC0415
    from instrd.training.mixtures.evaluation import evaluate as evaluate_bundle  # noqa: PLC0415

    roots = _needed("--data", data, bundle)
    measured: dict[str, Any] = (
        evaluate_clips(bundle, read_folders(roots, labels), watch)
        if is_of_clips(bundle)
        else evaluate_bundle(bundle, roots)
    )
    typer.echo(as_json(measured).decode(), nl=False)


def _is_of_mixtures(recipe: Path) -> bool:
    """Tell a recipe for mixtures of stems from one for labelled clips."""
    return "stems" in read_toml(recipe, dict[str, Any])


def _is_run_of_mixtures(run: Path) -> bool:
    file = run / RECIPE
    return file.is_file() and "stems" in read_json(file, dict[str, Any], "cannot be read")


def _needed(option: str, value: T | None, what: Path) -> T:
    if not value:
        raise TrainingError(what, f"needs {option}")
    return value

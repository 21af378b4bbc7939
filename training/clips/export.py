"""From a run on labelled clips to a bundle that the daemon serves."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch

from instrd.models.bundle import WEIGHTS, Bundle, Credit, Manifest, write_bundle
from instrd.training.bundle_place import name_for
from instrd.training.clips.calibration import ClipCalibration, calibrate_clips
from instrd.training.clips.fit import built
from instrd.training.clips.frame_cache import FrameCache
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.clips.run_data import read_data, read_split, refuse_other_data
from instrd.training.clips.run_files import read_recipe_of
from instrd.training.clips.split import Parts, naming_tests
from instrd.training.clips.window_onnx import with_weights
from instrd.training.clips.windows import LEAST_FRAMES, Windows
from instrd.training.errors import TrainingError
from instrd.training.folders.layouts import read_folders
from instrd.training.folders.pool import MANIFEST, credits_of, manifest_rows
from instrd.training.mixtures.export import rounded
from instrd.training.progress import Watch, unwatched


def export_clips(
    run: Path, bundle: Path, roots: Sequence[Path], watch: Watch = unwatched
) -> Bundle:
    """Calibrate a finished run's net on its validation clips and write its bundle.

    `roots` are the data folders that it was fitted on, whose manifests tell whom to credit; its
    reading of their labels and its split are the run's. Raises `TrainingError`.
    """
    name = name_for(bundle)
    recipe = read_recipe_of(run)
    if recipe is None or not (run / WEIGHTS).is_file():
        raise TrainingError(run, "holds no finished run; run instrd-train fit first")
    folder = read_folders(roots, read_data(run).labels)
    refuse_other_data(run, folder)
    parts = read_split(run, recipe, folder)
    cache = FrameCache(recipe.front_end)
    used = (*parts.train, *parts.validation)
    _, errors = cache.fill((example.path for example in used), watch)
    for error in errors:
        raise error
    net = built(_untrained(recipe), len(parts.labels))
    try:
        net.load_state_dict(safetensors.torch.load_file(run / WEIGHTS))
    except safetensors.SafetensorError as error:
        raise TrainingError(run / WEIGHTS, f"cannot be read: {error}") from error
    except RuntimeError as error:
        raise TrainingError(run, f"its weights do not fit these data: {error}") from error
    files = with_weights(net, recipe.window_frames, recipe.front_end.width)
    calibrated = calibrate_clips(net, parts, Windows(recipe, cache, parts.train))
    credited = credits_in(roots, [example.path for example in used])
    told = naming_tests(recipe, folder, parts)
    return write_bundle(bundle, _manifest(name, told, parts, calibrated, credited), files)


def credits_in(roots: Iterable[Path], paths: Iterable[Path]) -> tuple[Credit, ...]:
    """Return whom the manifests of the data folders credit for these files."""
    wanted = {path.resolve() for path in paths}
    return credits_of(
        (row["source"], row.get("licence") or "unknown", row.get("credit") or "")
        for root in roots
        if (root / MANIFEST).is_file()
        for row in manifest_rows(root)
        if (root / row["path"]).resolve() in wanted and row.get("source")
    )


def _untrained(recipe: ClipRecipe) -> ClipRecipe:
    """Return the recipe without the weights to begin with: a trained net needs no download."""
    own = {key: value for key, value in recipe.network.items() if key != "weights"}
    return msgspec.structs.replace(recipe, network=own)


def _manifest(
    name: str,
    recipe: ClipRecipe,
    parts: Parts,
    calibrated: ClipCalibration,
    credited: tuple[Credit, ...],
) -> Manifest:
    labels = len(parts.labels)
    return Manifest(
        name=name,
        description=recipe.description,
        kind="window",
        architecture=recipe.architecture,
        network={
            **_untrained(recipe).network,
            "frames": recipe.window_frames,
            "width": recipe.front_end.width,
            "labels": labels,
        },
        labels=parts.labels,
        background=parts.labels[len(recipe.labels) :],
        multi_label=False,
        front_end=recipe.front_end,
        window_frames=recipe.window_frames,
        onset_lag_frames=calibrated.onset_lag_frames,
        warm_up_frames=LEAST_FRAMES,
        temperature=(calibrated.temperature,) * labels,
        bias=(0.0,) * labels,
        threshold_on=calibrated.threshold_on,
        threshold_off=calibrated.threshold_off,
        metrics={"validation": rounded(calibrated.metrics)},
        recipe=msgspec.to_builtins(recipe),
        credits=credited,
    )

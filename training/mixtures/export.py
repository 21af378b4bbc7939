"""From a training run to a bundle that the daemon serves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch
import torch

from instrd.models.bundle import (
    ONNX,
    WEIGHTS,
    Bundle,
    Credit,
    Manifest,
    read_bundle,
    write_bundle,
)
from instrd.models.nets.causal_net import CausalNet
from instrd.training.bundle_place import name_for
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import credits_of, divide, read_pools
from instrd.training.mixtures.calibration import Calibrated, by_surer, calibrate, calibrated_as
from instrd.training.mixtures.fitted import is_of_same_net, recipe_of, trained
from instrd.training.mixtures.inherited import inherited
from instrd.training.onnx_file import to_onnx
from instrd.training.recipe import Recipe
from instrd.training.stems.performances import GROOVE, POP909, SOUNDFONTS
from instrd.training.stems.stem_jobs import SINSY
from instrd.training.stems.stems import read_tracks, refuse_other_split
from instrd.training.stems.trained_singing import CREDIT
from instrd.training.teachers.music import read_index

TEACHER = Credit("EfficientAT mn04", "MIT", "Schmid et al. 2023; its opinions, not its weights")
YAMNET = Credit("YAMNet", "Apache-2.0", "Plakal and Ellis, Google; its opinions, not its weights")
_HEARD_BY_TEACHER = ("as its package says", "recordings that the teacher gave its opinion of")


def export(
    run: Path,
    folder: Path,
    *,
    pools: Sequence[Path],
    bank: Path,
    music: Path | None = None,
    measured: Path | None = None,
    figures: Path | None = None,
    calibrated: Path | None = None,
) -> Bundle:
    """Calibrate a run's net and write its bundle; raises `TrainingError`.

    A run that was finished with everything has no unheard sound left: it takes over the
    calibration of the run that it began with, `measured`, on the sources held out from that, and
    what `evaluate` wrote into that run's bundle, `figures`; only what is no music is asked of
    itself, which both have learned from. A run of a few small steps from a bundle on,
    `calibrated`, may be calibrated to it, and take over its thresholds and figures.
    """
    name = name_for(folder)
    if calibrated and (measured or figures):
        reason = "takes over thresholds and figures: not with --measured or --figures"
        raise TrainingError("--calibrated", reason)
    held_out = _figures_of(figures) if figures else {}
    recipe = recipe_of(run)
    refuse_other_split(bank, recipe if measured is None else recipe_of(measured))
    net = trained(recipe, run)
    if calibrated:
        before = _manifest_before(calibrated, recipe)
        nets = trained(recipe_of(calibrated), calibrated), net
        fitted = calibrated_as(before, nets, recipe, bank)
        held_out = {name: v for name, v in before.metrics.items() if name == "held_out"}
    elif measured is None:
        fitted = calibrate(net, recipe, bank, "calibrate", music)
    else:
        known = recipe_of(measured)
        fitted = calibrate(trained(known, measured), known, bank, "held_out", music, served=net)
    credited = (*_credits(recipe, pools, bank), *(_teachers_credits(music) if music else ()))
    credited = tuple(dict.fromkeys((*credited, *inherited(run))))
    manifest = _manifest(name, recipe, net, fitted, credited)
    metrics = manifest.metrics | held_out
    manifest = msgspec.structs.replace(manifest, metrics=metrics)
    return write_bundle(folder, manifest, {ONNX: to_onnx(net), WEIGHTS: _weights(net)})


def _manifest_before(bundle: Path, recipe: Recipe) -> Manifest:
    """Return the manifest of a bundle whose net is a recipe's before a few more steps."""
    if not is_of_same_net(recipe_of(bundle), recipe):
        reason = "is of another net; --calibrated takes one as wide, of these labels and front-end"
        raise TrainingError(bundle, reason)
    before = read_bundle(bundle).manifest
    contrast = (before.contrast, before.background_contrast)
    if contrast != (by_surer(recipe), recipe.serving.background_contrast):
        raise TrainingError(bundle, "was calibrated with another contrast than [serving] has")
    return before


def _figures_of(bundle: Path) -> dict[str, Any]:
    measured = read_bundle(bundle).manifest.metrics
    if "held_out" not in measured:
        raise TrainingError(bundle, "has no figures; run instrd-train evaluate first")
    return {"held_out": measured["held_out"]}


def _credits(recipe: Recipe, pools: Sequence[Path], bank: Path) -> tuple[Credit, ...]:
    train, held_out = divide(read_pools(pools), recipe.split)
    heard = [*train, *held_out] if "held_out" in recipe.fit.parts else train
    singers = [CREDIT] if any(track.origin == SINSY for track in read_tracks(bank)) else []
    pools_credits = credits_of((clip.source, clip.licence, clip.credit) for clip in heard)
    return (*pools_credits, *SOUNDFONTS.values(), *singers, GROOVE, POP909)


def _teachers_credits(music: Path) -> tuple[Credit, ...]:
    """Credit the teachers and each folder of recordings that they gave their opinion of."""
    entries = [entry for entry in read_index(music) if not entry.labelled]
    origins = sorted({entry.origin for entry in entries})
    teachers = (TEACHER, YAMNET) if any(entry.second for entry in entries) else (TEACHER,)
    return (*teachers, *(Credit(origin, *_HEARD_BY_TEACHER) for origin in origins))


def _manifest(
    name: str,
    recipe: Recipe,
    net: CausalNet,
    calibrated: Calibrated,
    credited: tuple[Credit, ...],
) -> Manifest:
    return Manifest(
        name=name,
        description=recipe.description,
        kind="causal",
        architecture="causal_net",
        network=_network(recipe),
        labels=recipe.labels,
        background=recipe.background,
        front_end=recipe.front_end,
        window_frames=net.frames_seen,
        onset_lag_frames=recipe.mixing.onset_frames,
        temperature=calibrated.temperature,
        bias=calibrated.bias,
        contrast=by_surer(recipe),
        background_contrast=recipe.serving.background_contrast,
        threshold_on=calibrated.threshold_on,
        threshold_off=calibrated.threshold_off,
        metrics={"calibration": rounded(calibrated.metrics)},
        recipe=msgspec.to_builtins(recipe),
        credits=credited,
    )


def _network(recipe: Recipe) -> dict[str, Any]:
    sizes = {"bands": recipe.front_end.width, "labels": len(recipe.labels)}
    return sizes | ({"wide": recipe.wide} if recipe.wide != 1 else {})


def _weights(net: CausalNet) -> bytes:
    """Store half precision: half the bytes, and far finer than the net's own noise."""
    state = net.state_dict()
    halves = {
        name: tensor.to(torch.float16).contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    }
    return safetensors.torch.save(halves)


def rounded(value: Any, digits: int = 4) -> Any:
    """Return a nest of dicts and lists with its floats rounded, for a manifest that is read."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    return round(value, digits) if isinstance(value, float) else value

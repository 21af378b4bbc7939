"""What each ingredient of base's training brings: the same short run without it, measured.

`fit VARIANT` trains one variant of a recipe from the first weights on, `measure` tells how often
runs name unheard sources rightly. Both need a stem bank (`instrd-train render`) alone, `fit` also
the teacher's music (`instrd-train teach`); a GPU is used if there is one.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_start_method
from pathlib import Path
from unittest.mock import patch

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from instrd.models.nets.causal_net import CausalNet
from instrd.training.mixtures import fit as fitting
from instrd.training.mixtures import fitted, mixtures
from instrd.training.mixtures.material import Material
from instrd.training.mixtures.mixtures import Mixer
from instrd.training.recipe import Recipe, read_recipe
from instrd.training.stems.rooms import equaliser
from instrd.training.stems.stem_jobs import NOISES, ORGANS, SINGING, SINSY, SPEAKERS, TONES
from instrd.training.stems.stems import BANK, BANK_SPLIT, Track, read_tracks, refuse_other_split
from instrd.training.struct_files import write_json

Change = Callable[[Recipe], Recipe]
Keep = Callable[[Track, Recipe], bool]

SECOND, PHRASE = 50, 150
"""Frames of what is judged."""
MOST_BATCHES = 40
_BATCH = 100
_SALT = 23
_SOUNDING = 0.9  # of a second's frames; else it is not judged
_MADE_UP = frozenset({SINGING, SINSY, SPEAKERS, ORGANS, NOISES, TONES})
_EFFECTS = (
    *("_ROOM_ODDS", "_STEM_ROOM_ODDS", "_MASK_ODDS", "_STEM_EQUALISER_ODDS", "_PACE_ODDS"),
    *("_WARP_ODDS", "_SECTION_ODDS"),
)


@dataclass(frozen=True)
class Variant:
    """What of a run is other than in the recipe."""

    change: Change = lambda recipe: recipe
    keep: Keep = lambda _track, _recipe: True
    music: bool = True
    effects: bool = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    fit = commands.add_parser("fit")
    fit.add_argument("variant", choices=sorted(VARIANTS))
    fit.add_argument("--recipe", type=Path, default=Path("training/recipes/base.toml"))
    fit.add_argument("--music", type=Path, required=True)
    fit.add_argument("--run", type=Path, required=True)
    fit.add_argument("--steps", type=int, default=4000)
    fit.add_argument("--batch", type=int, default=48)
    fit.add_argument("--workers", type=int, default=1)
    measure = commands.add_parser("measure")
    measure.add_argument("runs", type=Path, nargs="+")
    for command in (fit, measure):
        command.add_argument("--stems", type=Path, required=True)
    chosen = parser.parse_args()
    if chosen.command == "fit":
        fit_variant(VARIANTS[chosen.variant], chosen)
    else:
        measure_runs(chosen.runs, chosen.stems)


def fit_variant(variant: Variant, chosen: argparse.Namespace) -> None:
    """Fit one variant; all have the same steps, segments a step and learning rates.

    Effects are taken from this process, and with it from workers that are forks of it, no others.
    """
    if not variant.effects and chosen.workers and get_start_method() != "fork":
        raise SystemExit("without effects only forked workers mix: give --workers 0 here")
    recipe = read_recipe(chosen.recipe)
    fit = msgspec.structs.replace(
        recipe.fit, steps=chosen.steps, batch=chosen.batch, lessons=chosen.batch // 3
    )
    recipe = variant.change(msgspec.structs.replace(recipe, fit=fit))
    refuse_other_split(chosen.stems, recipe)
    chosen.run.mkdir(parents=True, exist_ok=True)
    kept = [track for track in read_tracks(chosen.stems) if variant.keep(track, recipe)]
    there = [
        msgspec.structs.replace(track, file=str((chosen.stems / track.file).resolve()))
        for track in kept
    ]
    write_json(chosen.run / BANK, there)
    write_json(chosen.run / BANK_SPLIT, recipe.split)
    material = Material(chosen.run, chosen.music if variant.music else None)
    off: dict[str, object] = {"equaliser": equaliser}
    if not variant.effects:
        off = dict.fromkeys(_EFFECTS, 0.0) | {"equaliser": _level}
    with patch.dict(vars(mixtures), off):
        fitting.fit(recipe, material, run=chosen.run, workers=chosen.workers)


def measure_runs(runs: list[Path], bank: Path) -> None:
    """Print how often the likeliest of the instruments is the one that plays."""
    print(f"{'':20} {'1 s':>7} {'3 s':>7} {'louder of two, 3 s':>20}")
    for run in runs:
        recipe = fitted.recipe_of(run)
        net = fitted.trained(recipe, run)
        alone, two = ((0.0, 1.0), (0.0, 0.0, 1.0))
        second, phrase = (rights(net, recipe, bank, alone, n) for n in (SECOND, PHRASE))
        louder = rights(net, recipe, bank, two, PHRASE)
        print(f"{run.name:20} {second:7.1%} {phrase:7.1%} {louder:20.1%}")


def rights(
    net: CausalNet, recipe: Recipe, bank: Path, stems_odds: tuple[float, ...], frames: int
) -> float:
    """Return the share of windows of held-out stems, each heard from silence, named rightly."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = net.to(device)
    right = []
    for heard, wanted in windows(recipe, bank, stems_odds, frames):
        with torch.inference_mode():
            logits, _ = net(torch.from_numpy(heard).to(device), net.initial_state(len(heard)))
        likely = logits.sigmoid().mean(dim=1).cpu().numpy()
        likely[:, [recipe.labels.index(label) for label in recipe.background]] = -1.0
        right.append(likely.argmax(axis=1) == wanted)
    return float(np.concatenate(right).mean())


def windows(
    recipe: Recipe, bank: Path, stems_odds: tuple[float, ...], frames: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int_]]]:
    """Yield batches of windows (B, T, bands), and of each the instrument most prominent in it.

    It is the same for every recipe of the same seed. Windows in which none plays nearly always are
    left out.
    """
    changes = {"stems_odds": stems_odds, "segment_frames": 200, "tones": 0.0}
    mixing = msgspec.structs.replace(recipe.mixing, **changes)
    mixer = Mixer(msgspec.structs.replace(recipe, mixing=mixing), bank, "held_out")
    background = [recipe.labels.index(label) for label in recipe.background]
    for heard, targets, _ in mixer.batches(range(MOST_BATCHES), count=_BATCH, salt=_SALT):
        plays = targets[:, 200 - frames :].copy()
        plays[:, :, background] = 0.0
        clear = (plays > 0.0).any(axis=2).mean(axis=1) >= _SOUNDING
        yield heard[clear, 200 - frames :], plays[clear].sum(axis=1).argmax(axis=1)


def _level(centres_hz: NDArray[np.float64], _rng: np.random.Generator) -> NDArray[np.float32]:
    return np.zeros_like(centres_hz, np.float32)


def _mixing(**changes: object) -> Change:
    return lambda recipe: msgspec.structs.replace(
        recipe, mixing=msgspec.structs.replace(recipe.mixing, **changes)
    )


def _fit(**changes: object) -> Change:
    return lambda recipe: msgspec.structs.replace(
        recipe, fit=msgspec.structs.replace(recipe.fit, **changes)
    )


def _of_soundfont(track: Track, recipe: Recipe) -> bool:
    return track.origin in {Path(soundfont).stem for soundfont in recipe.stems.soundfonts}


def _of_notes(track: Track, recipe: Recipe) -> bool:
    return not _of_soundfont(track, recipe) and track.origin not in _MADE_UP


def _plain(track: Track, _recipe: Recipe) -> bool:
    return not track.origin.endswith((", ringing", ", played"))


VARIANTS = {
    "all": Variant(),
    "no-teacher": Variant(music=False),
    "no-lessons": Variant(_fit(lessons=0)),
    "no-music-behind": Variant(_mixing(accompanied=0.0)),
    "no-mixtures": Variant(_mixing(stems_odds=(0.06, 0.94), accompanied=0.0)),
    "no-effects": Variant(effects=False),
    "no-soundfonts": Variant(keep=lambda track, recipe: not _of_soundfont(track, recipe)),
    "no-notes": Variant(keep=lambda track, recipe: not _of_notes(track, recipe)),
    "no-played-notes": Variant(keep=_plain),
    "no-made-up": Variant(
        _mixing(tones=0.0), keep=lambda track, _recipe: track.origin not in _MADE_UP
    ),
    "twice-as-wide": Variant(lambda recipe: msgspec.structs.replace(recipe, wide=2)),
}


if __name__ == "__main__":
    main()

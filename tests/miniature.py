"""A data set that a net learns in seconds, and the recipe for it."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from labelled_audio import RATE_HZ, Floats, write

from instrd.models.frontend import FrontEnd
from instrd.training.clips.recipe import Architecture, Augmentation, ClipFit, ClipRecipe
from instrd.training.clips.split import Example
from instrd.training.folders.labelled_folder import LabelledFolder
from instrd.training.folders.layouts import read_folder

LABELS = ("drum", "guitar", "violin")
FILES = {"train": 8, "validation": 3, "test": 4}
LOG_MEL = FrontEnd(rate_hz=RATE_HZ, fft=256, hop=128, bands=16, fmin_hz=50.0, fmax_hz=4000.0)
MFCC = msgspec.structs.replace(LOG_MEL, kind="mfcc", coefficients=8)
WINDOW_FRAMES = 24
NETWORKS: dict[Architecture, dict[str, Any]] = {
    "cnn": {"channels": [8, 16, 16], "hidden": 32, "dropout": 0.0},
    "lstm": {"over": "time", "hidden": 12, "layers": 2},
    "svm": {"features": "statistics", "machines": "one_vs_rest"},
    "resnet18": {"size": [32, 32]},
    "transformer": {"features": 16, "heads": 2, "layers": 2, "feed_forward": 24, "dropout": 0.0},
}


def recipe(architecture: Architecture = "cnn", **fit: Any) -> ClipRecipe:
    """Return a recipe of few epochs; `fit` changes its [fit]."""
    chosen: dict[str, Any] = {"epochs": 10, "batch": 8, "rate": 1e-2, **fit}
    return ClipRecipe(
        name=architecture,
        description="a miniature",
        seed=3,
        labels=LABELS,
        architecture=architecture,
        front_end=MFCC if architecture in {"lstm", "svm"} else LOG_MEL,
        window_frames=WINDOW_FRAMES,
        fit=ClipFit(**chosen),
        network=NETWORKS[architecture],
    )


def changed(before: ClipRecipe, **changes: Any) -> ClipRecipe:
    return msgspec.structs.replace(before, **changes)


def write_recipe(path: Path, made: ClipRecipe) -> Path:
    """Write a recipe file: in TOML, plain values look as they do in JSON."""
    fields = msgspec.to_builtins(made)
    lines = [f"{key} = {_json(v)}" for key, v in fields.items() if not isinstance(v, dict)]
    for name, table in fields.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *(f"{key} = {_json(v)}" for key, v in table.items())]
    path.write_text("\n".join(lines))
    return path


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def sound(label: str, seed: int, seconds: float = 0.6) -> Floats:
    """Return clicks for a drum, a low tone for a guitar, a high one for a violin, (n,)."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    if label == "drum":
        made = rng.normal(0.0, 0.3, len(times)) * np.exp(-40.0 * (times % 0.15))
    else:
        hz = {"guitar": 300.0, "violin": 1800.0}[label] * rng.uniform(0.9, 1.1)
        made = 0.3 * np.sin(2.0 * np.pi * hz * times)
    noisy: Floats = (made + rng.normal(0.0, 1e-3, len(times))).astype(np.float32)
    return noisy


def miniature(root: Path, labels: tuple[str, ...] = LABELS) -> LabelledFolder:
    """Write train/, validation/ and test/ with a folder a label and read them back."""
    seed = 0
    for part, count in FILES.items():
        for place, label in enumerate(labels):
            for number in range(count):
                seed += 1
                made = sound(LABELS[place], seed)
                write(root / part / label / f"{label}-{number}.wav", made)
    return read_folder(root)


def examples(folder: LabelledFolder, part: str = "train") -> tuple[Example, ...]:
    return tuple(
        Example(clip.path, LABELS.index(clip.label), str(clip.path))
        for clip in folder.clips
        if clip.part == part
    )


ALL_AUGMENTATION = Augmentation(
    chain_odds=0.6, gain_db=20.0, tone_odds=0.5, noise_odds=0.5, room_odds=0.5, mask_odds=0.5
)

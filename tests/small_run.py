"""A training run that takes seconds: two labels, made-up stems, a handful of steps."""

from pathlib import Path

import msgspec
import numpy as np
from sounds import silence, tone

from instrd.training.recipe import Recipe, read_recipe
from instrd.training.stems import BANK, Track

BASE = Path(__file__).parent.parent / "training" / "recipes" / "base.toml"
RATE_HZ = 16_000


def small_recipe(**changes: object) -> Recipe:
    """Return the base recipe cut down to two labels, short segments and four steps."""
    base = read_recipe(BASE)
    fit = msgspec.structs.replace(base.fit, steps=4, batch=4, compiled=False)
    mixing = msgspec.structs.replace(base.mixing, segment_frames=30, stems_odds=(0.1, 0.6, 0.3))
    small = msgspec.structs.replace(base, labels=("flute", "other"), fit=fit, mixing=mixing)
    return msgspec.structs.replace(small, **changes)


def small_bank(folder: Path) -> Path:
    """Write tracks that blink: a high tone for flutes, noise for the rest."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    blinks = [np.concatenate([tone(880.0, 0.5, RATE_HZ), silence(0.2, RATE_HZ)])] * 4
    sounds = {
        "flute": np.concatenate(blinks),
        "other": rng.normal(0.0, 0.1, 3 * RATE_HZ).astype(np.float32),
    }
    tracks = []
    for part in ("train", "calibrate"):
        for label, sound in sounds.items():
            file = f"{label}-{part}.npy"
            np.save(folder / file, (sound * 32_767).astype(np.int16))
            tracks.append(Track(file, label, "made up", part, len(sound)))
    (folder / BANK).write_bytes(msgspec.json.encode(tracks))
    return folder

"""A training run that takes seconds: two labels, made-up stems, a handful of steps."""

from pathlib import Path

import msgspec
import numpy as np
from sounds import silence, tone

from instrd.training.mixtures.material import Material
from instrd.training.recipe import PARTS, Recipe, read_recipe
from instrd.training.stems.stem_jobs import OF_NOISES, TONES
from instrd.training.stems.stems import BANK, BANK_SPLIT, Track, framed
from instrd.training.struct_files import write_json
from instrd.training.teachers.music import (
    FRONT_END,
    INDEX,
    NAMES,
    STEP_FRAMES,
    WINDOW_FRAMES,
    Entry,
)
from instrd.training.teachers.opinions import opinion_tags
from instrd.training.teachers.teacher_net import TAGS

_NAMED = opinion_tags()
AUDIOSET = (*_NAMED, *(f"tag {k}" for k in range(TAGS - len(_NAMED))))
"""As many tags as the teacher has, those that stand for our labels by name."""

BASE = Path(__file__).parent.parent / "training" / "recipes" / "base.toml"
RATE_HZ = 16_000


def small_recipe(**changes: object) -> Recipe:
    """Return the base recipe cut down to two labels, short segments and four steps."""
    base = read_recipe(BASE)
    fit = msgspec.structs.replace(base.fit, steps=4, batch=4, lessons=2, compiled=False)
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
    for part in PARTS:
        for label, sound in sounds.items():
            file = f"{label}-{part}.npy"
            rows = framed(sound, read_recipe(BASE).front_end)
            np.save(folder / file, rows)
            origin = TONES if label == OF_NOISES else "made up"
            tracks.append(Track(file, label, origin, part, len(rows)))
    write_json(folder / BANK, tracks)
    write_json(folder / BANK_SPLIT, read_recipe(BASE).split)
    return folder


def small_music(
    folder: Path,
    *,
    windows: int = 3,
    loudest: str = "Music",
    labelled: bool = False,
    level_db: float = -40.0,
) -> Path:
    """Write one recording of noise of which the teacher is sure that it is one tag."""
    folder.mkdir()
    frames = (windows - 1) * STEP_FRAMES + WINDOW_FRAMES
    logits = np.full((windows, TAGS), -8.0, np.float16)
    logits[:, AUDIOSET.index(loudest)] = 4.0
    noise = np.random.default_rng(1).normal(level_db, 5.0, (frames, FRONT_END.bands))
    np.savez(folder / "noise.npz", frames=noise.astype(np.float16), logits=logits)
    entry = Entry("noise.npz", "made up", frames, windows, labelled)
    (folder / INDEX).write_bytes(msgspec.json.encode([entry]))
    (folder / NAMES).write_bytes(msgspec.json.encode(AUDIOSET))
    return folder


def small_material(folder: Path) -> Material:
    """Write both of them into a folder."""
    return Material(small_bank(folder / "stems"), small_music(folder / "music"))

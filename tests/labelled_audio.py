"""Miniatures of labelled folders, written by code."""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE_HZ = 8000


def hiss(seed: int, seconds: float = 0.6) -> Floats:
    """Return noise (n,) of -26 dBFS with a rhythm of its own."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    rhythm = 10.0 ** (rng.uniform(-30.0, 0.0, 12) / 20.0)
    noise = rng.normal(0.0, 1.0, count) * rhythm[np.arange(count) * len(rhythm) // max(count, 1)]
    steady: Floats = (0.05 / noise.std() * noise).astype(np.float32)
    return steady


def write(path: Path, sound: Floats, rate_hz: int = RATE_HZ) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate_hz)


def table(path: Path, rows: list[tuple[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(f"{name},{label}\r\n" for name, label in [("FileName", "Class"), *rows])
    )


def kaggle(root: Path, train: list[tuple[str, str]], test: list[tuple[str, str]]) -> None:
    """Write both tables, and a sound of its own for each file that they name."""
    seed = 0
    for part, rows in (("Train", train), ("Test", test)):
        table(root / f"Metadata_{part}.csv", rows)
        for name in dict.fromkeys(name for name, _ in rows):
            seed += 1
            write(root / f"{part}_submission" / name, hiss(seed))

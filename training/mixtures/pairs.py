"""Two instruments at once: seconds mixed from held-out clips, and who is found in them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Manifest
from instrd.models.frontend import frames_of
from instrd.training.folders.pool import Clip, listen

Floats = NDArray[np.float32]
Judge = Callable[[Floats], Floats]
"""frames (B, T, width) -> probabilities (B, labels)."""

PAIRS = 400
_PREDOMINANT_DB = 3.0
_GAIN_DB = 6.0  # the second lies within +- this of the first


def judge_pairs(
    judge: Judge, clips: Sequence[Clip], manifest: Manifest, *, seed: int
) -> dict[str, float]:
    """Return how often both labels of a pair, one of them, or a wrong instrument come out.

    The predominant one is the louder by 3 dB or more; in the other pairs there is none.
    """
    rng = np.random.default_rng(seed)
    labels = sorted({clip.label for clip in clips})
    if len(labels) < 2:
        return {}
    frames, truth = [], np.zeros((PAIRS, len(manifest.labels)), bool)
    predominant = np.full(PAIRS, -1)
    for row in range(PAIRS):
        pair = [str(label) for label in rng.choice(labels, 2, replace=False)]
        truth[row, [manifest.labels.index(label) for label in pair]] = True
        seconds = [_second(clips, label, manifest, rng) for label in pair]
        gain_db = rng.uniform(-_GAIN_DB, _GAIN_DB)
        gain = np.float32(10.0 ** (gain_db / 20.0))
        if abs(gain_db) >= _PREDOMINANT_DB:
            predominant[row] = manifest.labels.index(pair[int(gain_db > 0.0)])
        frames.append(frames_of(manifest.front_end, seconds[0] + gain * seconds[1]))
    probabilities = judge(np.stack(frames))
    on = probabilities >= np.array(manifest.threshold_on)
    instrument = np.array([label not in manifest.background for label in manifest.labels])
    likeliest = np.argsort(np.where(instrument, probabilities, -1.0), axis=1)[:, -2:]
    found = np.take_along_axis(truth, likeliest, axis=1)
    return {
        "pairs": PAIRS,
        "predominant_is_likeliest": float(
            np.mean(likeliest[predominant >= 0, 1] == predominant[predominant >= 0])
        ),
        "likeliest_is_right": float(found[:, 1].mean()),
        "both_are_the_likeliest_two": float(found.all(axis=1).mean()),
        "hits": float(on[truth].mean()),
        "wrong": float((on & ~truth & instrument).any(axis=1).mean()),
    }


def _second(
    clips: Sequence[Clip], label: str, manifest: Manifest, rng: np.random.Generator
) -> Floats:
    """Return the loudest second of a random clip of a label, its rms 0.05."""
    own = [clip for clip in clips if clip.label == label]
    rate_hz = manifest.front_end.rate_hz
    signal = listen(Path(own[int(rng.integers(len(own)))].path), rate_hz)
    padded = np.pad(signal, (0, -len(signal) % rate_hz))
    seconds = padded.reshape(-1, rate_hz)
    powers = np.mean(seconds**2, axis=1)
    second: Floats = seconds[powers.argmax()] * np.float32(0.05 / np.sqrt(powers.max() + 1e-12))
    return second

"""When a stem counts as sounding in a mixture, from the levels of all stems, frame by frame."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d  # type: ignore[attr-defined]  # scipy is untyped

from instrd.training.recipe import Mixing

Floats = NDArray[np.float32]

_SOUNDING_DB = 40.0  # below its own loud parts a stem is no longer judged present
_SILENT_DB = 60.0  # ... and counts as absent
_AUDIBLE_DB = 25.0  # below the mix a stem is no longer judged present
_MASKED_DB = 40.0  # ... and counts as absent
_LEAST_DB = -35.0  # a stem that is never louder is silent
_PROMINENT_FRAMES = 25  # over which power is averaged to say how much of the mix a stem is
_LOUD_FRAMES = 10  # their mean is the loudness of a stem, be it one stroke or a held note


def judge(levels: Floats, mixing: Mixing) -> tuple[Floats, Floats]:
    """Say in which frames each stem sounds: targets and weights, (frames, stems).

    `levels` are those of each stem in dB, (frames, stems), about 0 where it is loud. A stem sounds
    within `_SOUNDING_DB` of its loud parts and `_AUDIBLE_DB` of the mix, and for `hold_frames`
    after; it is absent when far below either; between, it has no weight.
    """
    mix_db = 10.0 * np.log10(np.sum(10.0 ** (levels.astype(np.float64) / 10.0), axis=1))[:, None]
    loud_db = np.maximum(loudness(levels), _LEAST_DB)
    sounding = (levels > loud_db - _SOUNDING_DB) & (levels > mix_db - _AUDIBLE_DB)
    absent = (levels < loud_db - _SILENT_DB) | (levels < mix_db - _MASKED_DB)
    targets = _held(sounding, mixing.hold_frames)
    judged = targets | absent
    begun = targets & ~np.roll(targets, 1, axis=0)
    begun[0] = False
    judged &= ~_held(begun, mixing.onset_frames - 1)
    judged &= targets | ~_held(targets, mixing.hold_frames)
    return targets.astype(np.float32), judged.astype(np.float32)


def prominence(levels: Floats, least: float) -> Floats:
    """Return how prominent each stem is in each frame, (frames, stems), `least` to 1.

    `levels` are as for `judge`. A stem that is all there is has 1, and one `_AUDIBLE_DB` below the
    mix has `least`; between, it is straight in dB. So whoever is sure of all that sounds gives
    the most to the loudest.
    """
    powers = 10.0 ** (levels.astype(np.float64) / 10.0)
    around = uniform_filter1d(powers, _PROMINENT_FRAMES, axis=0, mode="nearest")
    below_db = -10.0 * np.log10(around / around.sum(axis=1, keepdims=True))
    shares: Floats = (1.0 - (1.0 - least) * np.clip(below_db / _AUDIBLE_DB, 0.0, 1.0)).astype(
        np.float32
    )
    return shares


def loudness(levels: Floats) -> Floats:
    """Return the mean power of the loudest frames in dB, (stems,), of (frames, stems) in dB."""
    loudest = np.sort(levels.astype(np.float64), axis=0)[-_LOUD_FRAMES:]
    mean_db: Floats = (10.0 * np.log10(np.mean(10.0 ** (loudest / 10.0), axis=0))).astype(
        np.float32
    )
    return mean_db


def _held(flags: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Stretch every true flag over the `frames` after it."""
    held = flags.copy()
    for late in range(1, frames + 1):
        held[late:] |= flags[:-late]
    return held

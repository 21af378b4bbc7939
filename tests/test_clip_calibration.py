"""Temperature, thresholds and delay of a window net, measured on its validation clips."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from labelled_audio import RATE_HZ, write
from miniature import LABELS, LOG_MEL, recipe, sound
from torch import nn

from instrd.training.clips.calibration import (
    HYSTERESIS,
    calibrate_clips,
    fit_temperature,
    threshold_of,
)
from instrd.training.clips.frame_cache import FrameCache
from instrd.training.clips.split import Example, Parts
from instrd.training.clips.windows import Windows
from instrd.training.errors import TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("known", [0.4, 1.0, 3.5])
def test_it_finds_a_temperature_that_is_known(known: float) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0.0, 2.0, (20_000, 4))
    odds = np.exp(logits)
    drawn = (odds / odds.sum(axis=1, keepdims=True)).cumsum(axis=1) > rng.random((20_000, 1))
    truth = drawn.argmax(axis=1)
    got = fit_temperature(known * logits, truth, np.ones(len(truth)))
    assert got == pytest.approx(known, rel=0.05)


def test_a_label_with_few_clips_counts_as_much_as_one_with_many() -> None:
    sure, unsure = np.tile([4.0, -4.0], (90, 1)), np.tile([4.0, -4.0], (10, 1))
    logits, truth = np.concatenate([sure, unsure]), np.array([0] * 90 + [1] * 10)
    equal = 1.0 / np.bincount(truth)[truth]
    assert fit_temperature(logits, truth, equal) > fit_temperature(logits, truth, np.ones(100))


class Ear(nn.Module):
    """Hears a guitar in the loudness of the low bands, a violin in that of the high ones.

    It is as sure of it as the last `steps` frames of the window hold sound.
    """

    def __init__(self, steps: int = 1) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        heard = frames[:, -self.steps :].amin(dim=1)
        low, high = heard[:, :6].amax(dim=1), heard[:, 8:].amax(dim=1)
        return torch.stack([torch.full_like(low, -40.0), low, high], dim=1) / 2.0


def parts_of(folder: Path, silent_s: float = 0.0, labels: tuple[str, ...] = LABELS[1:]) -> Parts:
    made = []
    for label in labels:
        for number in range(4):
            path = folder / f"{label}-{number}.wav"
            write(path, np.pad(sound(label, number, 1.5), (round(silent_s * RATE_HZ), 0)))
            made.append(Example(path, LABELS.index(label), ""))
    return Parts(LABELS, (), tuple(made), ())


def windows_of(parts: Parts, folder: Path, **fit: Any) -> Windows:
    cache = FrameCache(LOG_MEL, folder / "frames")
    cache.fill(example.path for example in parts.validation)
    return Windows(recipe(**fit), cache, parts.train)


def test_what_was_measured_makes_sense(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    calibrated = calibrate_clips(Ear(), parts, windows_of(parts, tmp_path, placement="start"))
    assert calibrated.metrics["windows"] == 4 * len(parts.validation)
    assert calibrated.metrics["accuracy"] == 1.0
    assert calibrated.metrics["hits"] == {"guitar": 1.0, "violin": 1.0}
    assert calibrated.temperature > 0.0
    assert all(0.25 <= on <= 0.9 for on in calibrated.threshold_on)
    for on, off in zip(calibrated.threshold_on, calibrated.threshold_off, strict=True):
        assert off == pytest.approx(HYSTERESIS * on, abs=1e-3)


def test_the_delay_is_how_long_the_net_needs_from_a_sounds_beginning(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, silent_s=0.4)
    windows = windows_of(parts, tmp_path, placement="start")
    lags = [calibrate_clips(Ear(steps), parts, windows).onset_lag_frames for steps in (1, 6, 11)]
    assert lags[1] - lags[0] == pytest.approx(5, abs=1)
    assert lags[2] - lags[1] == pytest.approx(5, abs=1)
    assert lags[0] <= 2


@pytest.mark.parametrize("labels", [(), ("guitar",)])
def test_there_have_to_be_validation_clips_of_two_classes(
    labels: tuple[str, ...], tmp_path: Path
) -> None:
    parts = parts_of(tmp_path, labels=labels)
    windows = windows_of(parts, tmp_path)
    with pytest.raises(TrainingError, match=r"validation clips: are of fewer .* a \[split\]"):
        calibrate_clips(Ear(), parts, windows)


def test_a_threshold_lets_a_twentieth_of_weighted_negatives_pass_within_its_limits() -> None:
    p = np.linspace(0.0, 1.0, 1001)
    even = np.ones(1001)
    assert threshold_of(p * 0.8, even) == pytest.approx(0.76, abs=0.002)
    assert threshold_of(p, even) == 0.9
    assert threshold_of(p * 0.1, even) == 0.4
    # The upper half weighs a tenth: the twentieth lies lower among it.
    light = np.where(p > 0.5, 0.1, 1.0)
    assert threshold_of(p * 0.8, light) == pytest.approx(0.8 * 0.725, abs=0.002)

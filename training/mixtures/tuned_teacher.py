"""The teacher, tuned: mn04 learns to judge our labels in mixtures, and then guides the net.

It brings what it heard in two million recordings of AudioSet, which no stems hold (Howard and
Ruder 2018, "Universal language model fine-tuning", tell why to begin with weights that know more).
It hears our frames, carried over to its own bands, and both past and future; it is never served.
"""

import math
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from instrd.models.frontend import FrontEnd, mel_of
from instrd.training.errors import TrainingError
from instrd.training.mixtures.mixtures import band_centres_hz
from instrd.training.teachers.teacher import (
    FLOOR,
    HOP,
    RATE_HZ,
    kaldi_centres_hz,
    noise_power,
    scaled,
)
from instrd.training.teachers.teacher_net import TeacherNet

Floats = NDArray[np.float32]

STRIDE = 32
"""Frames of the teacher for each of its judgements."""


class TunedTeacher(nn.Module):
    """Maps frames (B, T, bands) in dB to logits of our labels and of the teacher's tags.

    Ours are (B, T, labels), judged every 0.32 s and straight lines between; those of the tags
    (B, tags), of the whole. A front-end that it cannot hear raises `TrainingError`.
    """

    def __init__(self, front_end: FrontEnd, labels: int, teacher: TeacherNet | None = None) -> None:
        """Begin with a teacher's weights, or with any, which a checkpoint then replaces."""
        super().__init__()
        if front_end.kind != "log_mel":
            raise TrainingError("--tune", f"got frames of kind {front_end.kind}, allowed log_mel")
        self._finer = front_end.hop * RATE_HZ / (HOP * front_end.rate_hz)
        if not self._finer.is_integer() or STRIDE % self._finer:
            got = f"got frames every {front_end.hop / front_end.rate_hz} s"
            raise TrainingError("--tune", f"{got}, allowed 0.01 s times 1, 2, 4, 8, 16 or 32")
        teacher = teacher or TeacherNet()
        self.features = teacher.features
        self.classifier = teacher.classifier
        spread, offset = carried_over(front_end)
        self.register_buffer("spread", torch.from_numpy(spread))
        self.register_buffer("offset", torch.from_numpy(offset))
        self.spread: Tensor
        self.offset: Tensor
        last = self.classifier[-1]
        assert isinstance(last, nn.Linear)
        self.head = nn.Linear(last.in_features, labels)

    @property
    def net(self) -> Self:
        """What is kept in the end: all of it."""
        return self

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        heard = self.features(self.hear(frames)).mean(dim=2)
        _, _, narrow, activation, dropout, tags = self.classifier
        each = dropout(activation(narrow(heard.transpose(1, 2))))
        whole = dropout(activation(narrow(heard.mean(dim=2))))
        return self._every_frame(self.head(each), frames.shape[1]), tags(whole)

    def hear(self, frames: Tensor) -> Tensor:
        """Map our frames (B, T, bands) to the teacher's (B, 1, BANDS, frames of 10 ms)."""
        with torch.autocast(frames.device.type, enabled=False):
            powers = frames @ self.spread + self.offset
            floored = torch.logaddexp(powers, powers.new_tensor(math.log(FLOOR)))
            finer = interpolate(floored.transpose(1, 2), scale_factor=self._finer, mode="linear")
            return scaled(finer)[:, None]

    def _every_frame(self, logits: Tensor, frames: int) -> Tensor:
        """Map (B, judgements, labels) to (B, frames, labels)."""
        between = int(STRIDE / self._finer)
        size = between * (logits.shape[1] - 1) + 1
        lines = interpolate(logits.transpose(1, 2), size=size, mode="linear", align_corners=True)
        lines = pad(lines, (0, max(0, frames - size)), mode="replicate")
        return lines[..., :frames].transpose(1, 2)


def carried_over(front_end: FrontEnd) -> tuple[Floats, Floats]:
    """Return the matrix and the offset that make of our decibels the teacher's log powers.

    The matrix, (bands, BANDS), draws lines between the centres of our bands; with the offset,
    (BANDS,), white noise is to the teacher what it would have been. Bands beyond ours are empty.
    """
    ours_hz, theirs_hz = band_centres_hz(front_end), kaldi_centres_hz()
    lines = [np.interp(theirs_hz, ours_hz, one) for one in np.eye(len(ours_hz))]
    spread = np.array(lines) * np.log(10.0) / 10.0
    window_power = 3.0 / 8.0 * front_end.fft  # of a Hann window
    ours_db = 10.0 * np.log10(
        front_end.rate_hz * window_power * mel_of(front_end).sum(axis=0) + 1e-30
    )
    with np.errstate(divide="ignore"):  # the lowest of its bands lie between two bins
        offset = np.log(noise_power()) - ours_db @ spread
    offset[theirs_hz > ours_hz[-1]] = -np.inf
    return spread.astype(np.float32), np.maximum(offset, -100.0).astype(np.float32)

"""Excerpts of recordings that a teacher has heard, drawn at random."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from instrd.training.errors import TrainingError
from instrd.training.teachers.music import (
    FRONT_END,
    STEP_FRAMES,
    WINDOW_FRAMES,
    Music,
    read_music,
    read_second_labels,
    read_tags,
)
from instrd.training.teachers.yamnet import every_frame

Floats = NDArray[np.float32]

_LEAST_DB = -75.0  # an excerpt whose loudest band is lower than this teaches nothing


class Excerpt(NamedTuple):
    """What sounds for some seconds, and what the teacher says of them."""

    frames: Floats
    """(T, bands) in dB."""
    tags: Floats
    """(tags,): the teacher's probabilities."""
    labelled: bool
    """Whether somebody knows better than the teacher what it is."""
    second: Floats
    """(T, labels of the second teacher): its log-odds; NaN where it is not asked."""


class Excerpts:
    """Draws excerpts of `frames` frames, of long recordings more, by the square root.

    There is a recording, and in each an excerpt in which something sounds.
    """

    def __init__(
        self,
        recordings: Sequence[Music],
        tags: tuple[str, ...],
        frames: int,
        second: tuple[str, ...] = (),
    ) -> None:
        if frames > WINDOW_FRAMES:
            reason = f"got {frames}, allowed {WINDOW_FRAMES}: what a teacher hears at once"
            raise TrainingError("segment_frames", reason)
        self.tags = tags
        """The names of the teacher's tags."""
        self.second = second
        """The labels of which a second teacher was asked."""
        self._recordings = recordings
        self._frames = frames
        lengths = np.sqrt([len(one.logits) for one in self._recordings])
        self._odds = lengths / lengths.sum()

    def unlabelled(self) -> "Excerpts | None":
        """Return those of recordings that only the teacher knows; None if there are none.

        They are what plays behind stems, of which no second teacher is asked.
        """
        unknown = [one for one in self._recordings if not one.labelled]
        return Excerpts(unknown, self.tags, self._frames) if unknown else None

    def draw(self, rng: np.random.Generator) -> Excerpt:
        """Return an excerpt in which something sounds."""
        while True:
            recording = self._recordings[int(rng.choice(len(self._recordings), p=self._odds))]
            place = int(rng.integers(len(recording.logits)))
            frames = _excerpt(recording, place, self._frames)
            if _is_heard(frames):
                break
        start = place * STEP_FRAMES
        tags = expit(recording.logits[place].astype(np.float32))
        return Excerpt(
            frames, tags, recording.labelled, self._second(recording, start, len(frames))
        )

    def _second(self, recording: Music, start: int, count: int) -> Floats:
        """Return what a second teacher says of frames, of what nobody knows better."""
        if not self.second or recording.second is None or recording.labelled:
            return np.full((count, len(self.second)), np.nan, np.float32)
        return every_frame(recording.second, start, count, hop=FRONT_END.hop)


def read_excerpts(music: Path, frames: int) -> Excerpts:
    """Return the excerpts of a bank; raises `TrainingError`, of one that is silent too."""
    recordings = [one for one in read_music(music) if _sounds(one, frames)]
    if not recordings:
        raise TrainingError(music, "holds no recording in which anything sounds")
    return Excerpts(recordings, read_tags(music), frames, read_second_labels(music))


def _sounds(recording: Music, frames: int) -> bool:
    """Say whether there is an excerpt of a recording in which something sounds."""
    places = range(len(recording.logits))
    return any(_is_heard(_excerpt(recording, place, frames)) for place in places)


def _excerpt(recording: Music, place: int, frames: int) -> Floats:
    start = place * STEP_FRAMES
    return recording.frames[start : start + frames].astype(np.float32)


def _is_heard(frames: Floats) -> bool:
    return float(frames.max()) > _LEAST_DB

"""Three classifiers behind one face: YAMNet, the teacher mn04, and a bundle of instrd.

YAMNet and the teacher know AudioSet's tags and no label of ours: they are asked zero-shot, a
label being as likely as the likeliest of its tags.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from instrd.models.bundle import Bundle, read_bundle
from instrd.models.classifier import Calibration
from instrd.models.frontend import frames_of
from instrd.models.net import OnnxNet
from instrd.training.errors import TrainingError
from instrd.training.mixtures.evaluation import mean_probabilities
from instrd.training.teachers import yamnet
from instrd.training.teachers.opinions import TAGS
from instrd.training.teachers.teacher import RATE_HZ, Teacher
from instrd.training.teachers.yamnet import YamNet

Floats = NDArray[np.float32]

TAGS_OF_LABEL: Mapping[str, tuple[str, ...]] = {
    **TAGS,
    "drum": (*TAGS["drum"], "Tambourine", "Maraca", "Gong"),
    "trumpet": (*TAGS["trumpet"], "Brass instrument"),
    "violin": (*TAGS["violin"], "Pizzicato"),
    "voice": (
        *("Singing", "Choir", "Yodeling", "Chant", "Child singing", "Synthetic singing"),
        *("Rapping", "Humming", "Vocal music", "A capella", "Speech"),
    ),
}
"""Tags that YAMNet and the teacher share. A tag above several labels (as "Bowed string
instrument") is in no group; one above a single label of the twelve (as "Brass instrument") is."""

TEACHER_WINDOW = 10 * RATE_HZ
"""It learned from clips of 10 s; of a shorter piece it hears no more than there is."""
_TEACHER_LEAST = RATE_HZ
_BATCH = 32


class Peer(Protocol):
    """Says how likely each label is."""

    name: str
    rate_hz: int

    def scores(self, pieces: Floats) -> Floats:
        """Map pieces of sound (n, samples) at `rate_hz` to scores (n, labels)."""


class YamNetPeer:
    """YAMNet: the mean over the windows that cover a piece, its last one ending with it."""

    name = "YAMNet"
    rate_hz = yamnet.RATE_HZ

    def __init__(self, net: YamNet, labels: Sequence[str]) -> None:
        self._net = net
        self._columns = columns_of(labels, net.tags)

    def scores(self, pieces: Floats) -> Floats:
        cut = windows(pieces, yamnet.WINDOW, yamnet.HOP)
        tags = np.array([[self._net.judge(window) for window in piece] for piece in cut])
        return likeliest(tags.mean(axis=1), self._columns)


class TeacherPeer:
    """The teacher: the mean over windows of 10 s."""

    name = "teacher mn04"
    rate_hz = RATE_HZ

    def __init__(self, teacher: Teacher, labels: Sequence[str]) -> None:
        self._teacher = teacher
        self._columns = columns_of(labels, teacher.tags)

    def scores(self, pieces: Floats) -> Floats:
        length = min(TEACHER_WINDOW, max(_TEACHER_LEAST, pieces.shape[1]))
        cut = windows(pieces, length, length)
        flat = cut.reshape(-1, length)
        parts = [
            self._teacher.logits(flat[first : first + _BATCH])
            for first in range(0, len(flat), _BATCH)
        ]
        tags = expit(np.concatenate(parts))
        return likeliest(tags.reshape(*cut.shape[:2], -1).mean(axis=1), self._columns)


class BundlePeer:
    """A bundle of instrd, served as `instrd-train evaluate` does: the mean of all frames."""

    def __init__(self, bundle: Bundle, labels: Sequence[str]) -> None:
        self.name = f"instrd {bundle.manifest.name}"
        self._front_end = bundle.manifest.front_end
        self.rate_hz = self._front_end.rate_hz
        self._net, self._calibration = OnnxNet(bundle), Calibration(bundle.manifest)
        self._columns = [bundle.manifest.labels.index(label) for label in labels]

    def scores(self, pieces: Floats) -> Floats:
        frames = np.stack([frames_of(self._front_end, piece) for piece in pieces])
        return mean_probabilities(self._net, self._calibration, self._front_end, frames)[
            :, self._columns
        ]


def open_bundle(folder: Path) -> tuple[Bundle, list[str]]:
    """Return a bundle and its labels, background left out; raises `TrainingError`."""
    bundle = read_bundle(folder)
    manifest = bundle.manifest
    labels = [label for label in manifest.labels if label not in manifest.background]
    if manifest.kind != "causal" or not set(labels) <= set(TAGS_OF_LABEL):
        known = ", ".join(TAGS_OF_LABEL)
        raise TrainingError(folder, f"got kind {manifest.kind}, allowed causal; labels {known}")
    return bundle, labels


def columns_of(labels: Sequence[str], tags: Sequence[str]) -> list[list[int]]:
    """Return where the tags of each label stand; raises `TrainingError`."""
    wanted = {tag for label in labels for tag in TAGS_OF_LABEL[label]}
    if missing := sorted(wanted - set(tags)):
        raise TrainingError("tags", f"lack {', '.join(missing)}")
    return [[tags.index(tag) for tag in TAGS_OF_LABEL[label]] for label in labels]


def likeliest(tags: Floats, columns: Sequence[Sequence[int]]) -> Floats:
    """Map probabilities of tags (n, tags) to those of labels (n, labels), by maximum."""
    return np.stack([tags[:, group].max(axis=1) for group in columns], axis=1)


def windows(pieces: Floats, length: int, hop: int) -> Floats:
    """Cut pieces (n, samples) into windows (n, m, length) that cover them, filled with zeros."""
    pieces = np.pad(pieces, ((0, 0), (0, max(0, length - pieces.shape[1]))))
    last = pieces.shape[1] - length
    starts = sorted({*range(0, last + 1, hop), last})
    return np.stack([pieces[:, start : start + length] for start in starts], axis=1)

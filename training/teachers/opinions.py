"""What a teacher's AudioSet tags (Gemmeke et al. 2017) say of our labels, where it is sure.

The teacher learned from whole recordings and is no judge of single notes. So its opinion counts
where it hears an instrument, the more the surer it is, and where it hears no music at all; between,
it teaches by its tags alone.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instrd.training.errors import TrainingError

Floats = NDArray[np.float32]

SURE = 0.5
DOUBT = 0.1
"""From here on an instrument that it hears in music counts, little at first and fully if sure."""
NONE = 0.05
NOWHERE = 0.01
"""Less than this of a label is none, in music too: there a bass may go by with 0.05."""
BACKGROUND = "other"
MUSIC = "Music"
SPEECH = "Speech"
TAGS = {
    "bass": ("Bass guitar", "Double bass"),
    "cello": ("Cello",),
    "clarinet": ("Clarinet",),
    "drum": (
        *("Drum kit", "Drum machine", "Drum", "Snare drum", "Rimshot", "Drum roll", "Bass drum"),
        *("Cymbal", "Hi-hat", "Tabla", "Percussion"),
    ),
    "flute": ("Flute",),
    "guitar": (
        *("Guitar", "Electric guitar", "Acoustic guitar", "Steel guitar, slide guitar"),
        *("Strum", "Tapping (guitar technique)"),
    ),
    "organ": ("Organ", "Electronic organ", "Hammond organ"),
    "piano": ("Piano", "Electric piano"),
    "saxophone": ("Saxophone",),
    "trumpet": ("Trumpet",),
    "violin": ("Violin, fiddle",),
    "voice": (
        *("Singing", "Choir", "Yodeling", "Chant", "Male singing", "Female singing"),
        *("Child singing", "Synthetic singing", "Humming", "A capella", "Opera"),
    ),
}
"""The tags that stand for each label."""


def read_tag_names(path: Path) -> tuple[str, ...]:
    """Return the names in a teacher's table of tags, in order; raises `TrainingError`."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return tuple(row["display_name"] for row in csv.DictReader(lines))
    except OSError as error:
        raise TrainingError(path, f"cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise TrainingError(path, f"has no column {error}") from error


def opinion_tags() -> tuple[str, ...]:
    """Return all tags that are asked for."""
    return (MUSIC, SPEECH, *dict.fromkeys(tag for tags in TAGS.values() for tag in tags))


class Opinions:
    """Reads the teacher's probabilities of its `tags` as targets of our `labels`."""

    def __init__(self, tags: Sequence[str], labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        self._music, self._speech = tags.index(MUSIC), tags.index(SPEECH)
        self._columns = [[tags.index(tag) for tag in TAGS.get(label, ())] for label in labels]

    def of(self, probabilities: Floats) -> tuple[Floats, Floats]:
        """Map probabilities (tags,) to targets and weights, (labels,) each.

        What is heard is wanted; without any music only the background is.
        """
        heard = np.array([probabilities[columns].max(initial=0.0) for columns in self._columns])
        if probabilities[self._music] < NONE and not (heard >= NONE).any():
            targets = np.array([label == BACKGROUND for label in self._labels], np.float32)
            return targets, np.ones_like(targets)
        sure = np.clip((heard - DOUBT) / (SURE - DOUBT), 0.0, 1.0).astype(np.float32)
        return (sure > 0.0).astype(np.float32), sure

    def absent(self, probabilities: Floats) -> Floats:
        """Map probabilities (tags,) to 1 where a label is surely not heard, else 0; (labels,).

        Of a label without tags, as the background is, nothing is sure.
        """
        heard = [probabilities[columns].max(initial=0.0) for columns in self._columns]
        known = np.array([bool(columns) for columns in self._columns])
        absent: Floats = (known & (np.array(heard) < NOWHERE)).astype(np.float32)
        return absent

    def is_spoken(self, probabilities: Floats) -> bool:
        """Say whether the teacher heard speech, by its probabilities (tags,)."""
        return bool(probabilities[self._speech] >= NONE)

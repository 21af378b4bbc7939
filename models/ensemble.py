"""Several models that judge together, as one more model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instrd.models.bundle import Manifest
from instrd.models.classifier import Classifier, Frames, Memory
from instrd.models.frontend import FrontEnd

Floats = NDArray[np.float32]
LIKELY = 0.5
"""In a multi-label majority a member votes only for a label at least as probable as this."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A member and how its order of things differs from the ensemble's."""

    name: str
    classifier: Classifier
    front_ends: list[int]
    """Places of its front-ends among the ensemble's."""
    columns: list[int]
    """Place of each of the ensemble's labels among its own."""


class EnsembleClassifier:
    """Lets each member judge its own frames and joins their probabilities by a vote.

    A member that has not judged yet counts as zeros and names no label.
    """

    def __init__(self, manifest: Manifest, members: Sequence[Classifier]) -> None:
        """`members` are in the order of the manifest and have its labels, in any order."""
        self.manifest = manifest
        self.front_ends: tuple[FrontEnd, ...] = tuple(
            dict.fromkeys(front_end for member in members for front_end in member.front_ends)
        )
        self._seats = [self._seat(member) for member in members]
        self._vote = manifest.vote
        self._least = LIKELY if manifest.multi_label else 0.0
        weighted = manifest.vote == "weighted"
        weights = [member.weight if weighted else 1.0 for member in manifest.members]
        # divided in double precision: in single precision small weights would all be 0
        self._weights = (np.array(weights) / sum(weights)).astype(np.float32)

    def start(self) -> Memory:
        kept = [seat.classifier.start() for seat in self._seats]
        return Memory(kept, np.zeros(len(self.manifest.labels), np.float32))

    def feed(self, frames: Sequence[Frames], memories: Sequence[Memory]) -> list[Floats]:
        for number, seat in enumerate(self._seats):
            own = [[stream[place] for place in seat.front_ends] for stream in frames]
            seat.classifier.feed(own, [memory.kept[number] for memory in memories])
        for memory in memories:
            self._join(memory)
        return [memory.judged for memory in memories]

    def _seat(self, member: Classifier) -> Seat:
        labels = member.manifest.labels
        return Seat(
            name=member.manifest.name,
            classifier=member,
            front_ends=[self.front_ends.index(front_end) for front_end in member.front_ends],
            columns=[labels.index(label) for label in self.manifest.labels],
        )

    def _join(self, memory: Memory) -> None:
        pairs = list(zip(self._seats, memory.kept, strict=True))
        judged = np.stack([kept.judged[seat.columns] for seat, kept in pairs])
        likeliest = judged.argmax(axis=1).tolist()
        mean = self._weights @ judged
        memory.judged = majority(judged, mean, self._least) if self._vote == "majority" else mean
        memory.votes = {
            seat.name: self.manifest.labels[label]
            for (seat, kept), label in zip(pairs, likeliest, strict=True)
            if kept.judged.any()
        }


def majority(judged: Floats, mean: Floats, least: float) -> Floats:
    """Return the share of votes of each label, (labels,), for `judged` (members, labels).

    Each member has one vote, for its likeliest label if that is at least as probable as `least`.
    Their mean probability counts as one vote more, spread over the labels: it never outvotes a
    whole vote but decides between equals, and what sums to one still does.
    """
    votes = np.zeros_like(judged)
    likeliest = judged.argmax(axis=1)
    strongest = judged.max(axis=1)
    votes[np.arange(len(judged)), likeliest] = (strongest >= least) & (strongest > 0.0)
    shares: Floats = (votes.sum(axis=0) + mean) / np.float32(len(judged) + 1)
    return shares

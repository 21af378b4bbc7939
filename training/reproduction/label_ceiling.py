"""How many test clips a perfect learner of a faulty train table can get right."""

from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import msgspec

from instrd.training.audit.labels import labels_by_file
from instrd.training.folders.labelled_folder import LabelledFolder


class ClassCeiling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the published rows teach of one true class, and what that allows on its test clips."""

    label: str
    files: int
    """Train files that truly are of this class."""
    unlisted: int
    """Of them, those under no published row."""
    taught: dict[str, float]
    """Published label -> its share of the listed files; a file under two labels is split evenly."""
    tests: int
    expected: float
    worst: int
    best: int

    @property
    def tied(self) -> bool:
        """Whether equally many rows speak for another label."""
        return self.worst < self.best

    @property
    def lost(self) -> bool:
        """Whether no test clip can be right."""
        return self.tests > 0 and self.best == 0


class LabelCeiling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The test clips that published labels allow to be right, however ties are broken."""

    classes: tuple[ClassCeiling, ...]

    @property
    def tests(self) -> int:
        return sum(row.tests for row in self.classes)

    @property
    def expected(self) -> float:
        return sum(row.expected for row in self.classes)

    @property
    def worst(self) -> int:
        return sum(row.worst for row in self.classes)

    @property
    def best(self) -> int:
        return sum(row.best for row in self.classes)


def label_ceiling(published: LabelledFolder, corrected: LabelledFolder) -> LabelCeiling:
    """Return what the published train rows allow, the corrected labels being the truth.

    The learner knows the true class of every sound and names the label that most published rows
    give its files; of labels that tie it takes any. What no row names it cannot name.
    """
    said = labels_by_file(clip for clip in published.clips if clip.part == "train")
    true = labels_by_file(clip for clip in corrected.clips if clip.part == "train")
    tests = Counter(clip.label for clip in corrected.clips if clip.part == "test")
    return LabelCeiling(
        tuple(_class_ceiling(label, true, said, tests[label]) for label in corrected.classes)
    )


def _class_ceiling(
    label: str, true: dict[Path, set[str]], said: dict[Path, set[str]], tests: int
) -> ClassCeiling:
    own = [path for path, labels in true.items() if label in labels]
    shares: dict[str, Fraction] = defaultdict(Fraction)
    for path in own:
        for name in said.get(path, ()):
            shares[name] += Fraction(1, len(said[path]) * len(true[path]))
    total, most = sum(shares.values()), max(shares.values(), default=Fraction(0))
    likeliest = {name for name, share in shares.items() if share == most}
    odds = Fraction(label in likeliest, max(len(likeliest), 1))
    return ClassCeiling(
        label=label,
        files=len(own),
        unlisted=sum(path not in said for path in own),
        taught={name: float(share / total) for name, share in sorted(shares.items())},
        tests=tests,
        expected=float(tests * odds),
        worst=tests if odds == 1 else 0,
        best=tests if odds > 0 else 0,
    )

"""What an audit can find, and which of it contradicts."""

from collections import Counter
from typing import Literal

import msgspec

Kind = Literal[
    "file under two labels",
    "sound under two labels",
    "sound in train and test",
    "takes in train and test",
    "class without a file",
    "class contradicted throughout",
    "row without file",
    "silent file",
    "unreadable file",
    "file without row",
    "sound twice",
    "clipped file",
    "shortcut to the label",
    "odd spelling",
    "class that no recipe can name",
]
CONTRADICTIONS: tuple[Kind, ...] = (
    "file under two labels",
    "sound under two labels",
    "sound in train and test",
    "takes in train and test",
    "class without a file",
    "class contradicted throughout",
    "row without file",
    "silent file",
)
"""Training on these learns or measures something false; the other kinds are worth a look."""


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is wrong; `files` are relative to the folder."""

    kind: Kind
    what: str
    files: tuple[str, ...] = ()

    @property
    def contradicts(self) -> bool:
        return self.kind in CONTRADICTIONS


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an audit found in one folder."""

    folder: str
    layout: str
    labels: str
    rows: dict[str, dict[str, int]]
    """Label -> part -> number of rows; the part is "" where the folder names none."""
    files: int
    seconds: float
    """Of sound, in all readable files together."""
    findings: tuple[Finding, ...]

    @property
    def contradicts(self) -> bool:
        return any(finding.contradicts for finding in self.findings)

    def counts(self) -> Counter[Kind]:
        """Return how often each kind was found."""
        return Counter(finding.kind for finding in self.findings)

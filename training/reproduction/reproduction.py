"""What reproducing the paper came to: every run, and what the folder says about its labels."""

from pathlib import Path
from typing import Literal

import msgspec

from instrd.training.clips.recipe import ClipRecipe
from instrd.training.folders.labelled_folder import Labels
from instrd.training.reproduction.label_ceiling import LabelCeiling
from instrd.training.results import RunResult
from instrd.training.struct_files import read_json, write_json

REPRODUCTION = "reproduction.json"
Family = Literal["paper", "ours"]


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the folder says under one reading of its labels."""

    labels: Labels
    counts: dict[str, dict[str, int]]
    """Label -> part -> rows."""
    doubled: int
    """Files under two labels."""
    leaking: tuple[str, ...]
    """Test files of which other takes are in train, relative to the folder."""

    @property
    def train_rows(self) -> int:
        return sum(parts.get("train", 0) for parts in self.counts.values())

    @property
    def test_rows(self) -> int:
        return sum(parts.get("test", 0) for parts in self.counts.values())


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One run, or one way to join the runs of a seed into an ensemble."""

    family: Family
    labels: Labels
    model: str
    seed: int
    """Counted from 0; the recipe's own seed is added to it."""
    recipe: ClipRecipe | None
    """None of an ensemble."""
    result: RunResult
    """Without its answers to the validation clips, of which the next two remain."""
    validation_right: int = 0
    validation_clips: int = 0


class Reproduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that a report tells; with fewer trials than planned while it is under way."""

    data: str
    """Name of the folder."""
    notice: str
    """What the folder's own README.txt says if it is not the data set, else empty."""
    facts: tuple[Facts, ...]
    ceiling: LabelCeiling | None
    """None where the folder has no corrected labels."""
    planned: int
    """Runs, ensembles not counted."""
    trials: tuple[Trial, ...] = ()

    @property
    def runs(self) -> int:
        return sum(trial.recipe is not None for trial in self.trials)

    def facts_of(self, labels: Labels) -> Facts:
        return next(facts for facts in self.facts if facts.labels == labels)


def write_reproduction(run: Path, reproduction: Reproduction) -> None:
    write_json(run / REPRODUCTION, reproduction)


def read_reproduction(run: Path) -> Reproduction:
    """Return what a reproduction has come to so far; raises `TrainingError`."""
    missing = f"holds no reproduction: no {REPRODUCTION}"
    return read_json(run / REPRODUCTION, Reproduction, missing)

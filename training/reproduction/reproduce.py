"""Reproduces the paper: its recipes and ours, on published and corrected labels, several seeds."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from instrd.training.audit.labels import label_findings, labels_by_file
from instrd.training.clips.recipe import ClipRecipe
from instrd.training.folders.labelled_folder import LabelledFolder, Labels, name_below, text_of
from instrd.training.folders.layouts import read_folder
from instrd.training.reproduction.label_ceiling import label_ceiling
from instrd.training.reproduction.reproduction import (
    Facts,
    Family,
    Reproduction,
    Trial,
    write_reproduction,
)
from instrd.training.reproduction.vote import Rule, vote
from instrd.training.results import METRICS, RunResult

NOT_THE_DATA_SET = "This is NOT the data set"
ENSEMBLES: dict[str, Rule] = {
    "ensemble": "weighted",
    "ensemble, majority": "majority",
    "ensemble, mean p": "mean p",
}
"""The first is the one that tables show beside the models."""

Fit = Callable[[ClipRecipe, LabelledFolder, Path], RunResult]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run to come."""

    family: Family
    labels: Labels
    seed: int
    recipe: ClipRecipe

    @property
    def folder(self) -> str:
        return f"{self.family}-{self.labels}-{self.recipe.architecture}-seed{self.seed}"


Watch = Callable[[list[Plan]], Iterable[Plan]]


def reproduce(
    data: Path,
    run: Path,
    *,
    paper_recipes: Sequence[ClipRecipe],
    our_recipes: Sequence[ClipRecipe],
    labels: Sequence[Labels] = ("published", "corrected"),
    seeds: int = 3,
    fit: Fit,
    watch: Watch = iter,
    finished_only: bool = False,
) -> Reproduction:
    """Run every recipe on every reading of the labels, a seed at a time; raises `TrainingError`.

    `fit` returns at once what a finished run folder holds, so calling this again goes on. What
    there is so far lies in the run folder after every run. `finished_only` trains nothing and takes
    the groups (recipes, labels, seed) of which every run is finished.
    """
    folders = {reading: read_folder(data, reading) for reading in labels}
    families: dict[Family, Sequence[ClipRecipe]] = {"paper": paper_recipes, "ours": our_recipes}
    groups = [
        [Plan(family, reading, seed, recipe) for recipe in recipes]
        for seed in range(seeds)
        for family, recipes in families.items()
        for reading in labels
    ]
    planned = sum(map(len, groups))
    if finished_only:
        groups = [g for g in groups if all((run / p.folder / METRICS).is_file() for p in g)]
    plans = [plan for group in groups for plan in group]
    last = {group[-1].folder for group in groups if len(group) > 1}
    reproduction = _before(data, folders, planned)
    run.mkdir(parents=True, exist_ok=True)
    write_reproduction(run, reproduction)
    group_of: dict[tuple[Family, Labels, int], list[Trial]] = defaultdict(list)
    for plan in watch(plans):
        trial = _trial(plan, fit, folders[plan.labels], run)
        group = group_of[plan.family, plan.labels, plan.seed]
        group.append(trial)
        joined = _ensembles(group) if plan.folder in last else []
        trials = (*reproduction.trials, trial, *joined)
        reproduction = msgspec.structs.replace(reproduction, trials=trials)
        write_reproduction(run, reproduction)
    return reproduction


def _before(data: Path, folders: dict[Labels, LabelledFolder], planned: int) -> Reproduction:
    """Return what can be said before anything is trained."""
    readme = data / "README.txt"
    says = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    ceiling = None
    if any(folder.layout == "kaggle" for folder in folders.values()):
        ceiling = label_ceiling(read_folder(data, "published"), read_folder(data, "corrected"))
    return Reproduction(
        data=text_of(data.resolve().name),
        notice=says if says.startswith(NOT_THE_DATA_SET) else "",
        facts=tuple(_facts(reading, folder) for reading, folder in folders.items()),
        ceiling=ceiling,
        planned=planned,
    )


def _facts(reading: Labels, folder: LabelledFolder) -> Facts:
    counts: dict[str, dict[str, int]] = {label: defaultdict(int) for label in folder.classes}
    for clip in folder.clips:
        counts[clip.label][clip.part] += 1
    tests = {name_below(folder.root, c.path) for c in folder.clips if c.part == "test"}
    findings = list(label_findings(folder, set()))
    cut = {f for found in findings if found.kind == "takes in train and test" for f in found.files}
    return Facts(
        labels=reading,
        counts={label: dict(parts) for label, parts in counts.items()},
        doubled=sum(len(found) > 1 for found in labels_by_file(folder.clips).values()),
        leaking=tuple(sorted(cut & tests)),
    )


def _trial(plan: Plan, fit: Fit, folder: LabelledFolder, run: Path) -> Trial:
    recipe = msgspec.structs.replace(plan.recipe, seed=plan.recipe.seed + plan.seed)
    result = fit(recipe, folder, run / plan.folder)
    return Trial(
        family=plan.family,
        labels=plan.labels,
        model=recipe.architecture,
        seed=plan.seed,
        recipe=recipe,
        result=msgspec.structs.replace(result, validation=()),
        validation_right=sum(result.named(a) == a.label for a in result.validation),
        validation_clips=len(result.validation),
    )


def _ensembles(group: list[Trial]) -> list[Trial]:
    results = [trial.result for trial in group]
    weights = [
        t.validation_right / t.validation_clips if t.validation_clips else 0.0 for t in group
    ]
    first = group[0]
    return [
        Trial(
            family=first.family,
            labels=first.labels,
            model=model,
            seed=first.seed,
            recipe=None,
            result=vote(results, weights, rule),
        )
        for model, rule in ENSEMBLES.items()
    ]

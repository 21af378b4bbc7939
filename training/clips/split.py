"""Which clips a net is trained on, which tell when to stop, and which measure it."""

import fnmatch
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from glob import escape
from pathlib import Path

import msgspec
import numpy as np

from instrd.training.clips.recipe import ClipRecipe
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import Clip, LabelledFolder, Part, name_below, text_of

_TEST_SEED = 0


@dataclass(frozen=True, slots=True)
class Example:
    """One clip and the index of its label among the recipe's."""

    path: Path
    label: int
    group: str


@dataclass(frozen=True, slots=True)
class Parts:
    """The examples of a run; a group lies in one part only, unless its folder names the parts."""

    labels: tuple[str, ...]
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]


def divide(clips: Sequence[Clip], recipe: ClipRecipe) -> Parts:
    """Divide clips as their folders say, else as the recipe does; raises `TrainingError`.

    Labels that are not the recipe's become its `other`; without one they are left out. A label
    of the recipe without a clip to train on is an error.
    """
    known = set(recipe.labels)
    others = any(clip.label not in known for clip in clips) and bool(recipe.other)
    labels = (*recipe.labels, recipe.other) if others else recipe.labels
    parts: dict[str, list[Example]] = defaultdict(list)
    for clip in clips:
        if label := name_of(clip.label, recipe):
            example = Example(clip.path, labels.index(label), group_of(clip))
            parts[part_of(clip, recipe)].append(example)
    train, split = parts["train"], recipe.split
    clips_of = Counter(example.label for example in train)
    if split.test_share and not parts["test"] and not any(clip.part for clip in clips):
        train, parts["test"] = _share(train, clips_of, split.test_share, _TEST_SEED)
    if not parts["validation"] and split.validation_share:
        train, parts["validation"] = _share(train, clips_of, split.validation_share, recipe.seed)
    if empty := [name for place, name in enumerate(labels) if place not in _labels_of(train)]:
        raise TrainingError("training clips", f"no readable file of class {', '.join(empty)}")
    return Parts(labels, tuple(train), tuple(parts["validation"]), tuple(parts["test"]))


def part_of(clip: Clip, recipe: ClipRecipe) -> Part:
    """Return the part that a clip's folder gives it, else the one whose pattern it matches."""
    if clip.part:
        return clip.part
    name = clip.group or text_of(str(clip.path))
    if _any_of(recipe.split.test).match(name):
        return "test"
    return "validation" if _any_of(recipe.split.validation).match(name) else "train"


@cache  # there may be as many patterns as clips
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or "(?!)")


def naming_tests(recipe: ClipRecipe, folder: LabelledFolder, parts: Parts) -> ClipRecipe:
    """Return a recipe whose patterns name the test clips that were drawn for a run of it.

    So they are the same in every folder that holds them, whatever else has come to it.
    """
    if any(part_of(clip, recipe) == "test" for clip in folder.clips):
        return recipe
    patterns = {
        f"*{escape(name_below(folder.root, test.path))}"
        if test.group == str(test.path)
        else escape(test.group)
        for test in parts.test
    }
    split = msgspec.structs.replace(recipe.split, test=(*recipe.split.test, *sorted(patterns)))
    return msgspec.structs.replace(recipe, split=split)


def name_of(label: str, recipe: ClipRecipe) -> str:
    """Return the label under which a recipe learns another; "" if it leaves that out."""
    return label if label in recipe.labels else recipe.other


def unnamed(clips: Iterable[Clip], recipe: ClipRecipe) -> dict[str, int]:
    """Count the clips of each label that a recipe does not name, not even as its `other`."""
    known = {*recipe.labels, recipe.other}
    return dict(sorted(Counter(clip.label for clip in clips if clip.label not in known).items()))


def group_of(clip: Clip) -> str:
    """Return the clip's group; one that has none is a group by itself."""
    return clip.group or str(clip.path)


def _labels_of(examples: Iterable[Example]) -> set[int]:
    return {example.label for example in examples}


def _share(
    train: list[Example], clips_of: Mapping[int, int], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Take a share of each label's clips in whole groups, drawn by the seed; no file is cut."""
    group_of = {example.path: example.group for example in reversed(train)}
    rng = np.random.default_rng(seed)
    chosen: set[str] = set()
    for label in sorted(_labels_of(train)):
        own = [group_of[example.path] for example in train if example.label == label]
        wanted = share * clips_of[label]
        names = sorted(set(own))
        taken = sum(group in chosen for group in own)
        for place in rng.permutation(len(names)):
            size = own.count(names[place])
            if names[place] not in chosen and taken + size <= 1.5 * wanted:
                chosen.add(names[place])
                taken += size
            if taken >= wanted:
                break
    kept = [example for example in train if group_of[example.path] not in chosen]
    return kept, [example for example in train if group_of[example.path] in chosen]

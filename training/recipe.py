"""A recipe: everything that decides what a training run makes, in one TOML file."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from instrd.models.bundle import Contrast, Label, Probability
from instrd.models.frontend import FrontEnd
from instrd.training.errors import TrainingError
from instrd.training.struct_files import read_toml

RECIPE = "recipe.json"
"""In a run folder: the recipe that it is of, there from the start."""

Count = Annotated[int, Meta(gt=0)]
Positive = Annotated[float, Meta(gt=0.0)]


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is never trained on: whole sources, whole kinds, and single (source, label) pairs."""

    sources: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    pairs: tuple[tuple[str, Label], ...] = ()
    relabel: dict[str, Label] = {}
    """Kinds whose clips are to be learned as another label than the pool's."""

    def holds_out(self, *, source: str, kind: str, label: str) -> bool:
        return source in self.sources or kind in self.kinds or (source, label) in self.pairs


class Stems(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much sound is rendered before training."""

    soundfonts: tuple[str, ...]
    minutes_midi: Positive
    """Per label and soundfont."""
    minutes_pool_most: Positive
    """Per label and source; a source gives at most `repeats` times its own length."""
    repeats: Positive
    calibrate_share: Probability
    """Of the notes and performances of every source; heard by the calibration alone."""


class Mixing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How segments are mixed from stems."""

    segment_frames: Count
    stems_odds: tuple[float, ...]
    """Odds of 0, 1, 2, ... stems in a segment."""
    gain_db: Positive
    """Stems lie within +- this of each other."""
    level_dbfs: tuple[float, float]
    """Lowest and highest level of a whole segment."""
    hold_frames: Count
    """How long a stem counts as sounding after its last loud frame."""
    onset_frames: Count
    """Frames of an onset that are not judged."""
    accompanied: Probability = 0.0
    """Share of the segments with stems that have music behind them, where a teacher heard some."""
    quiet_target: Probability = 1.0
    """What is wanted of a label that can only just be heard below others; alone it is 1."""
    tones: Probability = 0.0
    """Share of the segments in which hum, tones and signals are all there is."""
    late: Probability = 0.0
    """Share of the steps in which a net misses a quarter or half of its segments; guides do not."""


Part = Literal["train", "calibrate", "held_out"]
"""Of a stem bank: most notes and scores of the known sources, the rest of them, other sources."""
PARTS: tuple[Part, ...] = ("train", "calibrate", "held_out")


class Fit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the net is fitted."""

    steps: Count
    batch: Count
    rate_most: Positive
    """Of AdamW."""
    matrix_rate_most: Positive
    """Of Muon, which moves the matrices of hidden layers."""
    weight_decay: Positive
    positive_weight: Positive
    lessons: Annotated[int, Meta(ge=0)]
    """Windows of music that each step takes beside its batch, where a teacher heard some."""
    tags_weight: Annotated[float, Meta(ge=0.0)]
    """How much the teacher's own tags count."""
    lessons_weight: Annotated[float, Meta(ge=0.0)]
    """How much the teacher's opinion of our labels counts."""
    average: Probability
    """Decay of the moving average of the weights, per step."""
    compiled: bool = False
    """By torch's inductor: a minute at the start, then a third faster; needs a C++ compiler."""
    parts: tuple[Part, ...] = ("train",)


class YamNetShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much YAMNet counts beside guides, in lessons of recordings that it has heard."""

    share: Probability
    raised: float
    """Added to its log-odds."""


class Guide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wider nets, fitted first, whose judgement of every frame the net then learns too."""

    steps: Count
    wide: Count
    """Times the net's width."""
    weight: Annotated[float, Meta(ge=0.0)]
    """How much their judgement counts."""
    ahead_frames: Count = 1
    """Of lessons, frames from each on whose mean is learned in it: later on guides are surer."""
    yamnet: YamNetShare | None = None


class Tune(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the teacher itself is fitted to mixtures, so that it can guide too."""

    steps: Count
    batch: Count
    lessons: Annotated[int, Meta(ge=0)]
    rate_most: Positive
    """Of AdamW, which moves all of it."""
    tags_weight: Annotated[float, Meta(ge=0.0)]
    """How much it counts that it still hears the tags that it heard before."""


class Finish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a fitted and measured net goes on, with all parts of the bank, to what is shipped."""

    steps: Count
    share: Probability
    """Of the fit's learning rates."""


class Last(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A few steps after all others, mostly of lessons, beside guides that are surer of them."""

    steps: Count
    batch: Count
    lessons: Annotated[int, Meta(ge=0)]
    share: Probability
    """Of the fit's learning rates."""


class Serving(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How thresholds are chosen."""

    false_alarms: Probability
    """Share of the frames without a label, of mixtures, that may show it."""
    unmusical_alarms: Probability
    """Share of the frames of speech and noises that may show a label."""
    hysteresis: Probability
    """threshold_off is this share of threshold_on."""
    contrast: dict[Label, Contrast] = {}
    """Log-odds that a surer label takes (models/contrast.py); from those not named, none."""
    background_contrast: Probability = 0.0
    """Share of it that background takes."""


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of a training run apart from where its data lie."""

    name: Label
    description: str
    seed: int
    labels: tuple[Label, ...]
    background: tuple[Label, ...]
    split: Split
    front_end: FrontEnd
    stems: Stems
    mixing: Mixing
    fit: Fit
    finish: Finish
    serving: Serving
    guide: Guide | None = None
    tune: Tune | None = None
    last: Last | None = None
    wide: Count = 1
    """Times the width of the net that is served."""
    tuned: bool = False
    """Whether it is the teacher that is fitted, not a net of ours."""


def finishing(recipe: Recipe) -> Recipe:
    """Return the recipe by which a run of this one is finished with everything there is."""
    fit = _slower(recipe.fit, recipe.finish.share)
    fit = msgspec.structs.replace(fit, steps=recipe.finish.steps, parts=PARTS)
    return msgspec.structs.replace(recipe, fit=fit)


def ending(recipe: Recipe, parts: tuple[Part, ...]) -> Recipe:
    """Return the recipe of the last steps, of some parts; raises `TrainingError`.

    Its seed is another, so that they hear other segments than the first ones did.
    """
    if recipe.last is None:
        raise TrainingError("--last", f"the recipe {recipe.name} has no [last]")
    last = recipe.last
    fit = msgspec.structs.replace(
        _slower(recipe.fit, last.share),
        steps=last.steps,
        batch=last.batch,
        lessons=last.lessons,
        parts=parts,
    )
    return msgspec.structs.replace(recipe, fit=fit, seed=recipe.seed + 1)


def _slower(fit: Fit, share: float) -> Fit:
    """Return a fit at a share of its learning rates."""
    rates = {"rate_most": fit.rate_most, "matrix_rate_most": fit.matrix_rate_most}
    return msgspec.structs.replace(fit, **{name: share * rate for name, rate in rates.items()})


def guiding(recipe: Recipe) -> Recipe:
    """Return the recipe of the wider net that guides this one's; raises `TrainingError`."""
    if recipe.guide is None:
        raise TrainingError("--wide", f"the recipe {recipe.name} has no [guide]")
    fit = msgspec.structs.replace(recipe.fit, steps=recipe.guide.steps)
    return msgspec.structs.replace(recipe, fit=fit, wide=recipe.guide.wide)


def tuning(recipe: Recipe) -> Recipe:
    """Return the recipe by which the teacher learns to guide; raises `TrainingError`."""
    if recipe.tune is None:
        raise TrainingError("--tune", f"the recipe {recipe.name} has no [tune]")
    fit = msgspec.structs.replace(recipe.fit, **msgspec.structs.asdict(recipe.tune))
    return msgspec.structs.replace(recipe, fit=fit, tuned=True)


def read_recipe(path: Path) -> Recipe:
    """Check a recipe file and return it; raises `TrainingError`."""
    return read_toml(path, Recipe)

"""A recipe for a net that gives a clip one label: all that decides a run, in one TOML file."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from instrd.models.bundle import NAME, NAME_IN_WORDS, Label, Probability
from instrd.models.frontend import FrontEnd
from instrd.training.errors import TrainingError
from instrd.training.struct_files import read_toml

Count = Annotated[int, Meta(gt=0)]
Positive = Annotated[float, Meta(gt=0.0)]
NotNegative = Annotated[float, Meta(ge=0.0)]
Architecture = Literal["cnn", "lstm", "svm", "resnet18", "transformer"]


class ClipSplit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which groups of clips are not trained on, where the folder itself does not say.

    Patterns as of the shell over group names, such as `*: Philharmonia` (docs/audit.md says what
    a group is), or over the path of a clip that has none. A group is never cut.
    """

    test: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test_share: Probability = 0.15
    """Share of each label's clips, in whole groups, where no pattern names any and no folder any
    part. Whatever the seed they are the same, so that runs can be compared, and vote."""
    validation_share: Probability = 0.0
    """Likewise where nothing is for validation, and drawn by the seed."""


class Augmentation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to the frames of a window before the net sees them; nothing by default."""

    chain_odds: Probability = 0.0
    """Odds that further clips of the same label and group are laid over and behind the first."""
    gain_db: NotNegative = 0.0
    """The level falls by up to this."""
    tone_odds: Probability = 0.0
    """Odds of a random equaliser, at times with band limits."""
    noise_odds: Probability = 0.0
    """Odds of steady noise, 5 to 60 dB below the sound."""
    room_odds: Probability = 0.0
    """Odds of a room: every band decays over 0.1 to 1.3 s."""
    mask_odds: Probability = 0.0
    """Odds of one stretch of time and one of bands being blanked (Park et al. 2019)."""


class ClipFit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the net is fitted."""

    epochs: Count
    """Passes over the clips; of an SVM, how many windows of each clip it sees."""
    batch: Count = 32
    optimiser: Literal["adam", "adamw"] = "adamw"
    rate: Positive = 1e-3
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    weight_decay: NotNegative = 0.01
    label_smoothing: Probability = 0.0
    placement: Literal["start", "random"] = "random"
    """Where a window is cut: from the start of the clip, padded or cut off; or anywhere."""
    balanced: bool = True
    """Draw labels equally often, and the groups of a label by the root of their size."""
    other_share: Probability = 0.2
    """Of balanced drawing: share of the windows that show `other`."""
    patience: Annotated[int, Meta(ge=0)] = 0
    """Stop after so many epochs without a lower validation loss; 0: never."""
    keep_best: bool = False
    """Keep the weights of the epoch of lowest validation loss, else the last."""
    average: Probability = 0.0
    """Decay of a moving average of the weights, per step, which is what is kept; 0: none."""
    bfloat16: bool = False
    """Multiply in half width on a CPU too, for those that do it fast; a GPU always does."""
    svm_c: Positive = 1.0


class ClipRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of a training run apart from where its data lie."""

    name: Label
    description: str
    seed: Annotated[int, Meta(ge=0)]
    labels: tuple[Label, ...]
    architecture: Architecture
    front_end: FrontEnd
    window_frames: Count
    fit: ClipFit
    other: Annotated[str, Meta(pattern=rf"^({NAME.pattern})?\Z", description=NAME_IN_WORDS)] = ""
    """Label under which all other labels of the folder are trained; empty: they are left out."""
    network: dict[str, Any] = {}
    """The net's own parameters."""
    split: ClipSplit = ClipSplit()
    augmentation: Augmentation = Augmentation()


def read_clip_recipe(path: Path) -> ClipRecipe:
    """Check a recipe file and return it; raises `TrainingError`."""
    recipe = read_toml(path, ClipRecipe)
    outputs = [*recipe.labels, *([recipe.other] if recipe.other else [])]
    if len(outputs) < 2 or len(set(outputs)) < len(outputs):
        got = f"got {', '.join(outputs) or 'none'}"
        raise TrainingError(path, f"labels and other: {got}, allowed: two or more, each once")
    return recipe

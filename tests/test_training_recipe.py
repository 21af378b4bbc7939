from pathlib import Path

import pytest

from instrd.training.errors import TrainingError
from instrd.training.recipe import Split, read_recipe

BASE = Path(__file__).parent.parent / "training" / "recipes" / "base.toml"


def test_the_base_recipe_is_valid_and_holds_out_the_test_sources() -> None:
    recipe = read_recipe(BASE)
    assert recipe.background == ("other",)
    assert len(recipe.split.sources) == 5


def test_an_unknown_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(BASE.read_text().replace("hold_frames", "hold_seconds"))
    with pytest.raises(TrainingError, match=r"toml: mixing\.hold_seconds: is not a setting; "):
        read_recipe(wrong)


def test_a_wrong_value_is_an_error_that_says_where(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    right = f"batch = {read_recipe(BASE).fit.batch}"
    wrong.write_text(BASE.read_text().replace(right, "batch = 0"))
    with pytest.raises(TrainingError, match=r"fit\.batch"):
        read_recipe(wrong)


def test_a_missing_recipe_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none\.toml: cannot be read"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("source", "kind", "label", "held"),
    [
        ("unseen", "notes", "piano", True),
        ("seen", "speech", "voice", True),
        ("half", "sounds", "other", True),
        ("half", "notes", "voice", False),
        ("seen", "notes", "piano", False),
    ],
)
def test_sources_kinds_and_pairs_are_held_out(
    source: str, kind: str, label: str, held: bool
) -> None:
    split = Split(("unseen",), ("speech",), (("half", "other"),))
    assert split.holds_out(source=source, kind=kind, label=label) is held

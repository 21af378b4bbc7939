import argparse
from pathlib import Path

import ablation
import msgspec
import numpy as np
import pytest
from ablation import VARIANTS, fit_variant, measure_runs, windows
from small_run import BASE, small_music

from instrd.training.mixtures.fitted import recipe_of
from instrd.training.recipe import PARTS, Recipe, read_recipe
from instrd.training.stems.stem_jobs import TONES
from instrd.training.stems.stems import BANK, BANK_SPLIT, Track
from instrd.training.struct_files import write_json

ORIGINS = ("a library", "a library, played", "FluidR3_GM", TONES)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bank with a track of each origin, flutes loud in some bands and pianos in others."""
    folder = tmp_path_factory.mktemp("stems")
    rng = np.random.default_rng(5)
    tracks = []
    for part in PARTS:
        for origin in ORIGINS:
            for label, band in (("flute", 60), ("piano", 20)):
                rows = rng.normal(-80.0, 1.0, (400, 81))
                rows[:, band : band + 5] += 60.0
                rows[:, -1] = -10.0
                file = f"{part}-{origin}-{label}.npy"
                np.save(folder / file, rows.astype(np.float16))
                tracks.append(Track(file, label, origin, part, len(rows)))
    write_json(folder / BANK, tracks)
    write_json(folder / BANK_SPLIT, read_recipe(BASE).split)
    return folder


def options(folder: Path, bank: Path, variant: str) -> argparse.Namespace:
    plain = folder / "plain.toml"
    plain.write_text(BASE.read_text().replace("compiled = true", "compiled = false"))
    music = folder / "music"
    if not music.exists():
        small_music(music)
    run = folder / variant
    return argparse.Namespace(
        recipe=plain, stems=bank, music=music, run=run, steps=1, batch=3, workers=1
    )


def kept(variant: str, bank: Path, recipe: Recipe) -> set[str]:
    tracks = msgspec.json.decode((bank / BANK).read_bytes(), type=list[Track])
    return {track.origin for track in tracks if VARIANTS[variant].keep(track, recipe)}


def test_a_variant_lacks_the_stems_that_it_is_named_for(bank: Path) -> None:
    recipe, everything = read_recipe(BASE), set(ORIGINS)
    assert kept("all", bank, recipe) == everything
    assert kept("no-soundfonts", bank, recipe) == everything - {"FluidR3_GM"}
    assert kept("no-notes", bank, recipe) == {"FluidR3_GM", TONES}
    assert kept("no-played-notes", bank, recipe) == everything - {"a library, played"}
    assert kept("no-made-up", bank, recipe) == everything - {TONES}


def test_variants_are_fitted_alike_but_for_their_change_and_then_measured(
    tmp_path: Path, bank: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ablation, "MOST_BATCHES", 1)
    names = ("all", "no-mixtures", "no-effects", "no-teacher", "twice-as-wide")
    for name in names:
        fit_variant(VARIANTS[name], options(tmp_path, bank, name))
    recipes = {name: recipe_of(tmp_path / name) for name in names}
    assert all(recipe.fit == recipes["all"].fit for recipe in recipes.values())
    assert recipes["no-mixtures"].mixing.stems_odds == (0.06, 0.94)
    assert recipes["twice-as-wide"].wide == 2
    capsys.readouterr()
    measure_runs([tmp_path / name for name in names[3:]], bank)
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == list(names[3:])
    assert all(0.0 <= float(share.rstrip("%")) <= 100.0 for r in rows for share in r.split()[1:])


def test_workers_that_would_mix_with_all_effects_are_refused(
    tmp_path: Path, bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "get_start_method", lambda: "spawn")
    chosen = options(tmp_path, bank, "no-effects")
    with pytest.raises(SystemExit, match="give --workers 0"):
        fit_variant(VARIANTS["no-effects"], chosen)
    chosen.workers = 0
    fit_variant(VARIANTS["no-effects"], chosen)


def test_windows_are_of_what_plays_and_no_other_instrument(bank: Path) -> None:
    recipe = read_recipe(BASE)
    flute, piano = (recipe.labels.index(label) for label in ("flute", "piano"))
    found = []
    for frames, wanted in windows(recipe, bank, (0.0, 1.0), 50):
        assert frames.shape[1:] == (50, 80)
        found += [
            (label, row[:, 60:65].mean() > row[:, 20:25].mean())
            for row, label in zip(frames, wanted, strict=True)
        ]
    assert len(found) > 100
    assert {label for label, _ in found} == {flute, piano}
    right = [high == (label == flute) for label, high in found]
    assert np.mean(right) > 0.9

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from tone_bundle import FRONT_END, WINDOW_FRAMES, tone_bundle, tone_ensemble

from instrd.daemon.config import Config
from instrd.daemon.rules import rules_for
from instrd.daemon.tables import model_table
from instrd.models.bundle import BUNDLED, Credit, read_bundle
from instrd.models.errors import BundleError
from instrd.training.ensemble_bundle import write_ensemble
from instrd.training.errors import TrainingError

ONE, TWO = Credit("one", "MIT"), Credit("two", "CC0-1.0")


def member(folder: Path, kind: str, accuracy: object, **changes: object) -> Path:
    tone_bundle(folder, kind, metrics={"validation": {"accuracy": accuracy}}, **changes)
    return folder


def test_an_ensemble_takes_over_what_its_members_are(tmp_path: Path) -> None:
    one = member(tmp_path / "one", "causal", 0.25, credits=(ONE,), threshold_on=(0.5, 0.6))
    two = member(tmp_path / "two", "window", 0.75, credits=(TWO, ONE), threshold_on=(0.9, 0.6))
    manifest = write_ensemble(tmp_path / "both", [one, two], "weighted").manifest
    assert (manifest.name, manifest.kind, manifest.vote) == ("both", "ensemble", "weighted")
    assert [(m.name, m.weight) for m in manifest.members] == [("one", 0.25), ("two", 0.75)]
    assert [m.sha256 for m in manifest.members] == [read_bundle(f).sha256 for f in (one, two)]
    assert (manifest.front_end, manifest.window_frames) == (FRONT_END, WINDOW_FRAMES)
    assert manifest.threshold_on == (0.8, 0.6)
    assert manifest.threshold_off == (0.4, 0.4)
    assert manifest.credits == (ONE, TWO)
    assert manifest.files == {}


def test_thresholds_are_matched_by_label_whatever_the_order(tmp_path: Path) -> None:
    one = member(tmp_path / "one", "window", 0.5, threshold_on=(0.5, 0.9))
    two = member(tmp_path / "two", "causal", 0.5, labels=("high", "low"), threshold_on=(0.9, 0.5))
    assert write_ensemble(tmp_path / "both", [one, two], "mean").manifest.threshold_on == (0.5, 0.9)


@pytest.mark.parametrize("accuracy", [None, "good", 1.5])
def test_a_weighted_vote_needs_the_accuracy_of_each_member(
    tmp_path: Path, accuracy: object
) -> None:
    one = member(tmp_path / "one", "causal", 0.5)
    two = member(tmp_path / "two", "causal", accuracy)
    with pytest.raises(TrainingError, match="member two: got validation accuracy"):
        write_ensemble(tmp_path / "both", [one, two], "weighted")
    equal = write_ensemble(tmp_path / "both", [one, two], "majority").manifest
    assert [m.weight for m in equal.members] == [1.0, 1.0]


def test_an_ensemble_is_no_member_and_nothing_is_written(tmp_path: Path) -> None:
    tone_ensemble(tmp_path / "inner")
    with pytest.raises(BundleError, match="outer: member inner: got kind ensemble, allowed causal"):
        write_ensemble(tmp_path / "outer", [tmp_path / "inner"], "mean")
    assert not (tmp_path / "outer").exists()


def test_members_lie_beside_their_ensemble_where_they_are_found(tmp_path: Path) -> None:
    one = member(tmp_path / "models" / "one", "causal", 0.5)
    with pytest.raises(TrainingError, match=r"one: does not lie beside .*both"):
        write_ensemble(tmp_path / "both", [one], "mean")
    assert not (tmp_path / "both").exists()
    came_along = BUNDLED / "cnn"
    assert write_ensemble(tmp_path / "both", [came_along], "mean").manifest.members[0].name == "cnn"


@pytest.mark.parametrize("members", [[], ["one", "one"]])
def test_members_are_one_or_more_each_once(tmp_path: Path, members: list[str]) -> None:
    member(tmp_path / "one", "causal", 0.5)
    with pytest.raises(TrainingError, match=r"both: (got no member|members must be named once)"):
        write_ensemble(tmp_path / "both", [tmp_path / name for name in members], "mean")


def test_nothing_is_named_before_the_frames_that_the_manifest_says(tmp_path: Path) -> None:
    told = {"causal": FRONT_END.fft, "window": None}
    config, rate_hz = Config(), FRONT_END.rate_hz
    for kind, samples in told.items():
        manifest = tone_bundle(tmp_path / kind, kind).manifest
        half = manifest.window_samples // 2
        assert rules_for(config, manifest, rate_hz).warm_up == (samples or half)
        manifest = tone_bundle(tmp_path / kind, kind, warm_up_frames=7).manifest
        assert rules_for(config, manifest, 3 * rate_hz).warm_up == 3 * 7 * FRONT_END.hop
    ensemble = tone_ensemble(tmp_path / "both").manifest
    assert rules_for(config, ensemble, rate_hz).warm_up == ensemble.window_samples // 2


def test_the_table_of_models_tells_members_and_what_is_broken(tmp_path: Path) -> None:
    tone_ensemble(tmp_path / "both")
    console = Console(width=200, record=True, file=StringIO())
    console.print(model_table([tmp_path]))
    assert "ensemble (mean) of both-causal, both-window" in console.export_text()
    (tmp_path / "both-causal").rename(tmp_path / "elsewhere")
    console.print(model_table([tmp_path]))
    assert "broken: is not there" in console.export_text()

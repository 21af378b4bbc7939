"""A one-label bundle is judged on the pieces of clips held out from its training."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from labelled_audio import RATE_HZ, write
from miniature import changed, recipe
from sounds import silence, tone
from tone_bundle import LABELS, tone_bundle

from instrd.models.bundle import read_bundle
from instrd.models.registry import load_classifier
from instrd.training.clips.evaluation import evaluate_clips, judge, loud_pieces
from instrd.training.errors import TrainingError
from instrd.training.folders.labelled_folder import Clip, LabelledFolder, Part


def test_a_signal_is_cut_into_whole_pieces_and_a_short_one_is_one() -> None:
    signal = tone(440.0, 2.7, RATE_HZ)
    assert [len(piece) for piece in loud_pieces(signal, RATE_HZ, 1.0)] == [RATE_HZ] * 2
    assert [len(piece) for piece in loud_pieces(signal, RATE_HZ, 3.0)] == [len(signal)]
    assert [len(piece) for piece in loud_pieces(signal, RATE_HZ, None)] == [len(signal)]


def test_pieces_below_the_gate_are_left_out() -> None:
    signal = np.concatenate([silence(1.0, RATE_HZ), tone(440.0, 1.0, RATE_HZ)])
    assert len(loud_pieces(signal, RATE_HZ, 1.0)) == 1
    assert loud_pieces(np.float32(1e-4) * signal, RATE_HZ, None) == []


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Return a bundle that tells a low tone from a high one, made by a recipe for clips."""
    made = msgspec.to_builtins(changed(recipe(), labels=LABELS))
    return tone_bundle(tmp_path / "tones", "window", recipe=made, multi_label=False).folder


def clips(root: Path, rows: list[tuple[str, str, Part]]) -> LabelledFolder:
    """Write a tone of the frequency for each (file, label, part) that its label names."""
    hz = {"low": 440.0, "high": 2000.0}
    made = []
    for name, label, part in rows:
        path = root / name
        if not path.exists():
            write(path, tone(hz.get(label, 900.0), 3.2, 48_000), 48_000)
        made.append(Clip(path, label, f"{label}: studio", part))
    return LabelledFolder(root, "folders", tuple(made), (), {})


TRAINED: list[tuple[str, str, Part]] = [(f"train-{label}.wav", label, "train") for label in LABELS]


def test_pieces_are_judged_and_the_manifest_says_how_well(bundle: Path, tmp_path: Path) -> None:
    tests: list[tuple[str, str, Part]] = [("a.wav", "low", "test"), ("b.wav", "high", "test")]
    measured = evaluate_clips(bundle, clips(tmp_path, [*TRAINED, *tests]))
    rows = {kind: measured[kind]["rows"] for kind in ("pieces_1s", "pieces_3s", "clips")}
    assert rows == {"pieces_1s": 6, "pieces_3s": 2, "clips": 2}
    assert measured["clips"]["accuracy"] == 1.0
    assert measured["clips"]["accuracy_four"] == 0.0  # it knows none of the four
    assert measured["by_source"] == {"studio": dict.fromkeys(rows, 1.0)}
    assert read_bundle(bundle).manifest.metrics["held_out"] == measured


def test_judged_together_pieces_sound_as_judged_alone(bundle: Path) -> None:
    classifier = load_classifier(read_bundle(bundle))
    pieces = [tone(hz, 1.0, RATE_HZ) for hz in (440.0, 2000.0)]
    together = judge(classifier, pieces, RATE_HZ)
    alone = [judge(classifier, [piece], RATE_HZ)[0] for piece in pieces]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_rows_of_labels_that_were_left_out_are_not_judged(bundle: Path, tmp_path: Path) -> None:
    tests: list[tuple[str, str, Part]] = [
        ("a.wav", "low", "test"),
        ("a.wav", "harp", "test"),
        ("a.wav", "high", "train"),
    ]
    measured = evaluate_clips(bundle, clips(tmp_path, [*TRAINED, *tests]))
    assert measured["clips"]["rows"] == 1
    assert measured["left_out"] == {"harp": 1}


def test_neither_are_those_of_an_other_that_the_net_has_not(tmp_path: Path) -> None:
    made = msgspec.to_builtins(changed(recipe(), labels=LABELS, other="other"))
    bundle = tone_bundle(tmp_path / "tones", "window", recipe=made, multi_label=False).folder
    tests: list[tuple[str, str, Part]] = [("a.wav", "low", "test"), ("b.wav", "harp", "test")]
    measured = evaluate_clips(bundle, clips(tmp_path, [*TRAINED, *tests]))
    assert measured["clips"]["rows"] == 1
    assert measured["left_out"] == {"harp": 1}


def test_a_test_set_alone_will_do(bundle: Path, tmp_path: Path) -> None:
    measured = evaluate_clips(bundle, clips(tmp_path, [("a.wav", "low", "test")]))
    assert measured["clips"]["rows"] == 1
    assert "left_out" not in measured


def test_clips_that_cannot_be_heard_are_left_out(bundle: Path, tmp_path: Path) -> None:
    tests: list[tuple[str, str, Part]] = [
        ("a.wav", "low", "test"),
        ("quiet.wav", "high", "test"),
        ("b.wav", "high", "test"),
    ]
    write(tmp_path / "quiet.wav", silence(1.0, RATE_HZ))
    (tmp_path / "b.wav").write_text("no audio")
    measured = evaluate_clips(bundle, clips(tmp_path, [*TRAINED, *tests]))
    assert measured["clips"]["rows"] == 1


def test_data_without_a_test_clip_are_refused(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no test clip"):
        evaluate_clips(bundle, clips(tmp_path, TRAINED))


def test_a_bundle_that_no_recipe_for_clips_made_is_refused(tmp_path: Path) -> None:
    folder = tone_bundle(tmp_path / "tones", "window").folder
    with pytest.raises(TrainingError, match="not made by a recipe for clips"):
        evaluate_clips(folder, clips(tmp_path, TRAINED))

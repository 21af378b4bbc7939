from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from small_run import RATE_HZ, small_recipe
from sounds import silence, tone
from tone_bundle import tone_bundle, tone_ensemble

from instrd.models.bundle import BUNDLED, read_bundle
from instrd.models.classifier import Calibration
from instrd.models.frontend import frames_of
from instrd.models.net import OnnxNet
from instrd.training.errors import TrainingError
from instrd.training.folders.pool import read_pools
from instrd.training.mixtures.evaluation import evaluate, mean_probabilities
from instrd.training.mixtures.pairs import judge_pairs
from instrd.training.recipe import finishing

HELD_OUT = "tonejs-instruments npm"
ROWS = (
    ("right", "piano", HELD_OUT, tone(440.0, 2.5, RATE_HZ)),
    ("short", "piano", HELD_OUT, tone(440.0, 0.6, RATE_HZ)),
    ("quiet", "piano", HELD_OUT, tone(440.0, 1.0, RATE_HZ, amplitude=1e-4)),
    ("trained-on", "piano", "seen", tone(2000.0, 2.0, RATE_HZ)),
    ("background", "other", HELD_OUT, tone(2000.0, 2.0, RATE_HZ)),
    (
        "deceiving",
        "other",
        HELD_OUT,
        np.concatenate([silence(1.0, RATE_HZ), tone(440.0, 2.0, RATE_HZ)]),
    ),
)


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    lines = ["path,label,source,original,licence,credit,kind,seconds"]
    for name, label, source, sound in ROWS:
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE_HZ)
        lines.append(f"{name}.wav,{label},{source},{name}.wav,CC0,,notes,1.0")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a bundle that takes 440 Hz for a piano and 2 kHz for the background."""
    labels = ("piano", "other")
    recipe = msgspec.to_builtins(small_recipe(labels=labels))
    tone_bundle(tmp_path / "tones", labels=labels, background=("other",), recipe=recipe)
    return tmp_path / "tones"


def test_only_loud_seconds_and_clips_of_held_out_sources_count(pool: Path, folder: Path) -> None:
    measured = evaluate(folder, [pool])
    assert measured["windows_1s"]["rows"] == 3
    assert measured["clips"]["rows"] == 2
    assert measured["windows_1s"]["accuracy"] == 1.0
    assert list(measured["by_source"]) == [HELD_OUT]


def test_an_instrument_heard_in_the_background_is_a_false_alarm(pool: Path, folder: Path) -> None:
    alarms = evaluate(folder, [pool])["false_alarms"]
    assert alarms["background"] == 0.5  # two of the four loud seconds


def test_the_first_second_of_a_stream_counts_less(folder: Path) -> None:
    bundle = read_bundle(folder)
    net, calibration = OnnxNet(bundle), Calibration(bundle.manifest)
    front_end = bundle.manifest.front_end
    sound = np.concatenate([tone(2000.0, 0.5, RATE_HZ), tone(440.0, 1.0, RATE_HZ)])
    frames = frames_of(front_end, sound)[None]
    logits, _ = net(frames, np.zeros((1, net.state_size), np.float32))
    p = calibration.probabilities(logits)[0]
    heard_s = np.arange(1, len(p) + 1) * front_end.hop / front_end.rate_hz
    weights = np.minimum(heard_s, 1.0)[:, None]
    got = mean_probabilities(net, calibration, front_end, frames)[0]
    np.testing.assert_allclose(got, (weights * p).sum(axis=0) / weights.sum(), atol=1e-5)
    assert np.abs(got - p.mean(axis=0)).max() > 0.01


def test_two_minutes_are_judged_as_they_are_live() -> None:
    bundle = read_bundle(BUNDLED / "base")
    net, calibration = OnnxNet(bundle), Calibration(bundle.manifest)
    front_end = bundle.manifest.front_end
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(120 * front_end.rate_hz)).astype(np.float32)
    frames = frames_of(front_end, sound)[None]
    state = np.zeros((1, net.state_size), np.float32)
    heard = []
    for start in range(0, frames.shape[1], 5):
        logits, state = net(frames[:, start : start + 5], state)
        heard.append(calibration.probabilities(logits)[0])
    p = np.concatenate(heard)
    heard_s = np.arange(1, len(p) + 1) * front_end.hop / front_end.rate_hz
    weights = np.minimum(heard_s, 1.0)[:, None]
    got = mean_probabilities(net, calibration, front_end, frames)[0]
    np.testing.assert_allclose(got, (weights * p).sum(axis=0) / weights.sum(), atol=1e-5)


def test_the_figures_are_written_into_a_bundle_that_is_still_whole(
    pool: Path, folder: Path
) -> None:
    before = read_bundle(folder)
    measured = evaluate(folder, [pool])
    after = read_bundle(folder)
    assert after.manifest.metrics["held_out"] == measured
    assert after.manifest.files == before.manifest.files


def test_two_at_once_are_both_found(pool: Path) -> None:
    clips = [
        clip
        for clip in read_pools([pool])
        if Path(clip.path).name in {"right.wav", "background.wav"}
    ]
    bundle = tone_bundle(pool / "two", labels=("piano", "other"))
    net, calibration = OnnxNet(bundle), Calibration(bundle.manifest)

    def judge(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        state = np.zeros((len(frames), net.state_size), np.float32)
        return calibration.probabilities(net(frames, state)[0][:, -1])

    found = judge_pairs(judge, clips, bundle.manifest, seed=0)
    assert found["both_are_the_likeliest_two"] == 1.0
    assert found["wrong"] == 0.0
    assert 0.0 < found["predominant_is_likeliest"] <= 1.0


def test_one_label_makes_no_pair(pool: Path) -> None:
    clips = [clip for clip in read_pools([pool]) if clip.label == "piano"]
    manifest = tone_bundle(pool / "one", labels=("piano", "other")).manifest
    assert judge_pairs(np.zeros_like, clips, manifest, seed=0) == {}


def test_clips_of_labels_that_the_net_does_not_know_are_left_out(pool: Path, folder: Path) -> None:
    manifest = pool / "manifest.csv"
    told = manifest.read_text()
    manifest.write_text(told.replace("short.wav,piano", "short.wav,flute"))
    assert evaluate(folder, [pool])["clips"]["rows"] == 1
    manifest.write_text(told.replace("piano", "flute"))
    with pytest.raises(TrainingError, match="holds no clip of an instrument"):
        evaluate(folder, [pool])


def test_a_pool_without_an_instrument_that_is_held_out_is_refused(pool: Path, folder: Path) -> None:
    manifest = pool / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(f"piano,{HELD_OUT}", "piano,seen"))
    with pytest.raises(TrainingError, match=f"{pool}: holds no clip of an instrument"):
        evaluate(folder, [pool])


def test_a_net_that_has_heard_all_sources_is_not_measured_on_them(pool: Path) -> None:
    labels = ("piano", "other")
    recipe = msgspec.to_builtins(finishing(small_recipe(labels=labels)))
    tone_bundle(pool / "tones", labels=labels, background=("other",), recipe=recipe)
    with pytest.raises(TrainingError, match="heard all sources"):
        evaluate(pool / "tones", [pool])


def test_a_bundle_that_no_recipe_of_stems_made_is_told(pool: Path) -> None:
    tone_ensemble(pool / "both")
    with pytest.raises(TrainingError, match="both: is no bundle of a net of stems"):
        evaluate(pool / "both", [pool])

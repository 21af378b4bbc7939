from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tone_bundle import FRONT_END, WINDOW_FRAMES, tone_bundle

from instrd.models.bundle import read_bundle
from instrd.models.classifier import Calibration, Classifier
from instrd.models.registry import load_classifier

SHARED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def classifier(tone_model: Path) -> Classifier:
    return load_classifier(read_bundle(tone_model / "tones"), folders=[tone_model])


def frames(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.uniform(-20, 30, (count, FRONT_END.width)).astype(np.float32)


@SHARED
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_a_stream_cut_anywhere_is_judged_like_the_whole(
    classifier: Classifier, cuts: list[int]
) -> None:
    clip = frames(60, seed=2)
    (whole,) = classifier.feed([[clip]], [classifier.start()])
    memory = classifier.start()
    for piece in np.split(clip, sorted(cuts)):
        (streamed,) = classifier.feed([[piece]], [memory])
    np.testing.assert_allclose(streamed, whole, atol=1e-5)


def test_a_batch_of_streams_is_judged_like_each_alone(classifier: Classifier) -> None:
    clips = [frames(length, seed) for seed, length in enumerate((5, 7, 5, 0, 1))]
    alone = [classifier.feed([[clip]], [classifier.start()])[0] for clip in clips]
    together = classifier.feed([[clip] for clip in clips], [classifier.start() for _ in clips])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_streams_do_not_hear_each_other(classifier: Classifier) -> None:
    quiet, loud = classifier.start(), classifier.start()
    nothing = np.full((WINDOW_FRAMES, FRONT_END.width), -100.0, np.float32)
    for _ in range(3):
        judged = classifier.feed([[nothing], [nothing + 130.0]], [quiet, loud])
    assert judged[0].max() < 0.01
    assert judged[1].min() > 0.99


def test_a_stream_without_a_new_frame_keeps_its_judgement(classifier: Classifier) -> None:
    memory = classifier.start()
    (before,) = classifier.feed([[frames(30, 3)]], [memory])
    (after,) = classifier.feed([[frames(0, 0)]], [memory])
    np.testing.assert_array_equal(before, after)


def test_a_window_net_judges_a_short_clip_as_silence_and_then_the_clip(tmp_path: Path) -> None:
    tone_bundle(tmp_path / "tones", "window")
    classifier = load_classifier(read_bundle(tmp_path / "tones"))
    memory = classifier.start()
    clip = frames(4, 5)
    (short,) = classifier.feed([[clip]], [memory])
    filled = np.concatenate([np.tile(FRONT_END.silence, (WINDOW_FRAMES - 4, 1)), clip])
    (whole,) = classifier.feed([[filled]], [classifier.start()])
    np.testing.assert_allclose(short, whole, atol=1e-6)


def test_temperature_and_bias_calibrate_each_label(tmp_path: Path) -> None:
    bundle = tone_bundle(tmp_path / "tones", temperature=(2.0, 1.0), bias=(0.0, 1.0))
    got = Calibration(bundle.manifest).probabilities(np.array([[2.0, -1.0]], np.float32))
    np.testing.assert_allclose(got, [[1 / (1 + np.exp(-1.0)), 0.5]], atol=1e-6)


def test_contrast_takes_from_a_label_beside_a_surer_one(tmp_path: Path) -> None:
    bundle = tone_bundle(tmp_path / "tones", temperature=(2.0, 1.0), contrast=(0.0, 2.0))
    got = Calibration(bundle.manifest).probabilities(np.array([[9.0, 1.0]], np.float32))
    np.testing.assert_allclose(got, [[1 / (1 + np.exp(-4.5)), 0.5]], atol=1e-6)


def test_contrast_takes_from_a_label_beside_background(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "background": ("high",),
        "contrast": (4.0, 0.0),
        "background_contrast": 0.5,
    }
    bundle = tone_bundle(tmp_path / "tones", **changes)
    got = Calibration(bundle.manifest).probabilities(np.array([[1.0, 0.0]], np.float32))
    np.testing.assert_allclose(got, [[1 / (1 + np.exp(1.0)), 0.5]], atol=1e-6)


def test_a_single_label_model_sums_to_one_whatever_the_logits(tmp_path: Path) -> None:
    bundle = tone_bundle(tmp_path / "tones", multi_label=False)
    got = Calibration(bundle.manifest).probabilities(np.array([[900.0, -900.0]], np.float32))
    np.testing.assert_allclose(got, [[1.0, 0.0]])

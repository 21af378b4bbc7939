import numpy as np
import pytest

from instrd.models.bundle import Manifest
from instrd.models.frontend import FrontEnd
from instrd.training.judged import Judged, summary
from instrd.training.mixtures.calibration import fit_sigmoid, threshold_of
from instrd.training.scores import calibration_error, score

MANIFEST = Manifest(
    name="made-up",
    kind="causal",
    architecture="none",
    labels=("drum", "piano", "flute", "other"),
    background=("other",),
    front_end=FrontEnd(),
    window_frames=1,
    temperature=(1.0,) * 4,
    bias=(0.0,) * 4,
    threshold_on=(0.5,) * 4,
    threshold_off=(0.3,) * 4,
)


def test_the_fitted_sigmoid_is_the_one_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 3.0, 40_000)
    wanted = 1.0 / (1.0 + np.exp(-(0.5 * logits - 1.0)))
    targets = (rng.random(40_000) < wanted).astype(np.float64)
    slope, bias = fit_sigmoid(logits, targets)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert bias == pytest.approx(-1.0, abs=0.05)


def test_a_threshold_lets_the_stated_share_of_negatives_through() -> None:
    negatives = np.linspace(0.0, 0.8, 10_001)
    assert np.mean(negatives >= threshold_of(negatives, 0.05)) == pytest.approx(0.05, abs=1e-3)


def test_a_threshold_stays_within_its_limits() -> None:
    assert threshold_of(np.zeros(100), 0.01) == 0.25
    assert threshold_of(np.ones(100), 0.01) == 0.9


def rows() -> tuple[np.ndarray, np.ndarray]:
    probabilities = np.array(
        [
            [0.9, 0.1, 0.0, 0.1],  # drum, right
            [0.2, 0.6, 0.7, 0.1],  # piano, taken for a flute
            [0.1, 0.8, 0.3, 0.1],  # piano, right
            [0.1, 0.2, 0.3, 0.6],  # flute, taken for the background
        ],
        np.float32,
    )
    return probabilities, np.array([0, 1, 1, 2])


def test_the_likeliest_label_counts_and_the_four_are_judged_with_the_rest_masked() -> None:
    scores = score(*rows(), MANIFEST, ("drum", "piano"))
    assert scores.accuracy == 0.5
    assert scores.accuracy_macro == pytest.approx((1.0 + 0.5 + 0.0) / 3)
    assert scores.accuracy_four == 1.0
    assert scores.by_label == {"drum": 1.0, "piano": 0.5, "flute": 0.0}
    assert scores.confusion["piano"] == {"piano": 1, "flute": 1}


def test_a_source_has_figures_of_what_it_holds_and_of_the_four_only_where_it_plays_one() -> None:
    probabilities, _ = rows()
    long, none = probabilities[:1], probabilities[:0]
    judged = [
        Judged("drum", "a kit", {"seconds": probabilities[:1], "phrases": long}),
        Judged("piano", "a hall", {"seconds": probabilities[1:3], "phrases": none}),
        Judged("flute", "a hall", {"seconds": probabilities[3:], "phrases": none}),
        Judged("flute", "a wood", {"seconds": probabilities[1:2], "phrases": none}),
    ]
    measured = summary(judged, MANIFEST)
    assert {kind: measured[kind]["rows"] for kind in ("seconds", "phrases")} == {
        "seconds": 5,
        "phrases": 1,
    }
    assert measured["by_source"] == {
        "a hall": {"seconds": pytest.approx(1 / 3), "seconds_four": 1.0},
        "a kit": {"seconds": 1.0, "seconds_four": 1.0, "phrases": 1.0, "phrases_four": 1.0},
        "a wood": {"seconds": 1.0},
    }


def test_thresholds_give_hits_and_wrong_instruments_but_the_background_is_none() -> None:
    scores = score(*rows(), MANIFEST, ("drum", "piano"))
    assert scores.hits == 0.75
    assert scores.wrong == 0.25


def test_confidence_that_is_earned_has_no_calibration_error() -> None:
    confidence = np.repeat(np.array([0.25, 0.75], np.float32), 4)
    right = np.array([1, 0, 0, 0, 1, 1, 1, 0], bool)
    assert calibration_error(confidence, right) == pytest.approx(0.0, abs=1e-6)
    assert calibration_error(confidence, ~right) == pytest.approx(0.5, abs=1e-6)

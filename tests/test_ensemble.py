import json
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sounds import two_tones
from tone_bundle import FRONT_END, tone_bundle, tone_ensemble

from instrd.daemon.config import Config, ModelChoice
from instrd.daemon.hearing import Hearing
from instrd.daemon.listener import Listener
from instrd.models.bundle import MANIFEST, Vote, read_bundle
from instrd.models.classifier import Classifier
from instrd.models.ensemble import majority
from instrd.models.errors import BundleError
from instrd.models.registry import load_classifier
from instrd.training.ensemble_bundle import write_ensemble

SHARED = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FASTER = msgspec.structs.replace(FRONT_END, rate_hz=22_050, hop=441)
CUTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 80)), max_size=8)


def ensemble(folder: Path, vote: Vote = "mean") -> Classifier:
    """Return one of a causal and a window model whose front-ends differ."""
    weights = {"causal": 0.5, "window": 0.25}
    for kind, front_end in (("causal", FRONT_END), ("window", FASTER)):
        metrics = {"validation": {"accuracy": weights[kind]}}
        tone_bundle(folder / kind, kind, front_end=front_end, metrics=metrics)
    bundle = write_ensemble(folder / "both", [folder / "causal", folder / "window"], vote)
    return load_classifier(bundle, folders=[folder])


def alone(folder: Path, kind: str) -> Classifier:
    return load_classifier(read_bundle(folder / kind))


def frames(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.uniform(-20, 30, (count, FRONT_END.width)).astype(np.float32)


@pytest.fixture(params=["mean", "weighted", "majority"])
def voters(request: pytest.FixtureRequest, tmp_path: Path) -> Classifier:
    return ensemble(tmp_path, request.param)


@SHARED
@given(cuts=CUTS)
def test_a_stream_of_two_kinds_of_frames_cut_anywhere_is_judged_like_the_whole(
    voters: Classifier, cuts: list[tuple[int, int]]
) -> None:
    clips = frames(60, seed=2), frames(80, seed=3)
    (whole,) = voters.feed([clips], [voters.start()])
    memory = voters.start()
    places = [sorted(place) for place in zip(*cuts, strict=True)] or [[], []]
    pieces = [np.split(clip, at) for clip, at in zip(clips, places, strict=True)]
    for pair in zip(*pieces, strict=True):
        (streamed,) = voters.feed([pair], [memory])
    np.testing.assert_allclose(streamed, whole, atol=1e-5)


@pytest.mark.parametrize(
    ("vote", "shares"), [("mean", (1 / 2, 1 / 2)), ("weighted", (2 / 3, 1 / 3))]
)
def test_a_mean_is_that_of_the_members_probabilities(
    tmp_path: Path, vote: Vote, shares: tuple[float, float]
) -> None:
    voters = ensemble(tmp_path, vote)
    clips = [frames(60, seed=2)], [frames(80, seed=3)]
    (joined,) = voters.feed([[clips[0][0], clips[1][0]]], [voters.start()])
    members = [alone(tmp_path, kind) for kind in ("causal", "window")]
    own = [m.feed([clip], [m.start()])[0] for m, clip in zip(members, clips, strict=True)]
    np.testing.assert_allclose(joined, shares[0] * own[0] + shares[1] * own[1], atol=1e-6)


@pytest.mark.parametrize("weight", [1e-300, 1e-50, 1e6])
def test_weights_count_beside_each_other_however_small(tmp_path: Path, weight: float) -> None:
    folder = tone_ensemble(tmp_path / "tones", "weighted").folder
    manifest = json.loads((folder / MANIFEST).read_text())
    for member in manifest["members"]:
        member["weight"] = weight
    (folder / MANIFEST).write_text(json.dumps(manifest))
    clip = frames(30, seed=4)
    weighted = load_classifier(read_bundle(folder), folders=[tmp_path])
    mean = load_classifier(tone_ensemble(tmp_path / "tones", "mean"), folders=[tmp_path])
    (got,), (wanted,) = (one.feed([[clip]], [one.start()]) for one in (weighted, mean))
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_each_member_is_named_with_the_label_it_thinks_likeliest(tmp_path: Path) -> None:
    voters = ensemble(tmp_path)
    band = np.abs(np.linspace(0, 1, FRONT_END.width))
    low, high = (np.tile(np.where(band < 0.3, a, b), (30, 1)) for a, b in ((30, -50), (-50, 30)))
    memory = voters.start()
    assert memory.votes == {}
    voters.feed([[low.astype(np.float32), high.astype(np.float32)]], [memory])
    assert memory.votes == {"causal": "low", "window": "high"}
    voters.feed([[high.astype(np.float32), high[:0].astype(np.float32)]], [memory])
    assert memory.votes == {"causal": "high", "window": "high"}


def test_a_member_without_a_frame_names_no_label_yet(tmp_path: Path) -> None:
    voters = ensemble(tmp_path, "majority")
    memory = voters.start()
    voters.feed([[frames(3, seed=1), frames(0, seed=1)]], [memory])
    assert set(memory.votes) == {"causal"}


@pytest.mark.parametrize(
    ("judged", "winner"),
    [
        ([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.0, 1.0, 0.0]], 0),
        ([[0.6, 0.4, 0.0], [0.1, 0.9, 0.0]], 1),
        ([[0.5, 0.3, 0.2], [0.3, 0.5, 0.2], [0.1, 0.2, 0.7], [0.1, 0.5, 0.4]], 1),
    ],
)
def test_the_majority_wins_and_the_mean_decides_between_equals(
    judged: list[list[float]], winner: int
) -> None:
    rows = np.array(judged, np.float32)
    p = majority(rows, rows.mean(axis=0), 0.0)
    assert int(p.argmax()) == winner
    assert p.sum() == pytest.approx(1.0)


@given(st.lists(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), min_size=1, max_size=5))
def test_no_mean_outvotes_a_vote(judged: list[list[float]]) -> None:
    rows = np.array(judged, np.float32)
    rows /= rows.sum(axis=1, keepdims=True)
    votes = np.bincount(rows.argmax(axis=1), minlength=3)
    p = majority(rows, rows.mean(axis=0), 0.0)
    assert votes[p.argmax()] == votes.max()


def test_members_of_a_multi_label_majority_that_find_nothing_likely_do_not_vote() -> None:
    rows = np.array([[0.2, 0.1], [0.3, 0.1], [0.1, 0.2]], np.float32)
    assert majority(rows, rows.mean(axis=0), 0.5).max() < 0.1


def test_each_front_end_hears_what_it_would_hear_alone(tmp_path: Path) -> None:
    config = Config()
    samples = two_tones(48_000)[: 3 * 48_000]
    voters = ensemble(tmp_path)
    together = Listener(48_000, voters, config)
    single = [Listener(48_000, alone(tmp_path, kind), config) for kind in ("causal", "window")]
    for first, end in pairwise((0, 4800, 4801, 30_000, 96_000, len(samples))):
        last = end == len(samples)
        heard = together.feed(first, samples[first:end], last=last)
        apart = [one.feed(first, samples[first:end], last=last) for one in single]
        for got, (wanted,) in zip(heard.frames, [one.frames for one in apart], strict=True):
            np.testing.assert_array_equal(got, wanted)
        assert heard.window == apart[1].window


def test_equal_front_ends_are_computed_once(tmp_path: Path) -> None:
    bundle = tone_ensemble(tmp_path / "tones")
    assert load_classifier(bundle, folders=[tmp_path]).front_ends == (FRONT_END,)


def test_members_may_have_their_labels_in_another_order(tmp_path: Path) -> None:
    tone_bundle(tmp_path / "one", "window")
    tone_bundle(tmp_path / "other", labels=("high", "low"))
    bundle = write_ensemble(tmp_path / "both", [tmp_path / "one", tmp_path / "other"], "mean")
    voters = load_classifier(bundle, folders=[tmp_path])
    own = [alone(tmp_path, kind) for kind in ("one", "other")]
    clip = frames(30, seed=4)
    (joined,) = voters.feed([[clip]], [voters.start()])
    (one,), (other,) = (m.feed([[clip]], [m.start()]) for m in own)
    np.testing.assert_allclose(joined, (one + other[::-1]) / 2, atol=1e-6)


def test_a_member_that_was_made_anew_is_refused(tmp_path: Path) -> None:
    bundle = tone_ensemble(tmp_path / "tones")
    tone_bundle(tmp_path / "tones-causal", description="another")
    told = r"tones: member tones-causal: got SHA-256 .*, allowed .*; write the ensemble anew"
    with pytest.raises(BundleError, match=told):
        load_classifier(bundle, folders=[tmp_path])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"members": []}, "an ensemble has members and a vote"),
        ({"vote": None}, "an ensemble has members and a vote"),
        ({"kind": "causal"}, "no other kind has them"),
        ({"vote": "loudest"}, "vote"),
        ({"background": ["low"]}, "member tones-causal: got background , allowed low"),
        ({"multi_label": False}, "member tones-causal: got multi_label True, allowed False"),
        ({"labels": ["low", "mid"]}, "got labels high, low, allowed low, mid"),
        ({"window_frames": 2}, "looks back .* s, allowed: as long as member tones-window"),
        ({"window_frames": 3}, "not those of member tones-window"),
    ],
)
def test_an_ensemble_that_does_not_fit_its_members_is_refused(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    folder = tone_ensemble(tmp_path / "tones").folder
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))
    with pytest.raises(BundleError, match=told):
        load_classifier(read_bundle(folder), folders=[tmp_path])


def test_what_is_known_of_an_ensemble_is_told_on_the_wire(tmp_path: Path) -> None:
    bundle = tone_ensemble(tmp_path / "tones")
    config = Config(model=ModelChoice(name="tones", folders=(str(tmp_path),)))
    told = Hearing(config, "test").model_message()
    assert (told.name, told.labels, told.sha256) == ("tones", ("low", "high"), bundle.sha256)
    assert told.window_ms == round(
        1e3 * read_bundle(tmp_path / "tones-window").manifest.window_s, 3
    )

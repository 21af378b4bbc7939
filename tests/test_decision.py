from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instrd.clients.protocol import Gate
from instrd.daemon.decision import Decision, Judgement, Rules
from instrd.daemon.track import Change, Rule

HOP = 100
PIANO = Rule(
    label="piano",
    threshold_on=0.6,
    threshold_off=0.4,
    background=False,
    masked=False,
    min_on=HOP,
    min_off=2 * HOP,
    update_every=1000,
    onset_lag=0,
)
RULES = Rules(
    labels=(PIANO, replace(PIANO, label="drum"), replace(PIANO, label="other", background=True)),
    margin=0.0,
    smoothing=0.0,
    warm_up=0,
)


def feed(
    decision: Decision, scores: list[tuple[float, ...]], *, gate: Gate = "open", start: int = 0
) -> list[Judgement]:
    return [
        decision.feed(np.array(score, np.float32), gate, start + HOP * (n + 1), HOP)
        for n, score in enumerate(scores)
    ]


def changes(judgements: list[Judgement]) -> list[tuple[str, str, int]]:
    return [
        (change.event, change.sounding.label, change.position)
        for judgement in judgements
        for change in judgement.changes
    ]


def test_an_instrument_comes_on_and_goes_off_where_it_fell() -> None:
    piano = [0.1, 0.7, 0.8, 0.5, 0.3, 0.3, 0.1]
    judged = feed(Decision(RULES), [(p, 0.0, 0.0) for p in piano])
    assert changes(judged) == [("on", "piano", 200), ("off", "piano", 400)]
    assert [j.decision for j in judged[:2]] == ["unknown", "piano"]
    assert judged[2].active == ("piano",)


@pytest.mark.parametrize(("meant", "events"), [(0, []), (HOP, ["on"])])
def test_a_hop_that_was_cut_short_counts_as_a_whole_one(meant: int, events: list[str]) -> None:
    p = np.array([0.7, 0.0, 0.0], np.float32)
    judged = Decision(RULES).feed(p, "open", HOP // 2, HOP // 2, meant=meant)
    assert [change.event for change in judged.changes] == events


def test_an_onset_is_dated_back_to_where_the_probability_began_to_rise() -> None:
    rules = replace(RULES, labels=(replace(PIANO, min_on=3 * HOP, onset_lag=30),))
    scores: list[tuple[float, ...]] = [(0.1,), (0.5,), (0.7,), (0.7,), (0.7,)]
    (change,) = [c for j in feed(Decision(rules), scores) for c in j.changes]
    assert (change.sounding.first, change.sounding.decided) == (100 - 30, 500)


def test_after_a_gap_no_onset_is_dated_into_the_gap() -> None:
    decision = Decision(replace(RULES, labels=(replace(PIANO, onset_lag=250),)))
    feed(decision, [(0.0,), (0.0,)])
    decision.restart(1300)
    (change,) = [c for j in feed(decision, [(0.9,)], start=1300) for c in j.changes]
    assert change.sounding.first == 1300


def test_a_short_peak_is_no_event_where_min_on_is_longer() -> None:
    rules = replace(RULES, labels=(replace(PIANO, min_on=2 * HOP),))
    judged = feed(Decision(rules), [(0.0,), (0.9,), (0.0,), (0.9,), (0.0,)])
    assert changes(judged) == []


def test_a_short_dip_does_not_end_an_event() -> None:
    judged = feed(Decision(RULES), [(0.9, 0, 0), (0.1, 0, 0), (0.9, 0, 0)])
    assert changes(judged) == [("on", "piano", 100)]


def test_a_closed_gate_is_silence_and_ends_what_sounds() -> None:
    decision = Decision(RULES)
    feed(decision, [(0.9, 0.9, 0.0)])
    (judged,) = feed(decision, [(0.9, 0.9, 0.0)], gate="closed", start=HOP)
    assert (judged.decision, judged.reason, judged.active) == ("silence", "gate_closed", ())
    assert [c.end_reason for c in judged.changes] == ["gate", "gate"]


def test_the_strongest_of_several_is_the_decision() -> None:
    (judged,) = feed(Decision(RULES), [(0.7, 0.8, 0.99)])
    assert (judged.decision, judged.active) == ("drum", ("piano", "drum"))


def test_a_background_label_alone_means_unknown() -> None:
    (judged,) = feed(Decision(RULES), [(0.1, 0.1, 0.99)])
    assert (judged.decision, judged.reason, judged.active) == ("unknown", "low_confidence", ())


def test_a_masked_label_is_never_named_and_the_reason_says_so() -> None:
    rules = replace(RULES, labels=(replace(PIANO, masked=True), *RULES.labels[1:]))
    (judged,) = feed(Decision(rules), [(0.9, 0.1, 0.1)])
    assert (judged.decision, judged.reason, judged.changes) == ("unknown", "masked", ())


def test_a_mask_set_while_it_sounds_ends_the_event() -> None:
    decision = Decision(RULES)
    feed(decision, [(0.9, 0.9, 0.0)])
    masked = replace(RULES, labels=(replace(PIANO, masked=True), *RULES.labels[1:]))
    (change,) = decision.follow(masked, HOP)
    assert (change.event, change.sounding.label) == ("off", "piano")


def test_a_single_label_model_names_nothing_without_a_margin() -> None:
    rules = replace(RULES, margin=0.2, labels=(replace(PIANO, threshold_on=0.4), RULES.labels[1]))
    close, clear = feed(Decision(rules), [(0.52, 0.48), (0.8, 0.2)])
    assert (close.decision, close.reason) == ("unknown", "low_margin")
    assert clear.decision == "piano"


def test_without_a_margin_not_even_a_threshold_of_zero_is_reached() -> None:
    open_to_all = replace(PIANO, threshold_on=0.0, threshold_off=0.0)
    rules = replace(RULES, margin=0.2, labels=(open_to_all, RULES.labels[1]))
    (judged,) = feed(Decision(rules), [(0.48, 0.52)])
    assert (judged.decision, judged.changes) == ("unknown", ())


def test_nothing_is_named_while_warming_up() -> None:
    judged = feed(Decision(replace(RULES, warm_up=250)), [(0.9, 0.0, 0.0)] * 4)
    assert [j.reason for j in judged] == ["warming_up", "warming_up", "ok", "ok"]


def test_updates_come_once_a_second_while_it_sounds() -> None:
    judged = feed(Decision(RULES), [(0.9, 0.0, 0.0)] * 31)
    assert changes(judged) == [
        ("on", "piano", 100),
        ("update", "piano", 1100),
        ("update", "piano", 2100),
        ("update", "piano", 3100),
    ]


@pytest.mark.parametrize("hop", [50, 100, 400])
def test_smoothing_is_in_time_not_in_hops(hop: int) -> None:
    decision = Decision(replace(RULES, smoothing=800.0))
    decision.feed(np.array([0.001, 0, 0], np.float32), "open", 0, hop)
    for position in range(hop, 801, hop):
        judged = decision.feed(np.array([1.0, 0, 0], np.float32), "open", position, hop)
    assert judged.p_smooth[0] == pytest.approx(1 - np.exp(-1), abs=0.01)


steps = st.one_of(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), st.sampled_from(["gate", "hole"])
)


@given(st.lists(steps, max_size=60))
def test_every_on_gets_exactly_one_off_and_never_before_its_onset(script: list[object]) -> None:
    decision, position, told = Decision(RULES), 0, list[Change]()
    for step in script:
        if step == "hole":
            told += decision.end(position, "source_lost")
            position += 10 * HOP
            decision.restart(position)
            continue
        p = np.array((0, 0, 0) if step == "gate" else step, np.float32)
        position += HOP
        told += decision.feed(p, "closed" if step == "gate" else "open", position, HOP).changes
    told += decision.end(position, "shutdown")
    ends: dict[str, int] = defaultdict(int)
    open_labels: set[str] = set()
    for change in told:
        label = change.sounding.label
        if change.event == "on":
            assert label not in open_labels
            assert change.sounding.first >= ends[label]
            open_labels.add(label)
        elif change.event == "off":
            open_labels.remove(label)
            assert change.position >= change.sounding.first
            ends[label] = change.position
    assert not open_labels

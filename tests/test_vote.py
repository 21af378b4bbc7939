import msgspec
import pytest
from made_up_runs import result

from instrd.training.reproduction.vote import Rule, vote
from instrd.training.results import RunResult


def says(name: str, p: float = 0.7) -> RunResult:
    return result({"a.wav": ("drum", name)}, p=p)


def winner(results: list[RunResult], weights: list[float], rule: Rule) -> str:
    joined = vote(results, weights, rule)
    return joined.named(joined.answers[0])


def test_a_majority_wins_whatever_the_weights() -> None:
    results = [says("drum"), says("drum"), says("piano", 0.99)]
    assert winner(results, [0.1, 0.1, 0.9], "majority") == "drum"


def test_a_tie_is_broken_by_the_mean_probability() -> None:
    assert winner([says("drum", 0.6), says("piano", 0.9)], [1.0, 1.0], "majority") == "piano"


def test_weights_decide_where_they_are_asked_for() -> None:
    results = [says("drum"), says("drum"), says("piano")]
    assert winner(results, [0.3, 0.3, 0.9], "weighted") == "piano"


def test_without_weights_a_vote_is_a_majority() -> None:
    results = [says("drum"), says("drum"), says("piano")]
    assert winner(results, [0.0, 0.0, 0.0], "weighted") == "drum"


def test_the_mean_probability_lets_one_sure_net_win() -> None:
    results = [says("drum", 0.4), says("drum", 0.4), says("piano", 0.99)]
    assert winner(results, [1.0, 1.0, 1.0], "mean p") == "piano"


def test_labels_in_another_order_are_matched_by_name() -> None:
    drum = says("drum", 0.9)
    turned = msgspec.structs.replace(
        drum,
        labels=drum.labels[::-1],
        answers=tuple(msgspec.structs.replace(a, p=a.p[::-1]) for a in drum.answers),
    )
    assert vote([drum, turned], [1.0, 1.0], "mean p").answers[0].p[0] == pytest.approx(0.9)


def test_only_clips_that_all_answered_are_answered_and_costs_add_up() -> None:
    more = result({"a.wav": ("drum", "drum"), "b.wav": ("drum", "drum")})
    joined = vote([more, says("drum")], [1.0, 1.0], "majority")
    assert [a.path for a in joined.answers] == ["a.wav"]
    assert joined.answers[0].sha256 == more.answers[0].sha256
    assert (joined.parameters, joined.training_s) == (2000, 120.0)

import pytest
from made_up_runs import result

from instrd.training.clips.plots import Allowed, Format, Row, accuracies, confusion, curves
from instrd.training.results import Epoch, RunResult

STARTS: dict[Format, bytes] = {"svg": b"<?xml", "png": b"\x89PNG"}
HISTORY = tuple(Epoch(1.4 - 0.1 * k, 0.1 * k) for k in range(9))
FITTED = RunResult("net", ("drum",), 1, 1.0, HISTORY, ())


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_each_picture_is_small_and_of_the_kind_asked_for(kind: Format) -> None:
    pictures = [
        curves([FITTED, FITTED], kind),
        confusion(("drum", "violin"), [[3, 1], [0, 0]], kind),
        accuracies(
            [Row("CNN", "ours", 0.7, 0.6, 0.8)], {"CNN": 0.64}, Allowed(0.5, 0.6, 0.75), kind
        ),
    ]
    assert all(picture.startswith(STARTS[kind]) for picture in pictures)
    assert all(len(picture) < 100_000 for picture in pictures)


def test_the_same_runs_give_the_same_picture() -> None:
    assert curves([FITTED]) == curves([FITTED])


def test_a_run_without_validation_or_history_can_be_drawn() -> None:
    assert curves([result({})])
    assert accuracies([Row("CNN", "ours", 0.0, 0.0, 0.1)], {})

import pytest

from instrd.training.clips.intervals import fewest_that_differ, mcnemar, wilson


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_an_interval_is_the_one_that_newcombe_prints_for_method_3(
    right: int, n: int, low: float, high: float
) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


def test_an_interval_is_symmetric_and_stays_within_bounds() -> None:
    low, high = wilson(29, 29)
    assert wilson(0, 29) == pytest.approx((1.0 - high, 1.0 - low))
    assert high == 1.0
    assert low > 0.85


@pytest.mark.parametrize(("right", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_more_right_than_there_are_is_an_error(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="allowed 0 to n"):
        wilson(right, n)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [(0, 0, 1.0), (0, 6, 0.03125), (1, 8, 20 / 512), (8, 1, 20 / 512), (5, 5, 1.0)],
)
def test_mcnemars_p_is_that_of_tossing_a_coin(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar(only_a, only_b) == pytest.approx(p)


def test_five_clips_that_differ_may_be_chance_and_six_are_not() -> None:
    assert fewest_that_differ() == 6

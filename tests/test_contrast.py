"""A surer instrument, and background, take from the others what may be their own sound."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import ArrayLike, NDArray

from instrd.models.contrast import HEARD, SURE, contrast_of

NAMES = ("cello", "flute", "organ", "other", "violin")
LOG_ODDS = arrays.arrays(np.float64, (3, 5), elements=st.floats(-20.0, 20.0))
SHARES = st.lists(st.floats(0.0, 10.0), min_size=5, max_size=5)


def contrasted(log_odds: ArrayLike, *surer: float) -> NDArray[np.float64]:
    """Return what the surest of so many labels, none of them background, leaves."""
    return contrast_of(NAMES[: len(surer)], (), surer, 0.0).left(np.asarray(log_odds))


def behind(log_odds: ArrayLike, share: float) -> NDArray[np.float64]:
    """Return what the last of three labels, which is background, leaves of what it may take."""
    return contrast_of(NAMES[:3], NAMES[2:3], (4.0, 2.0, 0.0), share).left(np.asarray(log_odds))


def test_beside_a_sure_instrument_the_others_must_be_surer() -> None:
    got = contrasted([SURE + 3.0, SURE + 1.0, -3.0], 2.0, 2.0, 0.5)
    np.testing.assert_allclose(got, [SURE + 3.0, SURE - 1.0, -3.5])


def test_less_is_taken_by_one_that_is_little_ahead() -> None:
    got = contrasted([SURE + 0.25, 0.0, -1.0], 2.0, 2.0, 2.0)
    np.testing.assert_allclose(got, [SURE + 0.25, -0.5, -1.5])


def test_nothing_is_taken_where_no_other_is_sure() -> None:
    log_odds = [SURE, SURE - 1.0, 0.0]
    np.testing.assert_array_equal(contrasted(log_odds, 2.0, 2.0, 2.0), log_odds)


def test_two_that_are_as_sure_take_nothing_from_each_other() -> None:
    np.testing.assert_array_equal(contrasted([6.0, 6.0], 2.0, 2.0), [6.0, 6.0])


def test_beside_background_that_is_heard_instruments_must_be_surer() -> None:
    got = behind([[3.0, -2.0, HEARD + 3.0], [3.0, -2.0, HEARD + 0.25]], 0.5)
    np.testing.assert_allclose(got, [[1.0, -3.0, HEARD + 3.0], [2.5, -2.25, HEARD + 0.25]])


def test_background_that_is_not_heard_takes_nothing() -> None:
    np.testing.assert_array_equal(behind([3.0, -2.0, HEARD], 0.5), [3.0, -2.0, HEARD])


def test_where_no_label_is_background_it_takes_nothing() -> None:
    got = contrast_of(NAMES[:2], (), (2.0, 2.0), 1.0).left(np.array([3.0, 2.0]))
    np.testing.assert_array_equal(got, [3.0, 2.0])


def test_single_precision_stays_single_precision() -> None:
    contrast = contrast_of(NAMES[:3], NAMES[2:3], (0.5, 0.5, 0.5), 1.0)
    assert contrast.left(np.zeros((2, 3), np.float32)).dtype == np.float32


@given(LOG_ODDS, SHARES, st.floats(0.0, 1.0))
def test_nobody_gains_and_the_likeliest_loses_nothing_to_another_instrument(
    log_odds: NDArray[np.float64], surer: list[float], background: float
) -> None:
    assert (contrast_of(NAMES, ("other",), surer, background).left(log_odds) <= log_odds).all()
    got = contrast_of(NAMES, ("other",), surer, 0.0).left(log_odds)
    np.testing.assert_array_equal(got.max(axis=1), log_odds.max(axis=1))

"""A surer instrument takes from the others what may be its own overtones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from instrd.models.contrast import SURE, contrasted

LOG_ODDS = arrays.arrays(np.float64, (3, 5), elements=st.floats(-20.0, 20.0))
SHARES = arrays.arrays(np.float64, 5, elements=st.floats(0.0, 10.0))


def test_beside_a_sure_instrument_the_others_must_be_surer() -> None:
    got = contrasted(np.array([SURE + 3.0, SURE + 1.0, -3.0]), np.array([2.0, 2.0, 0.5]))
    np.testing.assert_allclose(got, [SURE + 3.0, SURE - 1.0, -3.5])


def test_less_is_taken_by_one_that_is_little_ahead() -> None:
    got = contrasted(np.array([SURE + 0.25, 0.0, -1.0]), np.full(3, 2.0))
    np.testing.assert_allclose(got, [SURE + 0.25, -0.5, -1.5])


def test_nothing_is_taken_where_no_other_is_sure() -> None:
    log_odds = np.array([SURE, SURE - 1.0, 0.0])
    np.testing.assert_array_equal(contrasted(log_odds, np.full(3, 2.0)), log_odds)


def test_two_that_are_as_sure_take_nothing_from_each_other() -> None:
    log_odds = np.array([6.0, 6.0])
    np.testing.assert_array_equal(contrasted(log_odds, np.full(2, 2.0)), log_odds)


def test_single_precision_stays_single_precision() -> None:
    got = contrasted(np.zeros((2, 3), np.float32), np.full(3, 0.5, np.float32))
    assert got.dtype == np.float32


@given(LOG_ODDS, SHARES)
def test_nobody_gains_and_the_likeliest_loses_nothing(
    log_odds: NDArray[np.float64], shares: NDArray[np.float64]
) -> None:
    got = contrasted(log_odds, shares)
    assert (got <= log_odds).all()
    np.testing.assert_array_equal(got.max(axis=1), log_odds.max(axis=1))

import numpy as np

from instrd.models.pooling import worth


def test_a_judgement_counts_the_more_the_longer_it_heard_up_to_a_second() -> None:
    np.testing.assert_allclose(
        worth(np.array([0.0, 0.1, 0.5, 1.0, 60.0])), [0.0, 0.1, 0.5, 1.0, 1.0]
    )

"""Rates, intervals and recomputation."""

import math

import numpy as np
import pytest

from unpact_results import statistics as st
from unpact_results.model import Outcome


def score_test_root(count: int, total: int, upper: bool) -> float:
    """Independent computation: the share p whose score test |k/n - p| = z sqrt(p (1 - p) / n), by bisection."""
    share = count / total
    inside, outside = share, 1.0 if upper else 0.0
    for _ in range(200):
        middle = (inside + outside) / 2
        if abs(share - middle) <= 1.959963984540054 * math.sqrt(middle * (1 - middle) / total):
            inside = middle
        else:
            outside = middle
    return inside


@pytest.mark.parametrize(("count", "total"), [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (17, 41), (307, 1000), (99999, 100000)])
def test_wilson_inverts_the_score_test(count, total):
    low, high = st.wilson(count, total)
    assert low == pytest.approx(score_test_root(count, total, upper=False), abs=1e-9)
    assert high == pytest.approx(score_test_root(count, total, upper=True), abs=1e-9)


def test_wilson_published_value():
    low, high = st.wilson(15, 148)  # Newcombe 1998, table I
    assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)


def test_newcombe_published_value():
    gap, low, high = st.difference(st.rate(56, 70), st.rate(48, 80))  # Newcombe 1998, method 10
    assert gap == pytest.approx(0.2)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def test_nothing_of_nothing_is_missing():
    rate = st.rate(0, 0)
    assert math.isnan(rate.value) and math.isnan(rate.low) and math.isnan(rate.high)
    assert all(math.isnan(x) for x in st.difference(rate, st.rate(1, 2)))
    assert st.mean_rate([math.nan, 0.5]).total == 1


def test_contributions_are_the_mean_drop():
    matrix = np.array([[-1.0, -3.0], [-2.0, -4.0], [-1.0, -1.0]], np.float32)
    np.testing.assert_allclose(st.contributions(matrix), [1.0, -1.0])


def test_key_tokens_need_both_floors():
    values = np.array([1.0, 0.23, 0.25, 0.3, -2.0])
    assert st.key_tokens(values, 0.22, 0.24).tolist() == [True, False, True, True, False]
    assert st.key_tokens(values, 0.28, 0.24).tolist() == [True, False, False, True, False]
    assert not st.key_tokens(np.array([0.1, 0.2]), 0.22, 0.24).any()
    assert st.key_tokens(np.zeros(0), 0.22, 0.24).size == 0


def test_cosines():
    both, one, none = np.array([1, 1, 0]), np.array([1, 0, 0]), np.zeros(3)
    assert st.set_cosine(both, one) == pytest.approx(1 / math.sqrt(2))
    assert st.set_cosine(both, none) == 0.0
    assert math.isnan(st.set_cosine(none, none))
    assert st.contribution_cosine(np.array([1.0, 0, 5]), np.array([1.0, 0, -5]), np.array([1, 1, 0])) == pytest.approx(1.0)
    assert math.isnan(st.contribution_cosine(both, one, none))


def test_outcomes():
    made = st.outcomes(np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1, 0, 1, 1, 0]), np.array([1, 0, 1, 1, 0, 1]))
    assert made.tolist() == [Outcome.retained, Outcome.forgotten, Outcome.unknown, Outcome.kept, Outcome.destroyed, Outcome.unknown]

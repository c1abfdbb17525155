"""Intervals by bootstrap hold the truth, on data whose law and whose bounds are known."""

import numpy as np
import pytest

from compare.growth.draws import draw, predict
from compare.growth.laws import fit, fit_power

LAWS = {
    "power": (1.2, lambda n: n**1.2),
    "power-log": (1.0, lambda n: n * np.log1p(n)),
    "exponential": (0.7, lambda n: np.exp(0.7 * n)),
}


def costs(rng, kind, points, late, sigma, overhead):
    """Sizes, costs and flags: the last `late` points mostly ran out of the budget."""
    sizes = (
        np.arange(2.0, 2.0 + points) if kind == "exponential" else 4.0 ** np.arange(1, points + 1)
    )
    base = LAWS[kind][1]
    truth = overhead * base(sizes[1]) + base(sizes)
    y = truth * np.exp(sigma * rng.standard_normal(points))
    budget = 1.5 * truth[points - late - 1] if late else np.inf
    return sizes, np.minimum(y, budget), y > budget


# Measured with 60 repetitions of each of 60 settings: without an overhead 0.82 to 1.00, in the mean
# 0.93, at 4 to 8 points, 0 to 3 of them bounds, and a scatter of 5 % and of 30 %. With one, 0.92 to
# 1.00 at a scatter of 5 % where it can be seen. Where noise of 30 % hides an overhead from fewer
# than 6 measured points, a law without one is fitted, and its interval holds the truth in half of
# the cases: an interval presupposes the form of its law.
#
# Beside it the profile likelihood, on the same data: in 3878 laws without an overhead, of 5, 6 and
# 8 points, 0 to 3 of them bounds, and a scatter of 5 % and of 30 %, it held the exponent in 94.0 %
# (power 93.8, power-log 93.7, exponential 94.3), and the bootstrap in 92.9 % (93.0, 93.0, 92.7),
# with intervals of about one width. So the summary tells the profile's interval of the exponent,
# and the bootstrap's of what has no profile: meetings and predictions.
SETTINGS = [
    (4, 0, 0.05, 0.0),
    (5, 1, 0.3, 0.0),
    (6, 2, 0.05, 0.0),
    (8, 3, 0.3, 0.0),
    (8, 2, 0.05, 2.0),
]


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", LAWS)
def test_intervals_cover_as_they_claim(kind):
    rng = np.random.default_rng(10)
    slope, base = LAWS[kind]
    slopes, profiles, predicted = [], [], []
    for points, late, sigma, overhead in SETTINGS:
        for repetition in range(12):
            n, y, censored = costs(rng, kind, points, late, sigma, overhead)
            law = fit(kind, n, y, censored)
            draws = draw(law, n, y, censored, seed=repetition) if law else None
            if draws is None:
                continue
            low, high = draws.slope_interval
            slopes.append(low <= slope <= high)
            profiles.append(law.slope_low <= slope <= law.slope_high)
            further = n[-1] + 1.0 if kind == "exponential" else 4.0 * n[-1]
            truth = overhead * base(n[1]) + base(further)
            measured = np.log10(truth * np.exp(sigma * rng.standard_normal()))
            _, low, high = predict(draws, further, repetition)
            predicted.append(low <= measured <= high)
    assert len(slopes) > 50
    assert np.mean(slopes) >= 0.90
    assert np.mean(profiles) >= 0.90
    assert np.mean(predicted) >= 0.90


def test_an_uncensored_line_has_the_interval_of_students_t():
    rng = np.random.default_rng(11)
    n = 2.0 ** np.arange(1, 6)
    y = n**1.5 * np.exp(0.2 * rng.standard_normal(len(n)))
    law = fit_power(n, y)
    low, high = draw(law, n, y, count=20_000).slope_interval
    assert (low, high) == pytest.approx((law.slope_low, law.slope_high), abs=0.05)


def test_ignoring_the_bounds_would_miss_the_truth():
    """The planted mistake: late cells as if they had taken just their budget."""
    rng = np.random.default_rng(12)
    hits = []
    for _ in range(40):
        n, y, _ = costs(rng, "power", 8, 3, 0.05, 0.0)
        law = fit_power(n, y)
        low, high = draw(law, n, y).slope_interval
        hits.append(low <= 1.2 <= high)
    assert np.mean(hits) < 0.5


def test_a_prediction_widens_with_the_distance():
    rng = np.random.default_rng(13)
    n = 4.0 ** np.arange(1, 7)
    y = n * np.exp(0.05 * rng.standard_normal(len(n)))
    draws = draw(fit_power(n, y), n, y)
    widths = []
    for size in (1e4, 1e6, 1e9):
        value, low, high = predict(draws, size)
        assert low < np.log10(size) < high
        assert low <= value <= high
        widths.append(high - low)
    assert widths[0] < widths[1] < widths[2]


def test_the_same_seed_draws_the_same():
    n, y = [1, 2, 4, 8], [1.0, 2.1, 3.9, 8.2]
    one, two = (draw(fit_power(n, y), n, y).slope for _ in range(2))
    np.testing.assert_array_equal(one, two)

"""Laws of growth, on data whose law is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from compare.growth.draws import draw
from compare.growth.laws import KINDS, choose_law, fit, fit_power

SIZES = 2.0 ** np.arange(1, 9)


def noisy(rng, sigma, exponent=1.5, sizes=SIZES):
    return 1e-6 * sizes**exponent * np.exp(sigma * rng.standard_normal(len(sizes)))


def stopped(n, y, budget):
    """Cut data the way a sweep does: it ends with the first cell above the budget."""
    late = np.flatnonzero(y > budget)
    last = late[0] + 1 if late.size else len(y)
    return n[:last], np.minimum(y, budget)[:last], (y > budget)[:last]


@pytest.mark.each("exponent", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.each("points", [3, 4, 8])
def test_exact_powers_are_found_exactly(exponent, points):
    n = SIZES[:points]
    law = fit_power(n, 7.0 * n**exponent)
    assert law.slope == pytest.approx(exponent, abs=1e-9)
    assert law.coefficient == pytest.approx(7.0)
    assert law.slope_low <= law.slope <= law.slope_high
    assert law.slope_high - law.slope_low < 1e-4
    assert math.isfinite(law.log_likelihood)
    assert choose_law(law, fit("exponential", n, 7.0 * n**exponent)) == "power"


@pytest.mark.parametrize("rate", [-0.5, 0.1, 0.7, 2.0])
def test_exact_exponentials_are_found_exactly(rate):
    n = np.arange(1.0, 9.0)
    y = 3.0 * np.exp(rate * n)
    law = fit("exponential", n, y)
    assert law.slope == pytest.approx(rate)
    assert law.coefficient == pytest.approx(3.0)
    assert choose_law(fit_power(n, y), law) == "exponential"


def test_the_uncensored_interval_is_that_of_linear_regression():
    y = noisy(np.random.default_rng(1), 0.3)
    law = fit_power(SIZES, y)
    known = stats.linregress(np.log(SIZES), np.log(y))
    half = stats.t.ppf(0.975, len(y) - 2) * known.stderr
    assert law.slope == pytest.approx(known.slope)
    assert law.slope_low == pytest.approx(known.slope - half, rel=1e-6)
    assert law.slope_high == pytest.approx(known.slope + half, rel=1e-6)


def test_likelihood_and_criterion_are_those_of_the_normal_law():
    y = noisy(np.random.default_rng(2), 0.3)
    law = fit_power(SIZES, y)
    assert law.overhead == 0.0
    e = np.log(y) - np.log(law.coefficient) - law.slope * np.log(SIZES)
    density = -0.5 * (e / law.sigma) ** 2 - math.log(law.sigma) - 0.5 * math.log(2.0 * math.pi)
    assert law.log_likelihood == pytest.approx(density.sum())
    assert law.aic == pytest.approx(6.0 - 2.0 * density.sum() + 24.0 / 4.0)
    assert math.isnan(fit_power(SIZES[:4], y[:4]).aic)


def test_the_censored_fit_is_a_maximum_and_its_ends_are_on_the_profile():
    rng = np.random.default_rng(3)
    n, y, censored = stopped(SIZES, noisy(rng, 0.4), 5e-4)
    n = np.append(n, [2e3, 5e3])
    y, censored = np.append(y, [6e-4, 2e-2]), np.append(censored, [True, True])
    law = fit_power(n, y, censored)
    assert law.censored == np.count_nonzero(censored) >= 2

    def log_likelihood(intercept, slope, sigma):
        e = (np.log(y) - np.log(law.overhead + np.exp(intercept) * n**slope)) / sigma
        density = -0.5 * e**2 - math.log(sigma) - 0.5 * math.log(2.0 * math.pi)
        return np.where(censored, special.log_ndtr(-e), density).sum()

    best = np.array([math.log(law.coefficient), law.slope, law.sigma])
    top = log_likelihood(*best)
    assert law.log_likelihood == pytest.approx(top)
    for _ in range(200):
        assert log_likelihood(*(best * (1.0 + 0.01 * rng.standard_normal(3)))) <= top


@pytest.mark.exhaustive
@pytest.mark.parametrize("points", [3, 4, 8])
@pytest.mark.parametrize("budget", [math.inf, 0.7], ids=["all measured", "a timeout"])
def test_intervals_hold_the_truth_as_often_as_they_claim(points, budget):
    rng = np.random.default_rng(4)
    sizes = 2.0 ** np.arange(1, points + 1 + (budget < math.inf))
    limit = budget * 1e-6 * sizes[-1] ** 1.5
    covered = []
    while len(covered) < 80:
        n, y, censored = stopped(sizes, noisy(rng, 0.3, sizes=sizes), limit)
        law = fit_power(n, y, censored)
        if law is not None:
            covered.append(law.slope_low <= 1.5 <= law.slope_high)
    assert 0.90 <= np.mean(covered) <= 1.0


def test_three_points_give_a_wide_interval():
    rng = np.random.default_rng(5)
    widths = {}
    for points in (3, 8):
        laws = [fit_power(SIZES[:points], noisy(rng, 0.2)[:points]) for _ in range(50)]
        widths[points] = np.median([law.slope_high - law.slope_low for law in laws if law])
    assert widths[3] > 8.0 * widths[8]


@pytest.mark.exhaustive
@pytest.mark.parametrize("wrong", ["left out", "as measured"])
def test_ignoring_the_censoring_would_bias_the_exponent(wrong):
    """With several late cells, both shortcuts make the engine look better than it is."""
    rng = np.random.default_rng(6)
    sizes = np.repeat(SIZES[:5], 3)
    budget = 1e-6 * 16.0**2
    right, shortcut = [], []
    for _ in range(40):
        y = noisy(rng, 0.6, exponent=2.0, sizes=sizes)
        censored = y > budget
        y = np.minimum(y, budget)
        keep = ~censored if wrong == "left out" else np.full_like(censored, True)
        proper, biased = fit_power(sizes, y, censored), fit_power(sizes[keep], y[keep])
        if proper and biased:
            right.append(proper.slope)
            shortcut.append(biased.slope)
    assert len(right) > 25
    assert np.median(right) == pytest.approx(2.0, abs=0.15)
    assert np.median(shortcut) < 1.85


def test_a_bound_below_an_exact_law_changes_nothing():
    law = fit_power([*SIZES[:6], 200.0], [*SIZES[:6], 100.0], [False] * 6 + [True])
    assert law.slope == pytest.approx(1.0, abs=1e-6)
    assert law.slope_high < 1.001


def test_a_bound_that_contradicts_the_measured_points_leaves_no_law():
    """Nothing before the bound shows how the cost grows there."""
    assert fit_power([*SIZES[:6], 200.0], [*SIZES[:6], 1e6], [False] * 6 + [True]) is None


@pytest.mark.sampled(10)
@pytest.mark.parametrize("points", [5, 6, 7, 8, 12])
@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_growth_is_found_above_an_overhead(points, sigma):
    """Ignoring the overhead would call this exponential, or almost constant."""
    rng = np.random.default_rng(7)
    n = 4.0 ** np.arange(1, points + 1)
    hits = 0
    for _ in range(20):
        y = (1e-4 + 1e-6 * n) * np.exp(sigma * rng.standard_normal(points))
        law = fit_power(n, y)
        hits += law.slope_low - 1e-4 <= 1.0 <= law.slope_high + 1e-4
        assert law.overhead == pytest.approx(1e-4, rel=0.2)
        assert choose_law(law, fit("exponential", n, y)) == "power"
    assert hits >= 17


def test_overhead_dominates_four_of_five_cells():
    """A real sweep: the widths 2, 8, 32, 256 and 3200, of which the last is out of the overhead."""
    n = [9, 81, 1089, 66049, 10246401]
    y = [8.7e-5, 8.7e-5, 9.3e-5, 1.67e-4, 1.86e-2]
    law = fit_power(n, y)
    assert law.slope == pytest.approx(1.05, abs=0.15)
    assert law.slope_high < 1.3
    assert choose_law(law, fit("exponential", n, y)) == "power"


def test_one_cell_above_the_overhead_gives_no_exponent():
    assert fit_power([9, 81, 1089, 10246401], [8.7e-5, 8.8e-5, 8.7e-5, 1.86e-2]) is None


@pytest.mark.parametrize("points", [7, 9, 12])
def test_the_swelling_derivative_of_the_logistic_map_is_exponential(points):
    """Operations of the closed form: about n 2^n, which a power law above an overhead mimics."""
    n = [*range(2, 11), 12, 14, 16]
    operations = [7, 29, 85, 221, 541, 1277, 2941, 6653, 14845, 71677, 335_000, 1_540_000]
    power = fit_power(n[:points], operations[:points])
    assert choose_law(power, fit("exponential", n[:points], operations[:points])) == "exponential"


def test_an_exponential_above_an_overhead():
    n = np.arange(2.0, 12.0)
    y = 5e-6 + 1e-7 * 2.0**n
    law = fit("exponential", n, y)
    assert law.slope == pytest.approx(math.log(2.0), rel=1e-3)
    assert law.overhead == pytest.approx(5e-6, rel=1e-3)
    assert choose_law(fit_power(n, y), law) == "exponential"


@pytest.mark.sampled(5)
@pytest.mark.parametrize("seed", range(5))
def test_noisy_exponentials_and_powers_are_told_apart(seed):
    rng = np.random.default_rng(seed)
    n = np.arange(2.0, 11.0)
    power = 1e-6 * n**2 * np.exp(0.05 * rng.standard_normal(len(n)))
    exponential = 1e-6 * 2.0**n * np.exp(0.05 * rng.standard_normal(len(n)))
    late = n > 8
    for y, name in ((power, "power"), (exponential, "exponential")):
        bound = np.where(late, 0.9 * y, y)
        assert choose_law(fit_power(n, y), fit("exponential", n, y)) == name
        assert choose_law(fit_power(n, bound, late), fit("exponential", n, bound, late)) == name


@pytest.mark.parametrize("overhead", [0.0, 5.0])
def test_a_logarithm_beside_the_power_is_found(overhead):
    rng = np.random.default_rng(8)
    n = 4.0 ** np.arange(1, 9)
    y = (overhead + n * np.log1p(n)) * np.exp(0.002 * rng.standard_normal(len(n)))
    law = fit("power-log", n, y)
    assert law.slope_low <= 1.0 <= law.slope_high
    assert choose_law(fit_power(n, y), fit("exponential", n, y), law) == "power-log"


@pytest.mark.exhaustive
def test_a_logarithm_that_noise_hides_is_not_named():
    rng = np.random.default_rng(9)
    n = 4.0 ** np.arange(1, 7)
    named = []
    for _ in range(20):
        y = n * np.exp(0.2 * rng.standard_normal(len(n)))
        named.append(choose_law(fit_power(n, y), fit("exponential", n, y), fit("power-log", n, y)))
    assert named.count("power") >= 15


NOTHING = [
    ([], [], []),
    ([1.0], [1.0], [False]),
    ([1.0, 2.0], [1.0, 2.0], [False, False]),
    ([1.0, 2.0, 4.0], [1.0, 2.0, 4.0], [True, True, True]),
    ([1.0, 2.0, 4.0, 8.0], [1.0, 2.0, 4.0, 8.0], [False, False, True, True]),
    ([3.0, 3.0, 3.0, 3.0], [1.0, 2.0, 4.0, 8.0], [False] * 4),
    ([1.0, 2.0, 4.0], [1.0, math.nan, 4.0], [False] * 3),
    ([1.0, 2.0, 4.0], [1.0, 0.0, -4.0], [False] * 3),
    ([1.0, 2.0, math.inf], [1.0, 2.0, 3.0], [False] * 3),
    ([0.0, -1.0, 2.0], [1.0, 2.0, 3.0], [False] * 3),
    ([3.0, 3.0, 3.0, 5.0], [1.0, 2.0, 4.0, 8.0], [False, False, False, True]),
]


@pytest.mark.parametrize("bounds", [1, 5])
def test_bounds_do_not_count_among_the_costs_that_tell_laws_apart(bounds):
    for measured, name in ((3, "power"), (4, "exponential"), (6, "exponential")):
        n = np.arange(2.0, 2.0 + measured + bounds)
        y, late = np.exp(1.5 * n + 0.02 * (-1) ** n), np.arange(measured + bounds) >= measured
        y[late] = y[measured - 1]
        assert choose_law(fit_power(n, y, late), fit("exponential", n, y, late)) == name


@pytest.mark.parametrize(("n", "y", "censored"), NOTHING)
def test_too_little_gives_no_law(n, y, censored):
    assert fit_power(n, y, censored) is None
    assert fit("exponential", n, y, censored) is None
    assert choose_law(None, None) == "none"


COSTS = st.floats(1e-300, 1e300) | st.sampled_from([0.0, -1.0, math.nan, math.inf])


@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 9, 1e7, 0, math.nan]), COSTS, st.booleans()), max_size=12
    )
)
@settings(max_examples=200, deadline=None)
def test_odd_points_never_raise(points):
    n, y, censored = (list(column) for column in zip(*points, strict=True)) if points else ([],) * 3
    laws = {kind: fit(kind, n, y, censored) for kind in KINDS}
    chosen = choose_law(laws["power"], laws["exponential"], laws["power-log"])
    assert chosen == "none" or laws[chosen] is not None
    for law in laws.values():
        if law is not None:
            assert law.slope_low <= law.slope <= law.slope_high
            assert math.isfinite(law.log_likelihood)
            draws = draw(law, n, y, censored, count=20)
            assert draws is None or np.all(np.isfinite(draws.slope))


def test_lengths_must_be_equal():
    with pytest.raises(ValueError, match=r"\(2,\), \(3,\) and \(3,\), expected one length"):
        fit_power([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="expected one length"):
        fit_power([[1, 2, 3]], [[1, 2, 3]])

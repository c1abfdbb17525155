import numpy as np
import pytest

from compare.growth.crossovers import Measured, crossover
from compare.growth.draws import draw
from compare.growth.laws import fit

SIZES = 4.0 ** np.arange(1, 8)


def engine(rng, cost, sigma, sizes=SIZES, kind="power", seed=0):
    y = cost(sizes) * np.exp(sigma * rng.standard_normal(len(sizes)))
    return Measured(sizes, y, draw(fit(kind, sizes, y), sizes, y, seed=seed))


@pytest.mark.exhaustive
@pytest.mark.parametrize("sigma", [0.02, 0.1])
def test_a_planted_meeting_lies_in_its_interval(sigma):
    rng = np.random.default_rng(20)
    at, hits, found = 100.0, 0, 0
    for seed in range(25):
        linear = engine(rng, lambda n: at * n, sigma, seed=2 * seed)
        square = engine(rng, lambda n: n**2, sigma, seed=2 * seed + 1)
        met = crossover(linear, square)
        if met is None:
            continue
        found += 1
        assert not met.first_below
        assert not met.extrapolated
        hits += met.low <= at <= met.high
    assert found > 20
    assert hits >= 0.9 * found


def test_the_order_of_the_two_does_not_matter():
    rng = np.random.default_rng(21)
    a, b = engine(rng, lambda n: 30 * n, 0.02), engine(rng, lambda n: n**1.5, 0.02)
    one, two = crossover(a, b), crossover(b, a)
    assert (one.n, one.low, one.high) == pytest.approx((two.n, two.low, two.high))
    assert one.first_below != two.first_below


def test_a_meeting_beyond_what_was_measured_is_marked():
    rng = np.random.default_rng(22)
    met = crossover(engine(rng, lambda n: 1e6 * n, 0.02), engine(rng, lambda n: n**2, 0.02))
    assert met.extrapolated
    assert met.low <= 1e6 <= met.high


def test_parallel_laws_do_not_meet():
    rng = np.random.default_rng(23)
    found = [
        crossover(engine(rng, lambda n: 3 * n, 0.05), engine(rng, lambda n: n, 0.05))
        for _ in range(10)
    ]
    assert sum(met is not None for met in found) <= 1


def test_noise_that_hides_the_meeting_says_little():
    rng = np.random.default_rng(24)
    met_narrowly = 0
    for _ in range(10):
        first = engine(rng, lambda n: n, 0.3)
        met = crossover(first, engine(rng, lambda n: 1.1 * n, 0.3))
        met_narrowly += met is not None and met.high < 10 * met.low
    assert met_narrowly <= 1


def test_a_meeting_that_the_measured_costs_deny_is_not_told():
    """The planted mistake: laws that cross where the costs themselves do not."""
    rng = np.random.default_rng(25)
    linear, square = engine(rng, lambda n: 100 * n, 0.01), engine(rng, lambda n: n**2, 0.01)
    assert crossover(linear, square) is not None
    denied = Measured(square.n, 0.001 * square.y, square.draws)
    assert crossover(linear, denied) is None


def test_an_exponential_and_a_power():
    rng = np.random.default_rng(26)
    n = np.arange(2.0, 14.0)
    power = engine(rng, lambda n: n**2, 0.02, n)
    exponential = engine(rng, lambda n: 0.1 * 2.0**n, 0.02, n, kind="exponential")
    met = crossover(exponential, power)
    assert met.first_below
    assert 2**met.n / 10 == pytest.approx(met.n**2, rel=0.2)

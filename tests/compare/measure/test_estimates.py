import numpy as np
import pytest

from compare.measure.estimates import estimate, narrow, noisy


@pytest.mark.parametrize("count", [15, 30])
@pytest.mark.parametrize("kind", ["lognormal", "spiky"])
def test_the_interval_holds_the_median_as_often_as_it_claims(count, kind):
    rng = np.random.default_rng(1)
    held = []
    for seed in range(300):
        samples = np.exp(0.05 * rng.standard_normal(count))
        if kind == "spiky":
            # A tenth of the samples was interrupted; the median of all lies a little above 1.
            samples = samples * np.where(rng.random(count) < 0.1, 3.0, 1.0)
        found = estimate(samples, seed)
        truth = 1.0 if kind == "lognormal" else float(np.exp(0.05 * 0.1397))
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.90


def test_the_same_samples_and_seed_give_the_same_interval():
    samples = np.random.default_rng(2).random(15)
    assert estimate(samples, 3) == estimate(samples, 3)


def test_what_is_narrow_and_what_is_noisy():
    rng = np.random.default_rng(3)
    quiet = estimate(1.0 + 0.001 * rng.standard_normal(15))
    loud = estimate(1.0 + 0.3 * rng.standard_normal(15))
    assert narrow(quiet)
    assert not noisy(quiet)
    assert noisy(loud)
    assert not narrow(loud)


def test_few_samples_are_no_trust():
    assert noisy(estimate([1.0]))
    assert noisy(estimate([1.0, 1.0]))
    assert not narrow(estimate([1.0]))
    with pytest.raises(ValueError, match="no samples arrived"):
        estimate([])

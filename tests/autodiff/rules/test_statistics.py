"""Averages, covariances and integrals: results in pairs, warnings, errors."""

import itertools

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad


def test_both_results_of_an_average(rng):
    x, w = rng.normal(size=(2, 3)), rng.uniform(1, 2, size=3)

    def f(x, w):
        mean, total = np.average(x, axis=1, weights=w, returned=True)
        assert total.shape == mean.shape == (2,)
        return np.sum(mean * total)

    x_bar, w_bar = grad(f, (0, 1))(x, w)
    np.testing.assert_allclose(x_bar, np.stack([w, w]), rtol=1e-13)
    np.testing.assert_allclose(w_bar, np.sum(x, axis=0), rtol=1e-12)
    assert value_and_grad(lambda x: np.average(x, returned=True)[1] + 0 * x[0, 0])(x)[0] == 6.0


def test_the_derivative_of_a_covariance_by_hand():
    x = np.array([1.0, 2.0, 6.0])
    np.testing.assert_allclose(grad(np.cov)(x), x - 3.0)
    both = grad(lambda x, y: np.cov(x, y)[0, 1], (0, 1))(x, np.array([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(both, [[0, -0.5, 0.5], [-1, -0.5, 1.5]], atol=1e-15)


def test_a_covariance_of_small_floats_is_computed_in_large_ones(rng):
    x = rng.normal(size=(2, 5)).astype(np.float32)
    out, pullback = autodiff.vjp(np.cov, x)
    assert out.dtype == np.cov(x).dtype == np.float64
    assert pullback(np.ones((2, 2)))[0].dtype == np.float32


def test_a_correlation_of_one_is_flat():
    x = np.array([1.0, 2.0, 5.0])
    x_bar = grad(lambda x: np.corrcoef(x, 2 * np.array([1.0, 2.0, 5.0]))[0, 1])(x)
    np.testing.assert_allclose(x_bar, 0, atol=1e-15)


def test_too_few_observations_warn_as_numpys():
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        assert np.isnan(value_and_grad(np.cov)(np.ones(1))[0])
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        value, _ = value_and_grad(lambda x: np.nanvar(x, ddof=3))(np.array([1.0, 2.0, np.nan]))
    assert np.isnan(value)
    graph = trace(lambda x: np.nanvar(x, ddof=1), np.ones(3))
    assert graph.forward(np.array([1.0, np.nan, 3.0])) == 2.0
    assert np.isnan(graph.forward(np.array([1.0, np.nan, np.nan])))


ROWS = np.array([[1, 1, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1]], bool)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("f", [np.var, np.std, np.nanvar, np.nanstd])
def test_spreads_by_mask_mean_and_degrees_of_freedom(f, rng):
    x = rng.normal(size=(3, 4))
    used = np.ones((3, 4), bool)
    if f in (np.nanvar, np.nanstd):
        x[0, 1], used[0, 1] = np.nan, False
    means = {}, {"mean": np.array([[0.1], [0.2], [0.3]])}
    masks = {}, {"where": ROWS}, {"where": ROWS[:, 2:3]}
    for mean, mask, ddof in itertools.product(means, masks, (0, 1, 2.5, 4, 5)):
        given = {"axis": 1, "ddof": ddof, **mean, **mask}

        def spread(x, given=given):
            return f(x, **given)

        value, pullback = autodiff.vjp(spread, x)
        np.testing.assert_allclose(value, spread(x), rtol=1e-13)
        x_bar = pullback(np.ones(3))[0]
        taken = used & np.broadcast_to(mask.get("where", True), used.shape)
        rows = np.sum(taken, axis=1) > ddof
        for place in zip(*np.nonzero(taken & rows[:, None]), strict=True):
            step = np.zeros((3, 4))
            step[place] = 1e-6
            difference = (spread(x + step) - spread(x - step))[place[0]] / 2e-6
            np.testing.assert_allclose(x_bar[place], difference, rtol=1e-6, atol=1e-8)
        assert not np.any(x_bar[~taken])
        if f is not np.std:
            # Without freedom there is no spread, and no slope of it.
            assert not np.any(np.isfinite(x_bar[taken & ~rows[:, None]])), given


def test_nan_is_left_out_of_every_derivative():
    x = np.array([1.0, np.nan, 3.0])
    for f, expected in [
        (np.nansum, [1, 0, 1]),
        (np.nanprod, [3, 0, 1]),
        (np.nanmean, [0.5, 0, 0.5]),
        (np.nanvar, [-1, 0, 1]),
        (np.nanstd, [-0.5, 0, 0.5]),
        (lambda x: np.nancumsum(x)[1], [1, 0, 0]),
        (lambda x: np.nancumprod(x)[2], [3, 0, 1]),
    ]:
        np.testing.assert_array_equal(grad(f)(x), expected)
        second = grad(lambda x, f=f: np.sum(grad(f)(x) ** 2))(x)
        assert np.all(np.isfinite(second))


def test_weights_of_zero_are_refused():
    for weights in (np.zeros(3), np.array([1.0, -1.0, 0.0])):
        with pytest.raises(ZeroDivisionError, match="Weights sum to zero"):
            grad(lambda x, w=weights: np.average(x, weights=w))(np.ones(3))


def test_sums_of_weights_in_bins():
    positions = np.array([2, 0, 2])
    w_bar = grad(lambda w: np.sum(np.bincount(positions, w) * np.array([1.0, 5.0, 7.0])))(
        np.ones(3)
    )
    np.testing.assert_array_equal(w_bar, [7, 1, 7])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.average(x, weights=x[0]), TypeError, "Axis must be specified"),
        (lambda x: np.average(x, 0, x[0]), ValueError, "Shape of weights must be consistent"),
        (lambda x: np.cov(x[None]), ValueError, "at most 2 axes"),
        (lambda x: np.cov(x, ddof=0.5), ValueError, "ddof must be integer"),
        (lambda x: np.cov(x, fweights=[0.5, 1, 1]), TypeError, "fweights must be integer"),
        (lambda x: np.cov(x, fweights=[1, 1]), RuntimeError, "fweights of shape"),
        (lambda x: np.cov(x, aweights=[1, -1, 1]), ValueError, "aweights cannot be negative"),
        (lambda x: np.cov(x, aweights=np.zeros(3)), ZeroDivisionError, "sum to zero"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=(2, 3)))

"""Medians and quantiles: ties, NaN, gradients with respect to the quantile, errors."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad

NAN = np.nan


def test_medians_derive_from_the_middle():
    x = np.array([5.0, 1.0, 4.0, 2.0])
    np.testing.assert_array_equal(grad(np.median)(x), [0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(grad(np.median)(x[:3]), [0, 0, 1])
    np.testing.assert_array_equal(grad(lambda x: np.quantile(x, 0.25))(x), [0, 0.25, 0, 0.75])


def test_among_equals_the_rank_goes_by_position():
    x = np.array([2.0, 1.0, 2.0, 2.0, 3.0])
    np.testing.assert_array_equal(grad(np.median)(x), [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(grad(np.median)(np.zeros(4)), [0, 0.5, 0.5, 0])
    every = [grad(lambda x, q=q: np.quantile(x, q))(x) for q in np.linspace(0, 1, 5)]
    np.testing.assert_array_equal(every, np.eye(5)[[1, 0, 2, 3, 4]])


def test_few_ranks_and_many_give_the_same(rng):
    x = rng.integers(0, 4, size=(3, 20)).astype(float)
    q = np.linspace(0, 1, 9)
    g = rng.normal(size=(9, 3))
    together = grad(lambda x: np.sum(g * np.quantile(x, q, axis=1)))(x)
    parts = sum(
        grad(lambda x, i=i: np.sum(g[i] * np.quantile(x, q[i], axis=1)))(x) for i in range(9)
    )
    np.testing.assert_allclose(together, parts, rtol=1e-13, atol=1e-15)


def test_nan_takes_the_place_of_all_and_is_skipped_by_the_others():
    x = np.array([[1.0, NAN, 3.0, 2.0], [4.0, 1.0, 2.0, 8.0]])
    for f in (lambda x: np.median(x, 1), lambda x: np.quantile(x, 0.5, 1, method="hazen")):
        out, pullback = autodiff.vjp(f, x)
        np.testing.assert_array_equal(out, [NAN, 3])
        np.testing.assert_array_equal(pullback(np.ones(2))[0], [[0, 1, 0, 0], [0.5, 0, 0.5, 0]])
    for f in (lambda x: np.nanmedian(x, 1), lambda x: np.nanpercentile(x, 50, 1)):
        out, pullback = autodiff.vjp(f, x)
        np.testing.assert_array_equal(out, [2, 3])
        np.testing.assert_array_equal(pullback(np.ones(2))[0], [[0, 0, 0, 1], [0.5, 0, 0.5, 0]])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.nanmedian(x, 1),
        lambda x: np.nanquantile(x, 0.3, 1),
        lambda x: np.nanquantile(x, 0.3, 1, weights=np.ones((2, 3)), method="inverted_cdf"),
    ],
)
def test_nothing_but_nan_is_nan_with_numpys_warning(f):
    x = np.array([[NAN] * 3, [1.0, 2.0, 3.0]])
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        out, pullback = autodiff.vjp(f, x)
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        np.testing.assert_array_equal(out, f(x))
    assert np.sum(pullback(np.array([0.0, 1.0]))[0]) == 1


def test_medians_of_nothing():
    for f in (np.median, np.nanmedian, lambda x: np.nanquantile(x, 0.5)):
        with pytest.warns(RuntimeWarning):
            assert np.isnan(value_and_grad(f)(np.zeros(0))[0])
    with pytest.raises(IndexError, match="no element"):
        grad(lambda x: np.quantile(x, 0.5))(np.zeros(0))


def test_ranks_are_found_anew_in_a_graph(rng):
    x, fresh = rng.normal(size=(2, 4, 6))
    fresh[1, 2] = fresh[1, 3] = NAN
    g = rng.normal(size=(2, 4))
    for f in (
        lambda x: np.quantile(x, [0.2, 0.7], axis=1),
        lambda x: np.nanquantile(x, [0.2, 0.7], axis=1),
        lambda x: np.nanquantile(x, [0.2, 0.7], axis=1, method="averaged_inverted_cdf"),
        lambda x: np.stack([np.nanmedian(x, axis=1), np.median(x, axis=1)]),
    ):
        graph = trace(f, x)
        np.testing.assert_allclose(graph.forward(fresh), f(fresh), rtol=1e-14)
        expected = autodiff.vjp(f, fresh)[1](g)[0]
        np.testing.assert_allclose(graph.backward(g)["x"], expected, rtol=1e-14)


def test_a_quantile_derives_from_its_level():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    assert grad(lambda q: np.quantile(x, q))(0.5) == 3 * 2.0
    assert grad(lambda q: np.percentile(x, q))(90.0) == pytest.approx(3 * 4.0 / 100)
    assert grad(lambda q: np.quantile(x, q, method="lower"))(0.5) == 0.0
    assert grad(lambda q: np.quantile(x, q, method="weibull"))(0.99) == 0.0


def test_weights_choose_and_have_no_slope():
    x = np.array([3.0, 1.0, 2.0])

    def f(x, w):
        return np.quantile(x, 0.5, weights=w, method="inverted_cdf")

    x_bar, w_bar = grad(f, (0, 1))(x, np.array([3.0, 1.0, 1.0]))
    np.testing.assert_array_equal(x_bar, [1, 0, 0])
    np.testing.assert_array_equal(w_bar, 0)
    graph = trace(f, x, np.ones(3))
    assert graph.forward(x, np.array([0.0, 1.0, 0.0])) == 1.0


def test_the_second_order_of_a_trimmed_square(rng):
    x = rng.normal(size=9)
    second = grad(lambda x: np.sum(grad(lambda x: np.quantile(x, 0.4) ** 2)(x)))(x)
    order = np.argsort(x)
    t = np.zeros(9)
    t[order[3]], t[order[4]] = 1 - (8 * 0.4 - 3), 8 * 0.4 - 3
    np.testing.assert_allclose(second, 2 * t, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.quantile(x, 1.5), ValueError, r"range \[0, 1\]"),
        (lambda x: np.quantile(x, x), ValueError, r"range \[0, 1\]"),
        (lambda x: np.percentile(x, [50, -1]), ValueError, r"range \[0, 1\]"),
        (lambda x: np.quantile(x, 0.5, method="cubic"), ValueError, "'cubic' is not a valid"),
        (lambda x: np.quantile(x, 0.5, weights=x), ValueError, "Only method 'inverted_cdf'"),
        (
            lambda x: np.quantile(x, 0.5, weights=-np.ones(3), method="inverted_cdf"),
            ValueError,
            "non-negative",
        ),
        (
            lambda x: np.quantile(x, 0.5, weights=np.zeros(3), method="inverted_cdf"),
            ValueError,
            "all zero",
        ),
        (
            lambda x: np.quantile(x, 0.5, weights=np.ones(2), method="inverted_cdf"),
            TypeError,
            "Axis must be specified",
        ),
        (lambda x: np.median(x, axis=4), ValueError, "out of bounds"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(np.array([3.0, 1.0, -2.0]))

"""Sums, products and means: what the walk and the calls cannot see."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, value_and_grad

MASK = np.array([[True, False, True], [False, True, True]])


def others(x):
    """Return the products of the other elements, one by one."""
    return np.array([np.prod(np.delete(x, i)) for i in range(len(x))])


def second_products(x):
    """Return the Hessian of the product: the products of all but two."""
    n = len(x)
    return np.array(
        [[0.0 if i == j else np.prod(np.delete(x, [i, j])) for j in range(n)] for i in range(n)]
    )


@pytest.mark.parametrize(
    "x",
    [
        [2.0, 0.0, 3.0, 4.0],
        [0.0, 0.0, 3.0, 4.0],
        [0.0, 0.0, 0.0, 4.0],
        [2.0, 3.0, -4.0, 0.0],
        [0.0, 5.0],
        [0.0],
        [-3.0],
    ],
)
def test_products_at_zeros_are_right_twice(x):
    x = np.array(x)
    np.testing.assert_array_equal(grad(np.prod)(x), others(x))
    rows = [grad(lambda x, i=i: grad(np.prod)(x)[i])(x) for i in range(len(x))]
    np.testing.assert_array_equal(np.stack(rows), second_products(x))


def test_products_at_zeros_are_right_three_times():
    x = np.array([0.0, 2.0, 0.0, 0.0])
    third = grad(lambda x: grad(lambda x: grad(np.prod)(x)[0])(x)[2])(x)
    np.testing.assert_array_equal(third, [0, 0, 0, 2])


def test_a_product_over_several_axes_with_zeros(agrees, rng):
    x = rng.normal(size=(2, 3, 4))
    x[0, 1, 2] = x[1, :, 0] = 0.0
    agrees(lambda x: np.prod(x, axis=(0, 2)), x)
    agrees(lambda x: np.prod(x, axis=1, keepdims=True), x)


def test_the_graph_of_a_product_does_not_grow_with_its_length(rng):
    def operations(n):
        return autodiff.trace(lambda x: grad(np.prod)(x)[0], rng.normal(size=n)).operations

    assert operations(5) == operations(500)


def test_what_a_mask_leaves_out_takes_no_part(rng):
    x = np.array([[1.0, np.nan, 2.0], [np.inf, 3.0, 4.0]])
    for f, expected in [
        (lambda x: np.sum(x, where=MASK), np.where(MASK, 1.0, 0.0)),
        (lambda x: np.mean(x, where=MASK), np.where(MASK, 0.25, 0.0)),
        (lambda x: np.prod(x, where=MASK), np.where(MASK, 24 / np.where(MASK, x, 1), 0)),
        (lambda x: np.var(x, where=MASK), np.where(MASK, (np.where(MASK, x, 0) - 2.5) / 2, 0)),
        (lambda x: np.max(x, where=MASK, initial=0), [[0, 0, 0], [0, 0, 1]]),
        (lambda x: np.min(x, where=MASK, initial=9), [[1, 0, 0], [0, 0, 0]]),
    ]:
        value, x_bar = value_and_grad(f)(x)
        assert value == f(x)
        np.testing.assert_allclose(x_bar, expected, rtol=1e-14)


def test_a_mask_that_is_computed_is_computed_anew_in_a_graph():
    graph = autodiff.trace(lambda x: np.mean(x, where=x > 0), np.array([1.0, -2.0, 3.0]))
    assert graph.forward(np.array([-1.0, -2.0, 3.0])) == 3.0
    np.testing.assert_array_equal(graph.backward()["x"], [0, 0, 1])
    graph = autodiff.trace(lambda x: np.std(x, where=x > 0), np.array([1.0, 2.0, 3.0]))
    assert graph.forward(np.array([-1.0, 2.0, 6.0])) == 2.0
    np.testing.assert_array_equal(graph.backward()["x"], [0, -0.5, 0.5])


def test_a_mask_of_a_plain_array_may_be_a_tensor():
    graph = autodiff.trace(lambda x: np.mean(np.array([1.0, 5.0]), where=x > 0) * x[0], np.ones(2))
    assert graph.forward(np.array([3.0, -1.0])) == 3.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_small_types_are_kept_and_summed_as_numpy_sums_them(dtype, rng):
    x = rng.normal(2.0, 1.0, size=(3, 5000)).astype(dtype)
    mask = rng.random(x.shape) < 0.7
    for f in (
        lambda x: np.mean(x),
        lambda x: np.mean(x, axis=1),
        lambda x: np.mean(x, where=mask, axis=1),
        lambda x: np.sum(x, axis=1),
        lambda x: np.var(x, axis=1),
        lambda x: np.std(x, axis=1, where=mask),
        lambda x: np.sum(x, axis=0, where=mask, initial=1.0),
        lambda x: np.max(x, axis=1, where=mask, initial=1.0),
        lambda x: np.average(x, axis=1, weights=x.dtype.type(1) + mask.astype(dtype)),
        lambda x: np.cumprod(x[0, :7]),
        lambda x: np.median(x, axis=1),
        lambda x: np.quantile(x, 0.3, axis=1),
        lambda x: np.linalg.norm(x[:, :9], axis=1),
        lambda x: np.linalg.norm(x[:, :9], 3, axis=1),
    ):
        expected = f(x)
        out, pullback = autodiff.vjp(f, x)
        (x_bar,) = pullback(np.ones_like(expected))
        assert (out.dtype, x_bar.dtype) == (expected.dtype, x.dtype)
        # With a mask NumPy adds one by one, in the small type: ours are closer to the truth.
        np.testing.assert_allclose(out, expected, rtol=16 * np.finfo(dtype).eps)


def test_the_type_to_sum_with():
    x = np.full(10, 0.1, np.float32)
    out, pullback = autodiff.vjp(lambda x: np.sum(x, dtype=np.float64), x)
    assert out.dtype == np.float64
    assert out == np.sum(x, dtype=np.float64)
    assert pullback(1.0)[0].dtype == np.float32
    half = np.ones(5, np.float16)
    assert autodiff.vjp(lambda x: np.mean(x, dtype=np.float32), half)[0].dtype == np.float32


def test_means_of_nothing_are_nan_with_numpys_warning():
    for f in (np.mean, np.var, np.std, np.nanmean, np.nanstd):
        with pytest.warns(RuntimeWarning):
            value, x_bar = value_and_grad(f)(np.zeros(0))
        assert np.isnan(value)
        assert x_bar.shape == (0,)


def test_an_empty_maximum_is_the_initial_number():
    empty = np.zeros((2, 0))
    np.testing.assert_array_equal(
        autodiff.vjp(lambda x: np.max(x, axis=1, initial=3.0), empty)[0], [3, 3]
    )
    assert grad(lambda y: np.sum(np.max(empty + y, axis=1, initial=y)))(3.0) == 2.0


def test_the_initial_number_shares_with_its_equal():
    x_bar, y_bar = grad(lambda x, y: np.max(x, initial=y), (0, 1))(np.array([2.0, 1.0]), 2.0)
    np.testing.assert_array_equal(x_bar, [0.5, 0])
    assert y_bar == 0.5


def test_extrema_at_ties_over_several_axes():
    x = np.array([[[1.0, 3.0], [3.0, 0.0]], [[2.0, 2.0], [2.0, 2.0]]])
    share = [[[0, 0.5], [0.5, 0]], [[0.25, 0.25], [0.25, 0.25]]]
    for f in (np.max, np.nanmax):
        x_bar = grad(lambda x, f=f: np.sum(f(x, axis=(1, 2))))(x)
        np.testing.assert_array_equal(x_bar, share)
    x_bar = grad(lambda x: np.sum(np.ptp(x, axis=(1, 2))))(x)
    np.testing.assert_array_equal(x_bar, np.array(share) - [[[0, 0], [0, 1]], [[0.25] * 2] * 2])


def test_extrema_among_nan():
    x = np.array([[1.0, np.nan, 3.0], [2.0, 2.0, np.nan]])
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(np.nanmax(x, axis=1)))(x), [[0, 0, 1], [0.5, 0.5, 0]]
    )
    np.testing.assert_array_equal(grad(np.max)(np.array([np.nan, 5.0, np.nan])), [0.5, 0, 0.5])
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        assert np.isnan(value_and_grad(np.nanmax)(np.full(3, np.nan))[0])
    assert value_and_grad(lambda x: np.nanmin(x, initial=7.0))(np.full(3, np.nan))[0] == 7.0


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: np.prod(x, dtype=np.int32), autodiff.LostDerivative, "np.prod: dtype=int32"),
        (lambda x: np.cumsum(x, dtype=bool), autodiff.LostDerivative, "np.cumsum: dtype=bool"),
        (lambda x: np.sum(x, where=[1, 0, 1]), TypeError, "where= is of dtype int64"),
        (lambda x: np.sum(x, where=np.ones((4, 2, 3), bool)), ValueError, "does not fit"),
        (lambda x: np.sum(x, initial=np.ones(3)), ValueError, "initial= is one number"),
        (lambda x: np.max(x, where=MASK), ValueError, "where= needs initial="),
        (lambda x: np.max(x, axis=3), ValueError, "max: axis 3 is out of bounds"),
        (lambda x: np.var(x, ddof=1, correction=1), ValueError, "simultaneously"),
        (lambda x: np.cumprod(x[0, 0], axis=1), ValueError, "axis 1 is out of bounds"),
        (lambda x: np.cumulative_sum(x), ValueError, "cumulative_sum: an array of shape"),
        (lambda x: np.histogram(x), autodiff.Undifferentiable, "np.bincount"),
        (lambda x: np.histogram([1.0], weights=x), ValueError, "weights of shape"),
        (lambda x: np.histogram2d(x[0], x[1]), autodiff.Undifferentiable, "crosses its edge"),
        (lambda x: np.bincount(x[0]), autodiff.LostDerivative, "decide the shape"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=(2, 3)))


def test_logsumexp_by_composition_is_stable():
    def logsumexp(x, axis):
        top = np.max(x, axis=axis, keepdims=True)
        return np.log(np.sum(np.exp(x - top), axis=axis)) + np.squeeze(top, axis)

    x = np.array([[1000.0, 1001.0, 999.0], [-1000.0, -1000.0, -1003.0], [0.0, 0.0, 0.0]])
    out, pullback = autodiff.vjp(lambda x: logsumexp(x, 1), x)
    softmax = np.exp(x - np.logaddexp.reduce(x, axis=1, keepdims=True))
    np.testing.assert_allclose(out, np.logaddexp.reduce(x, axis=1), rtol=1e-15)
    np.testing.assert_allclose(pullback(np.ones(3))[0], softmax, rtol=1e-13)
    second = grad(lambda x: grad(lambda x: logsumexp(x, 0))(x)[0])(x[0])
    expected = softmax[0, 0] * (np.array([1.0, 0, 0]) - softmax[0])
    np.testing.assert_allclose(second, expected, rtol=1e-12, atol=1e-15)

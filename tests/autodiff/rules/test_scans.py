"""Running products at zeros, running extrema at ties, and picking by position."""

import dataclasses

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace
from autodiff.rules.picking import pick
from autodiff.rules.scans import RECURRENCE, maximum_accumulate, minimum_accumulate

ZEROS = [
    [2.0, 0.0, 3.0, -4.0, 5.0],
    [0.0, 2.0, 3.0, 0.0, 5.0],
    [0.0, 0.0, 3.0, 4.0],
    [1.0, 0.0, 0.0, 0.0, 6.0, 7.0],
    [0.0],
]


def loop(x):
    """Return the running product without a scan, so that its rules are those of a product."""
    out, total = [], 1.0
    for i in range(len(x)):
        total = total * x[i]
        out.append(total)
    return np.stack(out)


@pytest.mark.parametrize("x", ZEROS)
def test_running_products_at_zeros_are_right_twice(x, rng):
    x = np.array(x)
    w, v = rng.normal(size=(2, len(x)))

    def first(scan):
        return grad(lambda x: np.sum(w * scan(x)))

    def second(scan):
        return grad(lambda x: np.sum(v * first(scan)(x)))

    def third(scan):
        return grad(lambda x: np.sum(v**2 * second(scan)(x)))

    for order in (first, second, third):
        np.testing.assert_allclose(order(np.cumprod)(x), order(loop)(x), rtol=1e-13, atol=1e-14)


def test_running_products_by_hand():
    x = np.array([2.0, 0.0, 3.0, 5.0])
    np.testing.assert_array_equal(grad(lambda x: np.cumprod(x)[2])(x), [0, 6, 0, 0])
    np.testing.assert_array_equal(
        grad(lambda x: grad(lambda x: np.cumprod(x)[3])(x)[1])(x), [15, 0, 10, 6]
    )


def test_both_modes_at_zeros(rng):
    for x in map(np.array, ZEROS):
        out = np.cumprod(x)
        g, x_dot = rng.normal(size=(2, len(x)))
        primitive = autodiff.rules.scans.CUMPROD
        x_bar = primitive.vjp(0)(g, out, x, axis=0)
        out_dot = primitive.jvp(0)(x_dot, out, x, axis=0)
        np.testing.assert_allclose(x_bar @ x_dot, g @ out_dot, rtol=1e-13)


def test_a_long_scan_is_no_longer_graph(rng):
    def operations(n):
        f = lambda x: np.sum(grad(lambda x: np.sum(np.cumprod(x)))(x))  # noqa: E731
        return trace(f, rng.uniform(0.5, 1.5, size=n)).operations

    assert operations(4) == operations(3000)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 31, 1000])
def test_the_recurrence_is_that_of_single_steps(n, rng):
    a, b = rng.normal(size=(2, 3, n))
    expected, y = [], np.zeros(3)
    for i in range(n):
        y = a[:, i] * y + b[:, i]
        expected.append(y)
    out = RECURRENCE.function(a, b, axis=1)
    np.testing.assert_allclose(out, np.stack(expected, 1), rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(out, RECURRENCE.function(a.T, b.T, axis=0).T)


def test_steps_put_together_may_overflow_where_single_ones_do_not():
    b = np.zeros(400)
    b[-3:] = 1.0
    out = RECURRENCE.function(np.full(400, 1e3), b, axis=0)
    np.testing.assert_array_equal(out[:-3], 0)
    np.testing.assert_allclose(out[-3:], [1, 1001, 1001001], rtol=1e-15)


def test_running_extrema_take_from_the_first_of_equals(agrees, rng):
    x = np.array([1.0, 3.0, 3.0, 2.0, 5.0, 5.0])
    g = 10.0 ** np.arange(6)
    x_bar = grad(lambda x: np.sum(g * maximum_accumulate(x)))(x)
    np.testing.assert_array_equal(x_bar, [1, 1110, 0, 0, 110000, 0])
    x_bar = grad(lambda x: np.sum(g * minimum_accumulate(-x)))(x)
    np.testing.assert_array_equal(x_bar, [-1, -1110, 0, 0, -110000, 0])


def test_running_extrema_are_numpys_and_run_again_in_a_graph(rng):
    for ufunc, ours in [(np.maximum, maximum_accumulate), (np.minimum, minimum_accumulate)]:
        for axis in (0, -2, 2):
            x, fresh = rng.integers(-3, 3, size=(2, 3, 4, 5)).astype(float)
            x[1, 2, 3] = np.nan
            fresh[0, 0, 0] = np.nan
            out, pullback = autodiff.vjp(lambda x, f=ours, axis=axis: f(x, axis), x)
            np.testing.assert_array_equal(out, ufunc.accumulate(x, axis))
            graph = trace(lambda x, f=ours, axis=axis: f(x, axis), x)
            np.testing.assert_array_equal(graph.forward(fresh), ufunc.accumulate(fresh, axis))
            g = rng.normal(size=x.shape)
            expected = autodiff.vjp(lambda x, f=ours, axis=axis: f(x, axis), fresh)[1](g)[0]
            np.testing.assert_array_equal(graph.backward(g)["x"], expected)
            np.testing.assert_allclose(np.sum(pullback(g)[0]), np.sum(g))


def test_running_extrema_twice_and_of_nothing():
    x = np.array([1.0, -2.0, 3.0])
    second = grad(lambda x: np.sum(grad(lambda x: np.sum(maximum_accumulate(x) ** 3))(x)))
    np.testing.assert_array_equal(second(x), [12, 0, 18])
    assert autodiff.vjp(lambda x: maximum_accumulate(x), np.zeros((0, 2)))[0].shape == (0, 2)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        grad(lambda x: np.sum(maximum_accumulate(x, axis=2)))(x)


def test_a_running_maximum_after_nan_is_nan_and_derives_from_it():
    x = np.array([1.0, np.nan, 3.0, np.nan])
    x_bar = grad(lambda x: np.sum(maximum_accumulate(x) * np.array([1.0, 10.0, 100.0, 1000.0])))(x)
    np.testing.assert_array_equal(x_bar, [1, 1110, 0, 0])


def test_picking_adds_up_what_is_picked_twice():
    x = np.array([[1.0, 2.0, 3.0]])
    places = np.array([[2, 2, 0, 2]])
    x_bar = grad(lambda x: np.sum(pick(x, places) * np.array([1.0, 2.0, 4.0, 8.0])))(x)
    np.testing.assert_array_equal(x_bar, [[4, 0, 11]])


def test_a_planted_mistake_is_caught(rng):
    a, b, g, b_dot = rng.normal(size=(4, 5))
    wrong = dataclasses.replace(
        RECURRENCE, vjps=(RECURRENCE.vjps[0], lambda g, out, a, b, *, axis: g)
    )
    out = RECURRENCE.function(a, b, axis=0)
    out_dot = RECURRENCE.jvp(1)(b_dot, out, a, b, axis=0)
    right = RECURRENCE.vjp(1)(g, out, a, b, axis=0) @ b_dot
    np.testing.assert_allclose(right, g @ out_dot)
    assert not np.isclose(wrong.vjp(1)(g, out, a, b, axis=0) @ b_dot, right)

"""Points where a derivative does not exist or a formula divides by zero, NaN and infinity."""

import numpy as np
import pytest

from autodiff import compile, grad, hessian, jvp, trace, value_and_grad

NAN, INF = np.nan, np.inf


@pytest.mark.each(
    ("f", "x", "expected"),
    [
        (np.abs, 0.0, 0.0),
        (np.fabs, 0.0, 0.0),
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: x**2.0, -3.0, -6.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**0.0, 2.0, 0.0),
        (lambda x: x**3, -2.0, 12.0),
        (lambda x: x**-1, 2.0, -0.25),
        (lambda x: x ** np.array(0.0), 0.0, 0.0),
        (lambda x: x ** np.array(1), 0.0, 1.0),
        (lambda x: np.float64(0.0) ** x, 0.0, -INF),
        (lambda x: 0.0**x, 2.0, 0.0),
        (lambda x: 2.0**x, 0.0, np.log(2.0)),
        (lambda x: np.maximum(x, x), 1.0, 1.0),
        (lambda x: np.maximum(x, 0.0), 0.0, 0.5),
        (lambda x: np.minimum(0.0, x), 0.0, 0.5),
        (lambda x: np.fmax(x, NAN), 2.0, 1.0),
        (lambda x: np.fmin(NAN, x), 2.0, 1.0),
        (lambda x: np.clip(x, 0.0, 1.0), 1.0, 0.5),
        (np.sign, 0.0, 0.0),
        (np.floor, 2.5, 0.0),
        (lambda x: np.heaviside(0.0, x), 0.3, 1.0),
        (lambda x: np.heaviside(x, 0.5), 0.0, 0.0),
        (lambda x: np.remainder(7.3, x), 2.0, -3.0),
        (lambda x: np.remainder(x, 2.0), -7.3, 1.0),
        (lambda x: np.remainder(-7.3, x), 2.0, 4.0),
        (lambda x: np.fmod(-7.3, x), 2.0, 3.0),
        (lambda x: 0.3 % x, 0.1, -2.0),
        (lambda x: np.copysign(x, -1.0), 2.0, -1.0),
        (lambda x: np.logaddexp(x, 1000.0), 1000.0, 0.5),
        (lambda x: np.hypot(x, 0.0), 3.0, 1.0),
        (lambda x: np.hypot(x, x), 0.0, 0.0),
        (lambda x: np.copysign(x, -1.0), 0.0, 0.0),
        (lambda x: np.logaddexp(x, -INF), -INF, 0.5),
        (np.sinc, 0.0, 0.0),
        (np.expm1, -INF, 0.0),
        (np.arcsinh, INF, 0.0),
        (lambda x: np.heaviside(x, 0.5) * x, 0.0, 0.5),
        (lambda x: np.arctan2(x, -1.0), 0.0, -1.0),
        (lambda x: x * INF, 1.0, INF),
        (lambda x: np.tanh(x), 800.0, 0.0),
        (lambda x: 1 / x, INF, 0.0),
        (np.exp, -INF, 0.0),
        (lambda x: x + NAN, 1.0, 1.0),
        (lambda x: x * NAN, 1.0, NAN),
        (np.exp, NAN, NAN),
        (lambda x: np.maximum(x, 0.0), NAN, 1.0),
        (lambda x: np.minimum(x, 0.0), NAN, 1.0),
        (lambda x: np.where(x > 0, x, 0.0), NAN, 0.0),
    ],
)
def test_conventions_at_a_point(f, x, expected):
    np.testing.assert_allclose(grad(f)(x), expected, rtol=1e-13)
    graph = trace(f, x)
    value = graph.forward(x)
    np.testing.assert_array_equal(value, f(np.float64(x)))
    np.testing.assert_allclose(graph.backward()[next(iter(graph.inputs))], expected, rtol=1e-13)


@pytest.mark.each(
    ("f", "x", "expected"),
    [
        (np.sqrt, 0.0, INF),
        (np.log, 0.0, INF),
        (np.cbrt, 0.0, INF),
        (lambda x: x / 0, 2.0, INF),
        (lambda x: x / 0.0, 2.0, INF),
        (lambda x: x / np.float64(0.0), 2.0, INF),
        (lambda x: x**0.5, 0.0, INF),
        (lambda x: np.arctan2(x, x), 0.0, NAN),
        (np.arcsin, 1.0, INF),
        (np.arctanh, 1.0, INF),
        (np.log1p, -1.0, INF),
        (lambda x: np.mean(x * np.zeros(0)), 1.0, 0.0),
    ],
)
def test_infinite_slopes_are_numbers_with_numpys_warning(f, x, expected):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(grad(f)(x), expected)


LENGTHS = [
    np.linalg.norm,
    lambda x: np.sum(np.linalg.norm(x[None], axis=1)),
    lambda x: np.linalg.norm(x, 3),
    lambda x: np.linalg.norm(np.outer(x, x)),
    lambda x: np.linalg.norm(np.outer(x, x), 2),
    np.std,
    lambda x: np.hypot(x[0], x[1]),
]


@pytest.mark.each(
    "f",
    [
        *LENGTHS,
        lambda x: np.linalg.norm(np.outer(x, x), "nuc"),
        lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)),
        lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)),
        lambda x: np.sum(np.where(x > 0, 1 / x, 0.0)),
        lambda x: np.sum(np.where(x > 0, x**0.5, 0.0)),
        lambda x: np.sum(np.where(x > 0, 1 / np.sqrt(x), 0.0)),
        lambda x: np.sum(np.where(x > 0, np.sqrt(x * x * x), 0.0)),
        lambda x: np.sum(np.where(x > 0, np.exp(2 * np.log(x)), 0.0)),
        lambda x: np.where(np.linalg.norm(x) > 0, np.linalg.norm(x), 0.0),
    ],
)
def test_no_nan_at_zero(f):
    x = np.zeros(3)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(grad(f)(x), np.zeros(3))
        assert jvp(f, (x,), (np.ones(3),))[1] == 0.0
        # The slope of a length is 0 at 0 by convention, which has no derivative.
        assert np.all(np.isfinite(hessian(f)(x))) == (f not in LENGTHS)


def test_products_with_infinity_that_a_mask_leaves_out_are_zero():
    x = np.zeros(2)
    with np.errstate(all="ignore"):
        x_bar = grad(lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)))(x)
    np.testing.assert_array_equal(x_bar, np.zeros(2))


def test_equal_extrema_share_evenly():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    share = np.array([[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(grad(lambda x: np.sum(np.max(x, axis=1)))(x), share)
    np.testing.assert_allclose(grad(lambda x: np.sum(np.min(-x, axis=1)))(x), -share)
    np.testing.assert_allclose(grad(lambda x: np.max(x))(np.ones((2, 2))), np.full((2, 2), 0.25))
    x_bar, y_bar = grad(np.maximum, (0, 1))(1.0, 1.0)
    assert (x_bar, y_bar) == (0.5, 0.5)
    np.testing.assert_array_equal(grad(np.max)(np.array([1.0, NAN, 3.0])), [0, 1, 0])


def test_products_with_zeros():
    for x, expected in [
        ([2.0, 0.0, 3.0], [0, 6, 0]),
        ([0.0, 0.0, 3.0], [0, 0, 0]),
        ([0.0], [1]),
    ]:
        np.testing.assert_array_equal(grad(np.prod)(np.array(x)), expected)
    second = grad(lambda x: np.sum(grad(np.prod)(x) * np.array([1.0, 2.0, 4.0])))
    np.testing.assert_array_equal(second(np.array([0.0, 0.0, 3.0])), [6 + 0, 3 + 0, 0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd])
def test_no_degrees_of_freedom_are_no_derivative(function):
    x = np.array([1.0, 2.0, 5.0])
    only = np.array([True, False, False])
    for options in ({"ddof": 3}, {"ddof": 5, "keepdims": True}, {"ddof": 3, "dtype": float}):
        f = lambda x, options=options: np.sum(function(x, **options))  # noqa: E731
        value, found = value_and_grad(f)(x)
        assert np.array_equal(value, np.sum(function(x, **options)), equal_nan=True)  # NumPy's own
        assert np.isnan(found).all()
        assert np.isnan(jvp(f, (x,), (x,))[1])
        plan = compile(grad(f))
        assert all(np.isnan(plan(x)).all() for _ in range(2))
    found = grad(lambda x: function(x, ddof=1, where=only))(x)
    np.testing.assert_array_equal(found, [np.nan, 0, 0])
    masked = lambda x: np.sum(np.where(x > 9, function(x, ddof=3), x))  # noqa: E731
    np.testing.assert_array_equal(grad(masked)(x), 1.0)


def test_variance_with_more_ddof_than_elements_is_numpys():
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        value, _ = value_and_grad(lambda x: np.var(x, ddof=3))(np.array([1.0, 2.0]))
    assert value == INF  # NumPy's own, which does not divide by -1


def test_empty_arrays():
    empty = np.zeros((0, 3))
    for f in (
        np.sum,
        np.prod,
        lambda x: np.sum(x @ np.ones((3, 2))),
        lambda x: np.sum(x[:, 0] * x[:, 1]),
    ):
        value, x_bar = value_and_grad(f)(empty)
        assert value == f(empty)
        assert x_bar.shape == (0, 3)
    np.testing.assert_array_equal(
        grad(lambda w: np.sum(empty @ w))(np.ones((3, 2))), np.zeros((3, 2))
    )


def test_nan_and_infinity_among_the_inputs_flow_through():
    x = np.array([1.0, NAN, INF])
    value, x_bar = value_and_grad(lambda x: np.sum(x * x))(x)
    assert np.isnan(value)
    np.testing.assert_array_equal(x_bar, 2 * x)

"""Derivatives of elementwise functions against 50 digits; every ufunc of NumPy is accounted for."""

import mpmath
import numpy as np
import pytest

import autodiff
from autodiff import grad, value_and_grad
from autodiff.core.primitive import REFUSED, TUPLES, UFUNCS

#: Relative error: a few roundings, of a few operations.
DIGITS = 6 * np.finfo(float).eps

TINY, LARGE, HUGE = 1e-300, 1e18, 1e200
NEAR_ONE = [1 - 2.0**-k for k in (1, 10, 30, 53)]

mp = mpmath.mp
one = mpmath.mpf(1)


def sech2(x):
    return 1 / mpmath.cosh(x) ** 2


#: Function, its derivative in exact arithmetic, where.
ONE_ARGUMENT = [
    (np.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x)), [TINY, 1e-10, 2.0, HUGE]),
    (np.cbrt, lambda x: 1 / (3 * mpmath.cbrt(x) ** 2), [TINY, 1e-10, 2.0, HUGE]),
    (np.reciprocal, lambda x: -1 / x**2, [1e-150, -0.3, 2.0, 1e150]),
    (np.square, lambda x: 2 * x, [TINY, -0.3, 1e150]),
    (np.exp, mpmath.exp, [-700.0, -1.0, TINY, 1.0, 700.0]),
    (np.exp2, lambda x: mpmath.log(2) * 2**x, [-1000.5, -1.3, 1e-20, 900.25]),
    (np.expm1, mpmath.exp, [-700.0, -40.0, -1.0, 1e-20, 3.0, 700.0]),
    (np.log, lambda x: 1 / x, [1e-300, 0.5, *NEAR_ONE, HUGE]),
    (np.log2, lambda x: 1 / (x * mpmath.log(2)), [1e-300, 0.5, HUGE]),
    (np.log10, lambda x: 1 / (x * mpmath.log(10)), [1e-300, 0.5, HUGE]),
    (np.log1p, lambda x: 1 / (1 + x), [-1 + 2.0**-53, -0.999, -0.5, 1e-20, 3.0, HUGE]),
    (np.sin, mpmath.cos, [1e-20, 1.57, 3.0, 1e5]),
    (np.cos, lambda x: -mpmath.sin(x), [1e-20, 1.57, 3.14159, 1e5]),
    (np.tan, lambda x: 1 / mpmath.cos(x) ** 2, [1e-20, 1.5, 1.5707963, 3.0]),
    (np.arcsin, lambda x: 1 / mpmath.sqrt(1 - x * x), [1e-20, 0.5, *NEAR_ONE, -NEAR_ONE[2]]),
    (np.arccos, lambda x: -1 / mpmath.sqrt(1 - x * x), [1e-20, 0.5, *NEAR_ONE, -NEAR_ONE[2]]),
    (np.arctan, lambda x: 1 / (1 + x * x), [1e-20, 1.0, 1e8, 1e150]),
    (np.sinh, mpmath.cosh, [1e-20, 1.0, 700.0]),
    (np.cosh, mpmath.sinh, [1e-20, 1.0, -700.0]),
    (np.arcsinh, lambda x: 1 / mpmath.sqrt(1 + x * x), [1e-20, 1.0, -LARGE, HUGE]),
    (np.arccosh, lambda x: 1 / mpmath.sqrt((x - 1) * (x + 1)), [1 + 2.0**-52, 1.5, LARGE, HUGE]),
    (np.arctanh, lambda x: 1 / (1 - x * x), [1e-20, 0.5, *NEAR_ONE, -NEAR_ONE[2]]),
    (np.deg2rad, lambda x: mpmath.pi / 180, [1.0]),
    (np.radians, lambda x: mpmath.pi / 180, [1.0]),
    (np.rad2deg, lambda x: 180 / mpmath.pi, [1.0]),
    (np.degrees, lambda x: 180 / mpmath.pi, [1.0]),
    (lambda x: x**0.5, lambda x: 1 / (2 * mpmath.sqrt(x)), [TINY, 2.0, HUGE]),
    (lambda x: x**3, lambda x: 3 * x**2, [-1e-50, -2.0, 1e90]),
    (lambda x: x**-2, lambda x: -2 / x**3, [-1e-50, -2.0, 1e90]),
    (lambda x: x ** np.array(5), lambda x: 5 * x**4, [-1e-50, -2.0, 1e60]),
    (lambda x: 2**x, lambda x: mpmath.log(2) * 2**x, [-10.5, 0.1, 20.25]),
]
#: The same for two arguments, with both partial derivatives.
TWO_ARGUMENTS = [
    (
        np.hypot,
        lambda x, y: x / mpmath.hypot(x, y),
        lambda x, y: y / mpmath.hypot(x, y),
        [(1e-200, 1e-200), (3.0, 4.0), (HUGE, -HUGE), (1e-9, 1e9)],
    ),
    (
        np.arctan2,
        lambda y, x: x / (x * x + y * y),
        lambda y, x: -y / (x * x + y * y),
        [(1e-200, 1e-200), (3.0, -4.0), (HUGE, -HUGE), (1e-9, 1e9), (1e150, 1e-5)],
    ),
    (
        np.logaddexp,
        lambda x, y: 1 / (1 + mpmath.exp(y - x)),
        lambda x, y: 1 / (1 + mpmath.exp(x - y)),
        [(0.0, 0.0), (-1e5, -1e5 + 1), (1e9, 1e9 + 2), (-3.0, 4.0), (0.0, 40.0), (5.0, 0.0)],
    ),
    (
        np.logaddexp2,
        lambda x, y: 1 / (1 + 2 ** (y - x)),
        lambda x, y: 1 / (1 + 2 ** (x - y)),
        [(0.0, 0.0), (-1e5, -1e5 + 1), (-3.0, 4.0), (0.0, 40.0)],
    ),
    (
        np.power,
        lambda x, y: y * x ** (y - 1),
        lambda x, y: x**y * mpmath.log(x),
        [(1e-5, 2.5), (3.0, -1.5), (0.999, 30.0), (2.0, 0.0)],
    ),
    (
        np.float_power,
        lambda x, y: y * x ** (y - 1),
        lambda x, y: x**y * mpmath.log(x),
        [(1e-5, 2.5), (3.0, -1.5), (2.0, 0.0)],
    ),
    (
        np.divide,
        lambda x, y: 1 / y,
        lambda x, y: -x / y**2,
        [(1e-200, 1e-50), (3.0, -0.1), (HUGE, 1e50)],
    ),
    (
        np.remainder,
        lambda x, y: one,
        lambda x, y: -mpmath.floor(x / y),
        [(7.3, 2.0), (-7.3, 2.0), (1e10, 3.0), (0.3, 0.1)],
    ),
    (
        np.fmod,
        lambda x, y: one,
        lambda x, y: -mpmath.sign(x / y) * mpmath.floor(abs(x / y)),
        [(7.3, 2.0), (-7.3, 2.0), (1e10, 3.0), (0.3, 0.1)],
    ),
]


def relative_error(found, exact):
    return float(abs((mpmath.mpf(float(found)) - exact) / exact)) if exact else abs(float(found))


def name(f):
    return getattr(f, "__name__", "f")


@pytest.mark.each(
    ("f", "derivative", "x"),
    [
        pytest.param(f, derivative, x, id=f"{name(f)}-{x:.3g}")
        for f, derivative, points in ONE_ARGUMENT
        for x in points
    ],
)
def test_derivatives_keep_their_digits(f, derivative, x):
    with mpmath.workdps(50):
        exact = derivative(mpmath.mpf(x))
        assert relative_error(grad(f)(x), exact) <= DIGITS


@pytest.mark.each(
    ("f", "by_x", "by_y", "x", "y"),
    [
        pytest.param(f, by_x, by_y, *point, id=f"{name(f)}-{point[0]:.3g},{point[1]:.3g}")
        for f, by_x, by_y, points in TWO_ARGUMENTS
        for point in points
    ],
)
def test_partial_derivatives_keep_their_digits(f, by_x, by_y, x, y):
    # The exponential of a difference rounds that first.
    digits = DIGITS * max(1.0, abs(y - x) / 4 if f in (np.logaddexp, np.logaddexp2) else 1.0)
    with mpmath.workdps(350):
        exact = [partial(mpmath.mpf(x), mpmath.mpf(y)) for partial in (by_x, by_y)]
        for found, truth in zip(grad(f, (0, 1))(x, y), exact, strict=True):
            assert relative_error(found, truth) <= digits
    for argnum, truth in enumerate(exact):
        other = (lambda x, y=y: f(x, y)) if argnum == 0 else (lambda y, x=x: f(x, y))
        assert relative_error(grad(other)((x, y)[argnum]), truth) <= digits


@pytest.mark.each("order", [1, 2, 3, 4, 5])
@pytest.mark.each("x", [0.0, 1e-8, 1e-3, 0.1, 0.31, 0.33, 0.7, 0.96, 1.3, 1.7, 5.2, -0.2, 40.3])
def test_sinc_keeps_its_digits_in_every_order(order, x):
    f = np.sinc
    for _ in range(order):
        f = grad(f)
    with mpmath.workdps(60):
        exact = mpmath.diff(mpmath.sincpi, mpmath.mpf(x), order)
        if order % 2 == 1 and x == 0.0:
            exact = 0
        # Near the zeros of a derivative its digits are those of the largest it has nearby.
        assert abs(float(f(x) - exact)) <= 1e-14 * max(abs(float(exact)), 0.02 * np.pi**order)


def test_the_slope_of_sinc_near_zero_keeps_its_relative_digits():
    for x in (1e-300, 1e-12, 1e-3, 0.1, 0.3):
        with mpmath.workdps(50):
            exact = (
                mpmath.diff(mpmath.sincpi, mpmath.mpf(x)) if x > 1e-9 else -(mpmath.pi**2) * x / 3
            )
            assert relative_error(grad(np.sinc)(x), exact) <= DIGITS


@pytest.mark.parametrize("x", [0.0, 1e-9, -0.7, 3.0, 30.0])
def test_slope_of_the_bessel_function(x):
    with mpmath.workdps(40):
        exact = mpmath.besseli(1, mpmath.mpf(x))
        assert relative_error(grad(np.i0)(x), exact) <= 2e-15


def test_slope_of_tanh_has_an_absolute_error():
    for x in (0.0, 0.3, 3.0, 10.0, 19.5, 800.0):
        with mpmath.workdps(50):
            assert abs(float(grad(np.tanh)(x) - sech2(mpmath.mpf(x)))) <= 2.3e-16


def test_every_ufunc_of_numpy_has_a_rule_or_a_reason():
    ufuncs = {f for f in vars(np).values() if isinstance(f, np.ufunc)}
    # Products of vectors and matrices belong with the other products.
    products = {f for f in ufuncs if f.signature is not None}
    assert not ufuncs - products - set(UFUNCS) - set(TUPLES) - set(REFUSED)


@pytest.mark.each("f", [f for f in UFUNCS if f in vars(np).values() and not f.signature])
def test_complex_is_claimed_where_numpy_has_it(f):
    entry = UFUNCS[f]
    has_complex = any(types.split("->")[0].strip("D") == "" for types in f.types)
    assert not entry.complex or has_complex
    if entry.differentiable:
        assert entry.complex == has_complex


@pytest.mark.each(
    ("f", "x"),
    [
        (np.sqrt, 0.0),
        (np.sqrt, -1.0),
        (np.cbrt, 0.0),
        (np.reciprocal, 0.0),
        (np.log, 0.0),
        (np.log, -1.0),
        (np.log2, 0.0),
        (np.log10, 0.0),
        (np.log1p, -1.0),
        (np.expm1, 1e4),
        (np.exp2, 1e4),
        (np.sinh, 1e4),
        (np.cosh, 1e4),
        (np.arcsin, 1.0),
        (np.arccos, -1.0),
        (np.arccosh, 1.0),
        (np.arccosh, 0.0),
        (np.arctanh, 1.0),
        (lambda x: 1.0 / x, 0.0),
        (lambda x: x / x, 0.0),
        (lambda x: x**0.5, 0.0),
        (lambda x: x**-1, 0.0),
        (lambda x: x**x, -0.5),
        (lambda x: np.float_power(x, 0.3), 0.0),
        (lambda x: np.arctan2(x, x), 0.0),
        (lambda x: np.hypot(x, x), 0.0),
        (lambda x: np.remainder(x, x), 0.0),
        (lambda x: np.fmod(x, x), 0.0),
    ],
)
def test_what_is_not_chosen_has_no_derivative(f, x):
    """``np.where`` beside a singularity: 0 times infinity is 0, in both modes of running."""

    def chosen(x):
        return np.sum(np.where(np.array([True, True]), x, f(x)))

    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(grad(chosen)(x), 2.0)
        graph = autodiff.trace(chosen, x)
        graph.forward(x)
        assert graph.backward()["x"] == 2.0


def test_ties_and_extrema_keep_the_data_type():
    x = np.array([-1.0, 0.0, 2.0], np.float32)
    for f, expected in [
        (lambda x: np.maximum(x, 0.0), [0, 0.5, 1]),
        (lambda x: np.minimum(0.0, x), [1, 0.5, 0]),
        (lambda x: np.fmax(x, 0.0), [0, 0.5, 1]),
        (lambda x: np.fmin(x, np.nan), [1, 1, 1]),
    ]:
        x_bar = grad(lambda x, f=f: np.sum(f(x)))(x)
        assert x_bar.dtype == np.float32
        np.testing.assert_array_equal(x_bar, expected)


def test_a_replayed_graph_meets_ties_that_the_trace_did_not():
    graph = autodiff.trace(lambda x: np.sum(np.maximum(x, 0.0)), np.array([1.0, -1.0]))
    graph.forward(np.array([0.0, 3.0]))
    np.testing.assert_array_equal(graph.backward()["x"], [0.5, 1.0])


def test_logaddexp_of_nothing():
    x, y = np.array([-np.inf, -np.inf, 0.0]), np.array([-np.inf, 1.0, -np.inf])
    x_bar, y_bar = grad(lambda x, y: np.sum(np.logaddexp(x, y)[1:]), (0, 1))(x, y)
    np.testing.assert_array_equal(x_bar, [0, 0, 1])
    np.testing.assert_array_equal(y_bar, [0, 1, 0])
    for share in grad(np.logaddexp, (0, 1))(-np.inf, -np.inf):
        assert share == 0.5
    assert grad(lambda x: np.logaddexp(x, -np.inf))(1.0) == 1.0


def test_powers_of_and_by_integers():
    x = np.array([-2.0, 0.0, 3.0])
    exponents = np.array([0, 1, 2])
    np.testing.assert_array_equal(grad(lambda x: np.sum(x**exponents))(x), [0, 1, 6])
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(x ** exponents.astype(float)))(x), [0, 1, 6]
    )
    np.testing.assert_array_equal(grad(lambda x: np.sum(x ** np.uint8(0)))(x), [0, 0, 0])
    with np.errstate(all="ignore"):
        # 0**y is 0 for y > 0 and infinite for y < 0; at 0 it falls from 1.
        np.testing.assert_array_equal(
            grad(lambda y: np.sum(0.0**y))(np.array([0.0, 2.0, -1.0])), [-np.inf, 0, -np.inf]
        )
    y_bar = grad(lambda y: np.sum(np.array([2, 1, 4]) ** y))(np.array([1.0, 2.0, 0.5]))
    np.testing.assert_allclose(y_bar, [2 * np.log(2), 0, 2 * np.log(4)], rtol=1e-15)


def test_float32_beside_plain_numbers_is_computed_in_float32():
    x = np.array([0.5, 2.0], np.float32)
    for f in (
        lambda x: np.logaddexp(0.0, x),
        lambda x: x**3,
        lambda x: 2.0**x,
        lambda x: np.hypot(x, 1.0),
        np.arcsinh,
        np.sinc,
    ):
        value, x_bar = value_and_grad(lambda x, f=f: np.sum(f(x)))(x)
        assert (value.dtype, x_bar.dtype) == (np.float32, np.float32)


def test_large_powers_of_two_scale_without_overflow():
    x, n = np.array([3e-200, 1.0]), np.array([1100, -3])
    np.testing.assert_array_equal(grad(lambda x: np.sum(1e-300 * np.ldexp(x, n)))(x)[1], 1.25e-301)
    _, pull = autodiff.vjp(lambda x: np.ldexp(x, 1030), np.float64(1e-20))
    np.testing.assert_array_equal(pull(1e-10)[0], np.ldexp(1e-10, 1030))
    graph = autodiff.trace(lambda x: np.sum(np.ldexp(x, n)), np.ones(2) * 1e-200)
    np.testing.assert_array_equal(graph.forward(x), np.sum(np.ldexp(x, n)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (np.frexp, "frexp of a tensor: its mantissa jumps"),
        (np.spacing, "spacing of a tensor: the distance"),
        (lambda x: np.nextafter(x, 1.0), "nextafter of a tensor: the distance"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(autodiff.Undifferentiable, match=message):
        grad(lambda x: np.sum(call(x)))(np.ones(3))


def test_two_results():
    x = np.array([2.75, -2.75, 0.0, -0.0, np.inf, -np.inf])
    for f, argument in [
        (np.modf, x),
        (lambda x: divmod(x, 2.0), x[:4]),
        (lambda x: np.divmod(x, -2.0), x[:4]),
    ]:
        for i in range(2):
            graph = autodiff.trace(lambda x, f=f, i=i: f(x)[i], argument)
            found, expected = graph.forward(argument), f(argument)[i]
            np.testing.assert_array_equal(found, expected)
            np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.modf(x)[0]))(x[:4]), np.ones(4))
    np.testing.assert_array_equal(grad(lambda x: np.sum(x * np.modf(x)[1]))(x[:2]), [2, -2])


def test_functions_of_integers_are_recorded_for_another_run():
    def f(x):
        n = 5 * (x > 4.0).astype(int) + 4
        return np.sum(x * np.gcd(n, 6) + x * np.left_shift(n, 1) * np.bitwise_count(n))

    x, fresh = np.array([4.5, 9.25]), np.array([3.5, 7.5])
    graph = autodiff.trace(f, x)
    np.testing.assert_array_equal(graph.forward(fresh), f(fresh))
    np.testing.assert_array_equal(graph.backward()["x"], [2 + 8 * 1, 3 + 18 * 2])


def test_emath_stays_real_where_it_can(agrees, rng):
    x = rng.uniform(0.1, 0.9, size=(2, 3))
    for f in (
        np.emath.sqrt,
        np.emath.log,
        np.emath.log2,
        np.emath.log10,
        np.emath.arcsin,
        np.emath.arccos,
        np.emath.arctanh,
        lambda x: np.emath.logn(3.0, x),
        lambda x: np.emath.logn(x, 3.0),
        lambda x: np.emath.power(x, -2),
        lambda x: np.emath.power(x, 1 - x),
    ):
        agrees(f, x)


def test_emath_says_when_another_run_would_be_complex():
    graph = autodiff.trace(lambda x: np.sum(np.emath.sqrt(x)), np.ones(2))
    with np.errstate(all="ignore"), pytest.raises(autodiff.BranchChanged):
        graph.forward(np.array([1.0, -1.0]))

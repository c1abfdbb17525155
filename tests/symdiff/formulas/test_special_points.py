"""Points where a formula as written is infinite or no number: every strategy gives the right one.

At the origin of a norm, behind a guard, where an exponential overflows; the pasted source and the C
source give the same.
"""

import functools
import shutil

import mpmath
import numpy as np
import pytest
import scipy.special

from symdiff import STRATEGIES, gradient
from symdiff.strategies import DERIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

ZEROS = [0.0, 0.0, 0.0]
BIG = [1000.0, -1000.0, 0.0]


def softmax(x):
    return np.exp(x) / np.sum(np.exp(x))


def softmax_of_rows(x):
    e = np.exp(x)
    return e / np.sum(e, axis=1)[:, None] + (e.T / e.sum(axis=1)).T


def cross_entropy(x):
    y = np.array([0.0, 1.0, 1.0])
    p = 1 / (1 + np.exp(-x))
    return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))


#: The function, a point, the gradient there.
CASES = {
    "half a squared norm": (lambda x: 0.5 * np.linalg.norm(x) ** 2, ZEROS, ZEROS),
    "norm": (lambda x: np.linalg.norm(x), ZEROS, ZEROS),
    "sqrtsum": (lambda x: np.sqrt(np.sum(x**2)), ZEROS, ZEROS),
    "root of 1 + a squared norm": (lambda x: np.sqrt(1 + np.linalg.norm(x) ** 2), ZEROS, ZEROS),
    "norm4": (lambda x: np.linalg.norm(x) ** 4, ZEROS, ZEROS),
    "norm3": (lambda x: np.linalg.norm(x) ** 3, ZEROS, ZEROS),
    "norm times norm": (lambda x: np.linalg.norm(x) * np.linalg.norm(x), ZEROS, ZEROS),
    "cosine of a norm": (lambda x: np.cos(np.linalg.norm(x)), ZEROS, ZEROS),
    "huber": (
        lambda x: np.where(
            np.linalg.norm(x) < 1, 0.5 * np.linalg.norm(x) ** 2, np.linalg.norm(x) - 0.5
        ),
        ZEROS,
        ZEROS,
    ),
    "rownorm": (
        lambda x: np.sum(np.linalg.norm(x.reshape(1, 3) - np.zeros((2, 3)), axis=1)),
        ZEROS,
        ZEROS,
    ),
    "rownorm2": (
        lambda x: np.sum(np.sqrt(np.sum((x[None, :] - np.zeros((2, 3))) ** 2, axis=-1))),
        ZEROS,
        ZEROS,
    ),
    "std": (lambda x: np.std(x), [2.0, 2.0, 2.0], ZEROS),
    "rms": (lambda x: np.sqrt(np.mean(x**2)), ZEROS, ZEROS),
    "root of e @ e": (lambda x: np.sqrt(x @ x), ZEROS, ZEROS),
    "roots of squares": (lambda x: np.sum(np.sqrt(x**2)), ZEROS, ZEROS),
    "weighted squares": (lambda x: np.sqrt(np.sum(np.array([1.0, 2, 3]) * x**2)), ZEROS, ZEROS),
    "length of two": (lambda x: np.sqrt(x[0] ** 2 + x[1] ** 2) + x[2], ZEROS, [0, 0, 1]),
    "where sqrt": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [-1, 0, 4], [0, 0, 0.25]),
    "where log": (lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)), [-1, 0, 1], [0, 0, 1]),
    "where div": (
        lambda x: np.sum(np.where(x != 0, np.sin(x) / x, 1.0)),
        [0, 0, np.pi],
        [0, 0, -1 / np.pi],
    ),
    "where div2": (lambda x: np.where(x[1] > 0, x[0] / x[1], 0.0) + x[2], [1, 0, 4], [0, 0, 1]),
    "where outer": (
        lambda x: np.sum(np.where(x > 0, np.sqrt(x) * x[2], 0.0)),
        [-1, 1, 4],
        [0, 2, 4],
    ),
    "where T": (
        lambda x: np.sum(
            np.where(np.outer(x, np.ones(2)) > 0, np.sqrt(np.outer(x, np.ones(2))), 0.0)
        ),
        [-1, 0, 4],
        [0, 0, 0.5],
    ),
    "where mm": (
        lambda x: np.sum(np.where(x > 0, np.log(x @ np.eye(3) * 1.0), 0.0)),
        [-1, 0, 4],
        [0, 0, 0.25],
    ),
    "nested": (
        lambda x: np.sum(np.where(x > -5, np.where(x > 0, np.sqrt(x) * x, 1.0), x)),
        [-1, 0, 4],
        [0, 0, 3],
    ),
    "where pow": (lambda x: np.sum(np.where(x > 0, x**0.5, x)), [-1, 0, 4], [1, 1, 0.25]),
    "where exp": (lambda x: np.sum(np.where(x < 10, np.exp(x), x)), [1000, 0, 1], [1, 1, np.e]),
    "where sum": (lambda x: np.where(np.sum(x) > 0, np.log(np.sum(x)), 0.0), [-1, 0, 0], [0, 0, 0]),
    "where norm": (lambda x: np.where(x[0] > 0, 1 / np.linalg.norm(x), 0.0), ZEROS, ZEROS),
    "where T2": (
        lambda x: np.sum(
            np.where(x[:, None] * np.ones(2) > 0, (np.sqrt(x[None, :] * np.ones((2, 1)))).T, 0.0)
        ),
        [-1, 0, 4],
        [0, 0, 0.5],
    ),
    "x*logx both": (
        lambda x: np.sum(np.where(x > 0, np.log(x), np.log(-x))),
        [-1, 2, 4],
        [-1, 0.5, 0.25],
    ),
    "lse": (lambda x: np.log(np.sum(np.exp(x))), BIG, [1, 0, 0]),
    "lse m": (lambda x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x), BIG, [1, 0, 0]),
    "lse mean": (lambda x: np.log(np.mean(np.exp(x))), BIG, [1, 0, 0]),
    "lse loop": (lambda x: np.log(np.exp(x[0]) + np.exp(x[1]) + np.exp(x[2])), BIG, [1, 0, 0]),
    "lse 2d": (lambda x: np.log(np.sum(np.exp(np.outer(x, np.ones(2))))), BIG, [1, 0, 0]),
    "softmax": (lambda x: np.sum(softmax(x) * np.arange(3.0)), BIG, [0, 0, 0]),
    "softmax safe": (
        lambda x: np.sum(np.exp(x - x.max()) / np.sum(np.exp(x - x.max())) * np.arange(3.0)),
        BIG,
        [0, 0, 0],
    ),
    "lse weights": (
        lambda x: (
            np.log(np.sum(np.array([0.2, 0.3, 0.5]) * np.exp(x))) + np.exp(x) @ x / np.exp(x).sum()
        ),
        BIG,
        [2, 0, 0],
    ),
    "softmax of three": (
        lambda x: (np.exp(x[0]) + 2 * np.exp(x[1])) / (np.exp(x[0]) + np.exp(x[1]) + np.exp(x[2])),
        BIG,
        [0, 0, 0],
    ),
    "softmax by rows": (
        lambda x: np.sum(softmax_of_rows(np.outer([1.0, 2.0], x)) * np.arange(6.0).reshape(2, 3)),
        BIG,
        [0, 0, 0],
    ),
    "share of one": (lambda x: np.exp(x)[0] / np.exp(x).sum(), BIG, [0, 0, 0]),
    "log of the share of one": (lambda x: -np.log(np.exp(x)[1] / np.exp(x).sum()), BIG, [1, -1, 0]),
    "log of a ratio": (lambda x: np.sum(np.log(np.exp(x) / x[0])), BIG, [0.997, 1, 1]),
    "logsoftmax": (lambda x: -np.log(softmax(x))[1], BIG, [1, -1, 0]),
    "logsoftmax safe": (
        lambda x: -np.log(np.exp(x - x.max()) / np.sum(np.exp(x - x.max())))[1],
        BIG,
        [1, -1, 0],
    ),
    "entropy": (lambda x: -np.sum(softmax(x) * np.log(softmax(x))), BIG, [0, 0, 0]),
    "softplus": (lambda x: np.sum(np.log(1 + np.exp(x))), BIG, [1, 0, 0.5]),
    "softplus1p": (lambda x: np.sum(np.log1p(np.exp(x))), BIG, [1, 0, 0.5]),
    "logsig": (lambda x: np.sum(np.log(1 / (1 + np.exp(-x)))), BIG, [0, 1, 0.5]),
    "logsig-": (lambda x: -np.sum(np.log(1 + np.exp(-x))), BIG, [0, 1, 0.5]),
    "sig": (lambda x: np.sum(1 / (1 + np.exp(-x))), BIG, [0, 0, 0.25]),
    "sig2": (lambda x: np.sum(np.exp(x) / (1 + np.exp(x))), BIG, [0, 0, 0.25]),
    "bce": (cross_entropy, BIG, [1, -1, -0.5]),
    "bce1p": (lambda x: -np.sum(np.log1p(-1 / (1 + np.exp(-x)))), BIG, [1, 0, 0.5]),
    "bce mean": (
        lambda x: (
            -np.mean(
                np.where(
                    np.array([True, False, True]),
                    np.log(1 / (1 + np.exp(-x))),
                    np.log(1 - 1 / (1 + np.exp(-x))),
                )
            )
        ),
        BIG,
        [0, 0, -0.5 / 3],
    ),
    "lae": (lambda x: np.logaddexp(x[0], x[1]) + np.logaddexp(0, x[2]), BIG, [1, 0, 0.5]),
    "lae red": (lambda x: np.logaddexp.reduce(x), BIG, [1, 0, 0]),
    "lse rows": (
        lambda x: np.sum(np.log(np.sum(np.exp(x[:, None] * np.ones(2)), axis=1))),
        BIG,
        [1, 1, 1],
    ),
    "tanh sp": (lambda x: np.sum(x * np.tanh(np.log(1 + np.exp(x)))), BIG, [1, 0, 0.6]),
    "xent idx": (lambda x: -(x - np.log(np.sum(np.exp(x))))[2], BIG, [1, 0, -1]),
}


def _pasted(g):
    """Return the function of source as it runs in a file of its own, with NumPy's warnings."""
    space = {}
    exec(g.source, space)
    return space["value_and_gradient"]


@pytest.mark.each("strategy", STRATEGIES)
@pytest.mark.each("name", CASES)
def test_the_right_derivative_at_special_points(name, strategy):
    f, x, right = CASES[name]
    x = np.array(x)
    g = gradient(f, strategy=strategy, x=x.shape)
    value, found = g.value_and_gradient(x=x)
    assert np.isfinite(value)
    np.testing.assert_allclose(found["x"], right, atol=1e-12)
    pasted_value, pasted = _pasted(g)(x)
    assert pasted_value == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(pasted["x"], right, atol=1e-12)


@pytest.mark.sampled(4)
@pytest.mark.skipif(not any(map(shutil.which, ("gcc", "clang", "cc"))), reason="no C compiler")
@pytest.mark.each("name", CASES)
def test_c_gives_the_same(name, compiled):
    f, x, right = CASES[name]
    g = gradient(f, strategy="adjoint", x=(3,))
    value, found = compiled(g)(x=np.array(x))
    assert value == pytest.approx(g.value_and_gradient(x=x)[0], rel=1e-14)
    np.testing.assert_allclose(found["x"], right, atol=1e-12)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_power_by_its_exponent_at_zero(strategy):
    g = gradient(lambda x, n: np.sum(x**n), strategy=strategy, x=(3,), n=())
    found = g(x=[0.0, 2.0, 1.0], n=2.0)
    assert found["n"] == pytest.approx(4 * np.log(2))
    np.testing.assert_array_equal(found["x"], [0.0, 4.0, 2.0])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_sigmoids_do_not_warn(strategy):
    g = gradient(lambda z: np.sum(1 / (1 + np.exp(-z))), strategy=strategy, z=(4,))
    with np.errstate(all="raise", under="ignore"):
        found = _pasted(g)(z=np.array([-800.0, 1.0, 800.0, -710.0]))[1]["z"]
    s = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(found, [0.0, s * (1 - s), 0.0, 0.0], atol=1e-300)


#: Products with a root, a point where it is 0, the derivative there; NaN, infinite: none is known.
ROOTS = {
    "x cbrt(x)": (lambda x: x * np.cbrt(x), 0.0, 0.0),
    "sin(x) sqrt(x)": (lambda x: np.sin(x) * np.sqrt(x), 0.0, 0.0),
    "shifted": (lambda x: (x - 1) * np.cbrt(x - 1) + x, 1.0, 1.0),
    "a multiple below": (lambda x: x * np.sqrt(2 * x), 0.0, 0.0),
    "the rest of a sum": (lambda x: (np.exp(x) - 1) * np.sqrt(x), 0.0, 0.0),
    "a quotient": (lambda x: x / (1 + x) * x**0.3, 0.0, 0.0),
    "several factors": (lambda x: np.sqrt(x) * np.exp(-x) * x * np.sqrt(1 - x), 0.0, 0.0),
    "within a function": (lambda x: np.exp(-np.sqrt(x)) * x, 0.0, 1.0),
    "square of a root": (lambda x: x * np.cbrt(x) ** 2, 0.0, 0.0),
    "rectified": (lambda x: np.maximum(x, 0) * np.sqrt(x), 0.0, 0.0),
    "a rectifier that is 0 elsewhere": (
        lambda x: (np.maximum(x - 1, 0) + x) * np.sqrt(x) + (np.maximum(x - 1, 0) - 1) * np.cbrt(x),
        0.0,
        -np.inf,
    ),
    "signs": (lambda x: np.sign(x) * np.abs(x) ** 1.5, 0.0, 0.0),
    "a root alone": (lambda x: (2 + x) * np.sqrt(x), 0.0, np.inf),
    "a factor that is 0 elsewhere": (lambda x: x * np.sqrt(x**2 + x), -1.0, np.nan),
    "one more use": (lambda x: x * np.sqrt(x) + np.sqrt(x), 0.0, np.inf),
    "roots that cancel": (lambda x: np.sqrt(x) * np.sqrt(x), 0.0, 1.0),
    "a root of another order": (lambda x: np.cbrt(x) * np.sqrt(x), 0.0, np.nan),
    "an angle": (lambda x: (1 - x) * np.arcsin(x), 1.0, np.nan),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_products_with_roots(strategy):
    for name, (f, x, right) in ROOTS.items():
        g = gradient(f, strategy=strategy, x=())
        found = g(x=x)["x"]
        if np.isfinite(right):
            assert found == pytest.approx(right, abs=1e-12), name
        else:
            assert not np.isfinite(found), name
    if strategy != "matrix":  # what is harmless in a function is not so in its derivative
        second = gradient(lambda x: np.sin(x) * np.sqrt(x), strategy=strategy, x=()).hessian()
        assert not np.isfinite(second(x=0.0)["x"]["x"])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_branch_that_is_not_taken_has_no_part_in_what_follows(strategy):
    g = gradient(
        lambda x, s: np.sum(scipy.special.xlogy(np.where(x > 0, s, x), x**2)),
        strategy=strategy,
        x=(3,),
        s=(),
    )
    assert g(x=[0.0, 0.0, 2.0], s=0.5)["s"] == pytest.approx(np.log(4))


def _rise(x):
    """Return the derivative of the logistic function, with all its digits."""
    return np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))) ** 2


#: What saturates, and its derivative.
SATURATED = {
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), _rise),
    "expit": (scipy.special.expit, _rise),
    "a share": (lambda x: np.exp(x) / (1 + np.exp(x)), _rise),
    "the rest": (lambda x: 1 - scipy.special.expit(x), lambda x: -_rise(x)),
    "mirrored": (lambda x: scipy.special.expit(-x), lambda x: -_rise(x)),
    "square of the rest": (
        lambda x: (1 - scipy.special.expit(x)) ** 2,
        lambda x: -2 * scipy.special.expit(-x) * _rise(x),
    ),
    "log": (lambda x: np.log(scipy.special.expit(x)), lambda x: scipy.special.expit(-x)),
    "log of the rest": (
        lambda x: np.log1p(-scipy.special.expit(x)),
        lambda x: -scipy.special.expit(x),
    ),
    "softplus": (lambda x: np.logaddexp(0, x), scipy.special.expit),
    "cross entropy": (
        lambda x: (
            -scipy.special.xlogy(0.25, scipy.special.expit(x))
            - scipy.special.xlog1py(0.75, -scipy.special.expit(x))
        ),
        lambda x: scipy.special.expit(x) - 0.25,
    ),
    "of the label 1": (
        lambda x: -scipy.special.xlogy(1.0, scipy.special.expit(x)),
        lambda x: -scipy.special.expit(-x),
    ),
    "tail of the normal": (
        scipy.special.log_ndtr,
        lambda x: np.sqrt(2 / np.pi) / scipy.special.erfcx(-x / np.sqrt(2)),
    ),
    "erfc": (scipy.special.erfc, lambda x: -2 / np.sqrt(np.pi) * np.exp(-(x**2))),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_saturates_keeps_its_digits(strategy, compiled):
    points = np.array([-700.0, -40.0, -20.0, 5.0, 20.0, 40.0, 700.0])
    x = np.tile(points, (len(SATURATED), 1))

    def f(x):
        return sum(np.sum(f(x[k])) for k, (f, _) in enumerate(SATURATED.values()))

    g = gradient(f, strategy=strategy, x=x.shape)
    runs = [_pasted(g)]
    if any(map(shutil.which, ("gcc", "clang", "cc"))):
        runs.append(compiled(g))
    for run in runs:
        with np.errstate(all="raise", under="ignore"):
            found = run(x=x)[1]["x"]
        for slopes, (name, (_, slope)) in zip(found, SATURATED.items(), strict=True):
            np.testing.assert_allclose(slopes, slope(points), rtol=1e-12, err_msg=name)


@functools.cache
def _by_mpmath(text, x):
    """Return a formula and its derivative by mpmath, with as many digits as the exponents take."""
    names = {name: getattr(mpmath, name) for name in dir(mpmath)} | {"ndtr": mpmath.ncdf}
    f = eval(f"lambda x: {text}", names)
    with mpmath.workdps(800):
        slope = mpmath.diff(f, mpmath.mpf(x), h=mpmath.mpf(10) ** -300)
        return float(f(mpmath.mpf(x))), float(slope)


#: What grows exponentially above or below, or where a logarithm is taken of what vanishes.
GROWN = {
    (
        "x/cosh(x)",
        "sinh(x)/cosh(x)**2 + 3/(2*cosh(x/2))**2",
        "x/sinh(x) + 1/sinh(x)**2",
        "cosh(x)/sinh(x)",
        "2/(exp(x) + exp(-x)) + 1/(exp(-x) - exp(x))",
        "(exp(x) - exp(-x))/(exp(x) + exp(-x))",
        "3*(1 - exp(-2*x))/(1 + exp(-2*x))",
        "expm1(x)/(expm1(x) + 2)",
        "x/(exp(x) - 1) + x/(2 - 2*exp(-x))",
        "x**2*exp(x)/(exp(x) - 1)**2",
        "x*exp(x)/(1 + exp(x)) + exp(x)/(1 + exp(x))**2",
        "100/(1 + 9*exp(-x/2)) + 1/(2 + exp(x))",
        "x*exp(x)/(exp(x) + 2*exp(-x))",
        "log(2*cosh(x)) + log(1/cosh(x)**2)",
        "log(1 + tanh(x)) + log(3 - 3*tanh(x))",
        "log(ndtr(x))",
    ): [-800.0, -40.0, -0.7, 3.0, 800.0],
    (
        "log(sinh(x)) + log(x/(exp(x) - 1))",
        "log(exp(x) - 1) + log(expm1(x/2))",
        "erfc(x)*exp(x*x) + 3*exp(x**2/2)*erfc(x/sqrt(2.0))",
    ): [0.01, 30.0, 800.0],
    (
        "log(erfc(x)) + log(1 + erf(x)) + log(1 - erf(x))",
        "log(1 - ndtr(x)) + exp(-(x**2))/erfc(x)",
    ): [-20.0, -0.7, 3.0, 20.0],
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_grows_stays_finite(strategy, compiled):
    compiles = any(map(shutil.which, ("gcc", "clang", "cc")))
    names = vars(np) | {name: getattr(scipy.special, name) for name in ("erf", "erfc", "ndtr")}
    for texts, points in GROWN.items():
        x = np.tile(points, (len(texts), 1))
        functions = [eval(f"lambda x: {text}", names) for text in texts]

        def f(x, functions=functions):
            return sum(np.sum(f(x[k])) for k, f in enumerate(functions))

        g = gradient(f, strategy=strategy, x=x.shape)
        for run in (_pasted(g), *([compiled(g)] if compiles else [])):
            with np.errstate(all="raise", under="ignore"):
                value, found = run(x=x)
            total = 0.0
            for text, slopes in zip(texts, found["x"], strict=True):
                right = [_by_mpmath(text, point) for point in points]
                total += sum(value for value, _ in right)
                expected = [slope for _, slope in right]
                np.testing.assert_allclose(slopes, expected, rtol=3e-11, atol=2e-15, err_msg=text)
            assert value == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("strategy", DERIVATIONS)
def test_second_derivatives_are_right_where_the_function_is_smooth(strategy):
    g = gradient(lambda x: np.linalg.norm(x) ** 2, strategy=strategy, x=(2,))
    np.testing.assert_array_equal(g.hessian()(x=[0.0, 0.0])["x"]["x"], 2 * np.eye(2))
    h = gradient(lambda x: np.linalg.norm(x), strategy=strategy, x=(2,)).hessian()
    assert np.isnan(h(x=[0.0, 0.0])["x"]["x"]).all()  # there is none


def test_guards_that_use_one_another():
    """Conditions of a guard that are computed within another guard, and lines out of order."""

    def f(x, y):
        root = np.sqrt(y - 1)
        ratio = x / (x - y)
        inner = np.where(root > np.tanh(x), np.log(root) * ratio + ratio**2, root * ratio)
        return np.where((y > 1) & (x != y), inner + root, x) + np.where(y > 1, root * root, 0.0)

    for strategy in DERIVATIONS:
        g = gradient(f, strategy=strategy, x=(), y=())
        run = _pasted(g)
        for x, y in ((1.0, 0.5), (2.0, 2.0), (0.3, 3.0), (5.0, 1.0)):
            value, found = run(x, y)
            assert np.isfinite([value, found["x"]]).all()
            expected_value, expected = g.value_and_gradient(x=x, y=y)
            assert value == pytest.approx(expected_value)
            assert found == pytest.approx(expected, nan_ok=True)

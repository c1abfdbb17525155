"""Elements that a mask leaves out contribute zero, though their slope is infinite or NaN."""

import numpy as np
import pytest
import scipy.special

import autodiff
import autodiff.rules.special  # its rules are imported only where SciPy is
from autodiff import grad, hessian, jacobian, jvp
from autodiff.core.primitive import PRIMITIVES
from autodiff.core.tensor import record

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

NAN, INF = np.nan, np.inf
KEEP = np.array([True, False])
FIRST_TWO = np.array([True, True, False])
DATA = np.array([1.0, NAN])
E = np.e

#: By name: the function, where, and its gradient there.
CASES = {
    "where": (lambda x: np.where(x < 10, np.exp(x), x), [1.0, 1000.0], [E, 1.0]),
    "where, zero": (
        lambda x: np.where(x > 0, x * np.log(x), 0.0),
        [0.0, 2.0],
        [0.0, 1 + np.log(2)],
    ),
    "where, negative": (
        lambda x: np.where(x > 0, x * np.log(x), 0.0),
        [-1.0, 2.0],
        [0.0, 1 + np.log(2)],
    ),
    "where, power": (lambda x: np.where(x > 0, x**2.5, 0), [-1.0, 1.0], [0.0, 2.5]),
    "where, missing data": (
        lambda w: np.where(np.isnan(DATA), 0.0, np.tanh(w * DATA)),
        [1.0, 1.0],
        [1 / np.cosh(1) ** 2, 0.0],
    ),
    "where, infinite argument": (
        lambda x: np.where(np.isinf(x), 0, np.sin(x)),
        [INF, 0.0],
        [0.0, 1.0],
    ),
    "where, complex": (
        lambda x: np.where(x < 10, np.abs(np.exp(x * (1 + 1j))), 0.0),
        [1.0, 1000.0],
        [E, 0.0],
    ),
    "where, broadcast": (
        lambda x: np.where(KEEP, np.exp(x[0] * np.array([1.0, 2000.0])), x[1]),
        [1.0, 1000.0],
        [E, 1.0],
    ),
    "where, special": (
        lambda x: np.where(x < 10, scipy.special.gamma(x), 0.0),
        [1.0, 1000.0],
        [-np.euler_gamma, 0.0],
    ),
    "sum": (lambda x: np.sum(np.exp(x), where=KEEP), [1.0, 1000.0], [E, 0.0]),
    "mean": (lambda x: np.mean(np.exp(x), where=KEEP), [1.0, 1000.0], [E, 0.0]),
    "prod": (lambda x: np.prod(np.exp(x), where=KEEP), [1.0, 1000.0], [E, 0.0]),
    "max": (lambda x: np.max(np.exp(x), where=KEEP, initial=0.0), [1.0, 1000.0], [E, 0.0]),
    "std": (lambda x: np.std(np.exp(x), where=KEEP), [1.0, 1000.0], [0.0, 0.0]),
    "var": (
        lambda x: np.var(np.log(x), where=FIRST_TWO),
        [1.0, 2.0, -1.0],
        [-np.log(2) / 2, np.log(2) / 4, 0.0],
    ),
    "select": (
        lambda x: np.select([x < 10, x >= 10], [np.exp(x), x * x]),
        [1.0, 1000.0],
        [E, 2000.0],
    ),
    "piecewise": (
        lambda x: np.piecewise(x, [x < 10], [np.exp, lambda t: t]),
        [1.0, 1000.0],
        [E, 1.0],
    ),
    "mask as index": (lambda x: np.exp(x)[KEEP], [1.0, 1000.0], [E, 0.0]),
    "slice": (lambda x: np.exp(x)[:1], [1.0, 1000.0], [E, 0.0]),
    "take": (lambda x: np.take(np.exp(x), [0]), [1.0, 1000.0], [E, 0.0]),
    "extract": (lambda x: np.extract(KEEP, np.exp(x)), [1.0, 1000.0], [E, 0.0]),
    "nansum": (lambda x: np.nansum(np.log(x)), [-1.0, 2.0], [0.0, 0.5]),
    "nanmean": (lambda x: np.nanmean(np.log(x)), [-1.0, 2.0], [0.0, 0.5]),
    "nanmax": (lambda x: np.nanmax(np.log(x)), [-1.0, 2.0, 4.0], [0.0, 0.0, 0.25]),
    "nanprod": (
        lambda x: np.nanprod(np.log(x)),
        [-1.0, 2.0, 3.0],
        [0.0, np.log(3) / 2, np.log(2) / 3],
    ),
    "minimum": (lambda x: np.minimum(np.exp(x), 10.0), [1.0, 1000.0], [E, 0.0]),
    "clip": (lambda x: np.clip(np.exp(x), 0.0, 10.0), [1.0, 1000.0], [E, 0.0]),
    "masked log-probabilities": (
        lambda x: np.where(
            FIRST_TWO, x - np.log(np.sum(np.exp(np.where(FIRST_TWO, x, -INF)))), 0.0
        )[0],
        [0.0, 0.0, 1.0],
        [0.5, -0.5, 0.0],
    ),
    "flat": (lambda x: 1 / (1 + np.exp(-x)), [-1000.0, 0.0], [0.0, 0.25]),
    "flat, twice": (lambda x: np.exp(-np.exp(x)), [1000.0, 0.0], [0.0, -1 / E]),
}


def scalar(f):
    return lambda x: np.sum(f(x))


@pytest.fixture(params=CASES.values(), ids=CASES)
def masked(request):
    f, x, expected = request.param
    return scalar(f), np.array(x), np.array(expected)


def test_both_modes(masked):
    f, x, expected = masked
    np.testing.assert_allclose(grad(f)(x), expected, rtol=1e-12)
    for mode in ("fwd", "rev"):
        np.testing.assert_allclose(jacobian(f, mode=mode)(x), expected, rtol=1e-12)
    every = [jvp(f, (x,), (e,))[1] for e in np.eye(len(x))]
    np.testing.assert_allclose(every, expected, rtol=1e-12)
    np.testing.assert_allclose(autodiff.vmap(grad(f))(np.stack([x, x]))[1], expected, rtol=1e-12)


def test_a_graph_and_plans(masked):
    f, x, expected = masked
    graph = autodiff.trace(f, x)
    graph.forward(x)
    np.testing.assert_allclose(graph.backward()["x"], expected, rtol=1e-12)
    np.testing.assert_allclose(autodiff.compile(grad(f))(x), expected, rtol=1e-12)
    # Made where nothing is infinite, and run where something is.
    plan = autodiff.compile(grad(f))
    plan(np.clip(np.where(np.isfinite(x), np.abs(x) + 0.5, 1.0), 0.5, 3.0))
    np.testing.assert_allclose(plan(x), expected, rtol=1e-12)


def test_second_order(masked):
    f, x, _ = masked
    found = hessian(f)(x)
    np.testing.assert_allclose(autodiff.compile(hessian(f))(x), found, rtol=1e-12, atol=1e-12)
    moved = [(grad(f)(x + 1e-5 * e) - grad(f)(x - 1e-5 * e)) / 2e-5 for e in np.eye(len(x))]
    # At 0 the two branches of x log(x) part: the derivative is that of the branch that is taken.
    smooth = x != 0 if f is CASES["where, zero"][0] else np.full(len(x), True)
    if 0.0 in x and np.any(np.abs(moved) > 1e4):
        smooth = x != 0
    np.testing.assert_allclose(found[smooth], np.array(moved)[smooth], rtol=1e-4, atol=1e-4)


def test_warnings_are_those_of_the_value():
    f = scalar(lambda x: np.where(x < 10, np.exp(x), x))
    with pytest.warns(RuntimeWarning, match="overflow"):
        f(np.array([1000.0]))
    with np.errstate(all="raise", over="ignore"):
        assert grad(f)(np.array([1000.0])) == 1.0
        assert jvp(f, (np.array([1000.0]),), (np.ones(1),))[1] == 1.0


def test_a_derivative_that_does_not_exist_stays_nan():
    assert np.isnan(grad(lambda x: np.exp(x) - np.exp(x))(1000.0))
    assert np.isnan(grad(lambda x: x * NAN)(1.0))


def test_of_large_arrays():
    x = np.full(50_000, 1.0)
    x[7] = 1000.0
    found = grad(scalar(lambda x: np.where(x < 10, np.exp(x) * x, x)))(x)
    expected = np.full(50_000, 2 * E)
    expected[7] = 1.0
    np.testing.assert_allclose(found, expected, rtol=1e-12)


ELEMENTWISE = [
    p
    for p in PRIMITIVES.values()
    if p.kind == "elementwise"
    and p.differentiable
    and not any(isinstance(a, int) for a, _ in p.domain)
]


@pytest.mark.sampled(5)
@pytest.mark.each(
    ("primitive", "bad"),
    [
        pytest.param(p, bad, id=f"{p.name}, {bad}")
        for p in ELEMENTWISE
        # Some of SciPy's functions do not come back from infinity.
        for bad in ((NAN, INF, -INF, 0.0) if hasattr(np, p.name) else (NAN,))
    ],
)
def test_every_rule_behind_where(primitive, bad, rng):
    """An element that is not taken, wherever it lies, has no derivative of any order."""
    count = len(primitive.vjps)
    good = [rng.uniform(*interval) for interval in primitive.domain]
    xs = [np.array([x, bad]) for x in good]
    for argnum in range(count):

        def f(x, argnum=argnum, xs=xs):
            operands = (*xs[:argnum], x, *xs[argnum + 1 :])
            return np.sum(np.where(KEEP, np.real(record(primitive, operands)), 0.0))

        def alone(x, argnum=argnum):
            operands = (*good[:argnum], x, *good[argnum + 1 :])
            return np.real(record(primitive, operands))

        try:
            expected = grad(alone)(good[argnum])
        except autodiff.Undifferentiable:
            continue
        for found in (grad(f)(xs[argnum]), jacobian(f, mode="fwd")(xs[argnum])):
            np.testing.assert_allclose(found, [expected, 0.0], rtol=1e-12)
        try:
            second = grad(grad(alone))(good[argnum])
        except autodiff.Undifferentiable:
            continue
        np.testing.assert_allclose(hessian(f)(xs[argnum]), np.diag([second, 0.0]), rtol=1e-9)

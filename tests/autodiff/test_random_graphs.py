"""Random expression graphs: gradients held against the complex step, differences and symdiff.

Each graph is a plain NumPy function of a vector, a matrix and a number, made of random steps. There
are 200, or as many as the environment variable ``GRADSCALE_GRAPHS`` says::

    GRADSCALE_GRAPHS=5000 pytest -n auto tests/autodiff/test_random_graphs.py

Of the 200, 120 are held against the complex step and 80 against central differences, 120 against
`symdiff` besides, and 100 have their second order held against differences of gradients;
`test_who_the_referees_are` counts.
"""

import functools
import os

import numpy as np
import pytest

import symdiff
from autodiff import grad, hvp, jvp, trace, value_and_grad

GRAPHS = int(os.environ.get("GRADSCALE_GRAPHS", "200"))
SHAPES = {"a": (3,), "b": (2, 3), "s": ()}
#: Exact but for rounding: Squire and Trapp, SIAM Review 40(1), 1998.
COMPLEX_STEP, STEP = 1e-60, 1e-5
#: How far the values of a graph stay from kinks, and how large they may become.
CLEARANCE, LARGEST, MOST = 1e-2, 4.0, 12
#: Relative to the largest derivative: rounding of a dozen steps, and of differences.
EXACT, ROUGH = 1e-11, 2e-6


def shapes(*wanted):
    """Return a condition on the shapes of operands."""
    return lambda *xs: all(np.ndim(x) in dims for x, dims in zip(xs, wanted, strict=True))


def fits(function):
    """Return the condition that operands can be combined."""

    def check(*xs):
        try:
            return np.size(function(*xs)) <= MOST
        except ValueError:
            return False

    return check


def apart(x):
    """Return whether no two elements are nearly equal."""
    values = np.sort(np.ravel(x))
    return bool(np.all(np.diff(values) > CLEARANCE))


def differ(x, y):
    return fits(np.add)(x, y) and bool(np.all(np.abs(np.subtract(x, y)) > CLEARANCE))


def nonzero(x):
    return bool(np.all(np.abs(x) > CLEARANCE))


def anything(*xs):
    return True


VECTOR, MATRIX, ARRAY, SOME = {1}, {2}, {1, 2}, {0, 1, 2}
ANALYTIC, SYMBOLIC = 1, 2
BOTH = ANALYTIC | SYMBOLIC
#: Name: the step, the condition on its operands, and the referees that understand it.
STEPS = {
    "sin": (np.sin, anything, BOTH),
    "cos": (np.cos, anything, BOTH),
    "exp": (lambda x: np.exp(0.5 * x), anything, BOTH),
    "expm1": (lambda x: np.expm1(x / 3), anything, BOTH),
    "tanh": (np.tanh, anything, BOTH),
    "arctan": (np.arctan, anything, BOTH),
    "arcsinh": (np.arcsinh, anything, BOTH),
    "cosh": (lambda x: np.cosh(x / 2), anything, BOTH),
    "square": (np.square, anything, BOTH),
    "cube": (lambda x: (x / 2) ** 3, anything, BOTH),
    "sqrt": (lambda x: np.sqrt(1.5 + x * x), anything, BOTH),
    "log": (lambda x: np.log(2.0 + np.cos(x)), anything, BOTH),
    "log1p": (lambda x: np.log1p(np.exp(x)), anything, BOTH),
    "reciprocal": (lambda x: 1.0 / (3.0 + np.sin(x)), anything, BOTH),
    "negative": (lambda x: 1.0 - x, anything, BOTH),
    "add": (np.add, fits(np.add), BOTH),
    "subtract": (np.subtract, fits(np.add), BOTH),
    "multiply": (np.multiply, fits(np.add), BOTH),
    "divide": (lambda x, y: x / (1.5 + y * y), fits(np.add), BOTH),
    "power": (lambda x, y: (1.5 + np.sin(x)) ** np.tanh(y), fits(np.add), BOTH),
    "maximum": (np.maximum, differ, BOTH),
    "minimum": (np.minimum, differ, BOTH),
    "where": (lambda x, y: np.where(x > y, x * y, y - 2.0 * x), differ, BOTH),
    "mask of one": (lambda x: np.where(x > 0, x * x, np.sin(x)), nonzero, BOTH),
    "clip": (lambda x: np.clip(x, -0.5, 0.8), lambda x: nonzero(x + 0.5) and nonzero(x - 0.8), 2),
    "sum": (np.sum, shapes(ARRAY), BOTH),
    "mean": (lambda x: np.mean(x, axis=-1), shapes(ARRAY), BOTH),
    "sum, keepdims": (lambda x: np.sum(x, axis=0, keepdims=True), shapes(MATRIX), BOTH),
    "prod": (lambda x: np.prod(x, axis=-1), shapes(ARRAY), BOTH),
    "cumsum": (lambda x: np.cumsum(x, axis=-1), shapes(ARRAY), BOTH),
    "cumprod": (np.cumprod, shapes(VECTOR), BOTH),
    "max": (lambda x: np.max(x, axis=-1), lambda x: np.ndim(x) > 0 and apart(x), BOTH),
    "min": (np.min, apart, BOTH),
    "matmul": (np.matmul, lambda x, y: shapes(ARRAY, ARRAY)(x, y) and fits(np.matmul)(x, y), BOTH),
    "matmul, transposed": (
        lambda x, y: x @ y.T,
        lambda x, y: shapes(ARRAY, ARRAY)(x, y) and fits(lambda x, y: x @ y.T)(x, y),
        BOTH,
    ),
    "outer": (np.outer, lambda x, y: shapes(VECTOR, VECTOR)(x, y) and fits(np.outer)(x, y), BOTH),
    "einsum": (
        lambda x, y: np.einsum("ij,j->i", x, y),
        lambda x, y: shapes(MATRIX, VECTOR)(x, y) and x.shape[1] == y.shape[0],
        BOTH,
    ),
    "reversed": (lambda x: x[..., ::-1], shapes(ARRAY), BOTH),
    "element": (lambda x: x[-1], shapes(ARRAY), BOTH),
    "repeated elements": (lambda x: x[[0, -1, 0]], shapes(ARRAY), BOTH),
    "column": (lambda x: x[:, 0], shapes(MATRIX), BOTH),
    "new axis": (lambda x: x[:, None], shapes(VECTOR), BOTH),
    "transpose": (lambda x: np.transpose(x) * 0.7, shapes(MATRIX), BOTH),
    "reshape": (lambda x: np.reshape(x, (-1,)), shapes(MATRIX), BOTH),
    "roll": (lambda x: np.roll(x, 1, axis=-1), shapes(ARRAY), BOTH),
    "concatenate": (
        lambda x, y: np.concatenate([x, y * 0.5], axis=-1),
        lambda x, y: (
            shapes(ARRAY, ARRAY)(x, y) and fits(lambda x, y: np.concatenate([x, y], -1))(x, y)
        ),
        BOTH,
    ),
    "stack": (
        lambda x, y: np.stack([x, y]),
        lambda x, y: np.ndim(x) < 2 and np.shape(x) == np.shape(y),
        BOTH,
    ),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3)), shapes({0}), BOTH),
    "tile": (lambda x: np.tile(x, 2)[:4], shapes(VECTOR), BOTH),
    "diag": (lambda x: np.diag(x) + 0.1, lambda x: shapes(VECTOR)(x) and len(x) < 4, BOTH),
    "tril": (np.tril, shapes(MATRIX), BOTH),
    "diff": (np.diff, lambda x: shapes(ARRAY)(x) and x.shape[-1] > 1, BOTH),
    "pad": (lambda x: np.pad(x, 1), lambda x: shapes(VECTOR)(x) and len(x) < 6, BOTH),
    "abs": (np.abs, nonzero, SYMBOLIC),
    "sign times": (lambda x: np.sign(x) * x, nonzero, SYMBOLIC),
    "hypot": (lambda x, y: np.hypot(x, y + 3.0), fits(np.add), SYMBOLIC),
    "arctan2": (lambda x, y: np.arctan2(x, y * y + 1.0), fits(np.add), SYMBOLIC),
    "logaddexp": (np.logaddexp, fits(np.add), SYMBOLIC),
    "cbrt": (lambda x: np.cbrt(x * x + 1.0), anything, SYMBOLIC),
    "var": (lambda x: np.var(x, axis=-1), shapes(ARRAY), SYMBOLIC),
    "norm": (lambda x: np.linalg.norm(x + 2.0), shapes(VECTOR), SYMBOLIC),
    "fft": (lambda x: np.real(np.fft.ifft(np.fft.fft(x) ** 2)), shapes(VECTOR), 0),
    "sort": (np.sort, lambda x: np.ndim(x) > 0 and apart(x), ANALYTIC),
    "solve": (
        lambda x, y: np.linalg.solve(np.outer(x, x) + 2.0 * np.eye(len(x)), y),
        lambda x, y: shapes(VECTOR, VECTOR)(x, y) and x.shape == y.shape,
        ANALYTIC,
    ),
    "inv": (
        lambda x: np.linalg.inv(x @ x.T + np.eye(len(x))),
        lambda x: shapes(MATRIX)(x) and len(x) < 4,
        ANALYTIC,
    ),
    "det": (
        lambda x: np.linalg.det(x @ x.T + np.eye(len(x))),
        lambda x: shapes(MATRIX)(x) and len(x) < 4,
        ANALYTIC,
    ),
    "median": (np.median, lambda x: np.ndim(x) > 0 and apart(x), 0),
    "convolve": (
        lambda x, y: np.convolve(x, y, "same"),
        lambda x, y: shapes(VECTOR, VECTOR)(x, y) and fits(np.convolve)(x, y),
        ANALYTIC,
    ),
    "interp": (
        lambda x: np.interp(x, [-9.0, -1.03, 0.21, 9.0], [0.0, 1.0, -1.0, 3.0]),
        lambda x: nonzero(x + 1.03) and nonzero(x - 0.21),
        0,
    ),
    "sinc": (np.sinc, nonzero, 0),
    "trapezoid": (np.trapezoid, shapes(VECTOR), ANALYTIC),
    "quantile": (lambda x: np.quantile(x, 0.3), lambda x: np.ndim(x) > 0 and apart(x), 0),
    "svd": (lambda x: np.sum(np.linalg.svd(x + np.eye(*x.shape), False, False)), shapes(MATRIX), 0),
}


#: The steps that take two operands.
PAIRS = frozenset(
    {
        *("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "where"),
        *("matmul", "matmul, transposed", "outer", "einsum", "concatenate", "stack", "hypot"),
        *("arctan2", "logaddexp", "solve", "convolve"),
    }
)


@functools.cache
def program(number):
    """Return a random graph: where it starts, its steps, and the referees that understand it."""
    rng = np.random.default_rng([2026, number])
    point = {name: rng.uniform(-1.5, 1.5, size=shape)[()] for name, shape in SHAPES.items()}
    # The first three kinds of five are such that symdiff understands them, and so on.
    referees = (BOTH, SYMBOLIC, BOTH, ANALYTIC, 0)[number % 5]
    allowed = [name for name, step in STEPS.items() if step[2] & referees == referees]
    if not referees:
        allowed += 3 * [name for name, step in STEPS.items() if not step[2]]
    values, steps = list(point.values()), []
    wanted = int(rng.integers(5, 13))
    while len(steps) < wanted:
        name = allowed[rng.integers(len(allowed))]
        step, condition, _ = STEPS[name]
        # Recent values are taken more often, so that graphs get deep; all are, so that they share.
        places = [
            int(rng.integers(0 if rng.random() < 0.4 else len(values) - 3, len(values)))
            for _ in range(1 + (name in PAIRS))
        ]
        operands = [values[place] for place in places]
        if not condition(*operands):
            continue
        value = step(*operands)
        if np.size(value) == 0 or np.size(value) > MOST or not np.all(np.abs(value) < LARGEST):
            continue
        steps.append((name, tuple(places)))
        values.append(value)
    used = {place for _, places in steps for place in places}
    ends = tuple(i for i in range(len(values)) if i not in used)
    return point, tuple(steps), ends, referees


def function(number):
    """Return the graph as a plain NumPy function."""
    _, steps, ends, _ = program(number)

    def f(a, b, s):
        values = [a, b, s]
        for name, places in steps:
            values.append(STEPS[name][0](*(values[place] for place in places)))
        return sum(np.sum(np.sin(values[end])) for end in ends)

    return f


def partials(f, point, move):
    """Return the partial derivatives, each by ``move(f, args, place of argument, direction)``."""
    args = list(point.values())
    found = []
    for place, x in enumerate(args):
        slopes = np.zeros(np.shape(x))
        for index in np.ndindex(np.shape(x)):
            direction = np.zeros(np.shape(x))
            direction[index] = 1.0
            slopes[index] = move(f, args, place, direction)
        found.append(slopes)
    return found


def moved(args, place, change):
    return [x + change if i == place else x for i, x in enumerate(args)]


def complex_step(f, args, place, direction):
    return np.imag(f(*moved(args, place, 1j * COMPLEX_STEP * direction))) / COMPLEX_STEP


def difference(f, args, place, direction):
    # Two steps cancel the term in the square of the step: Richardson, 1911.
    def at(step):
        ahead, behind = (f(*moved(args, place, h * direction)) for h in (step, -step))
        return (ahead - behind) / (2 * step)

    return (4 * at(STEP) - at(2 * STEP)) / 3


def close(found, expected, tolerance):
    scale = max(1.0, *(float(np.max(np.abs(x))) for x in expected))
    for x_bar, slopes in zip(found, expected, strict=True):
        np.testing.assert_allclose(x_bar, slopes, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.sampled(4)
@pytest.mark.each("number", range(GRAPHS))
def test_gradients(number):
    f, (point, _, _, referees) = function(number), program(number)
    args = tuple(point.values())
    value, gradients = value_and_grad(f, (0, 1, 2))(*args)
    np.testing.assert_allclose(value, f(*args), rtol=1e-13, atol=1e-14)
    if referees & ANALYTIC:
        close(gradients, partials(f, point, complex_step), EXACT)
    else:
        close(gradients, partials(f, point, difference), ROUGH)
    if referees & SYMBOLIC:
        formula = symdiff.gradient(f, **SHAPES)(**point)
        close(gradients, list(formula.values()), EXACT)
    graph = trace(f, *args)
    np.testing.assert_allclose(graph.forward(*args), value, rtol=1e-13, atol=1e-14)
    close(list(graph.backward().values()), gradients, 1e-13)
    rng = np.random.default_rng(number)
    tangents = tuple(rng.normal(size=np.shape(x))[()] for x in args)
    along = sum(np.sum(x_bar * x_dot) for x_bar, x_dot in zip(gradients, tangents, strict=True))
    close([jvp(f, args, tangents)[1]], [along], EXACT)


@pytest.mark.each("number", range(0, GRAPHS, 2))
def test_second_order(number):
    f, (point, _, _, _) = function(number), program(number)
    args = tuple(point.values())
    rng = np.random.default_rng(number)
    tangents = tuple(rng.normal(size=np.shape(x))[()] for x in args)
    gradient = grad(f, (0, 1, 2))

    def at(step):
        ends = (
            gradient(*(x + h * x_dot for x, x_dot in zip(args, tangents, strict=True)))
            for h in (step, -step)
        )
        return [(x - y) / (2 * step) for x, y in zip(*ends, strict=True)]

    expected = [(4 * x - y) / 3 for x, y in zip(at(STEP), at(2 * STEP), strict=True)]
    close(hvp(f, args, tangents), expected, ROUGH)


def test_who_the_referees_are(record_testsuite_property):
    programs = [program(number) for number in range(200)]
    count = {
        "complex step": sum(bool(p[3] & ANALYTIC) for p in programs),
        "central differences": sum(not p[3] & ANALYTIC for p in programs),
        "symdiff": sum(bool(p[3] & SYMBOLIC) for p in programs),
        "second order": len(range(0, 200, 2)),
    }
    for referee, number in count.items():
        record_testsuite_property(f"random graphs held against {referee}", number)
    assert count == {
        "complex step": 120,
        "central differences": 80,
        "symdiff": 120,
        "second order": 100,
    }
    # Nothing of the table is left out, the graphs share values, and no two are the same.
    assert {name for p in programs for name, _ in p[1]} == set(STEPS)
    places = [[place for _, operands in p[1] for place in operands] for p in programs]
    assert sum(len(set(used)) < len(used) for used in places) > 150
    assert len({p[1] for p in programs}) == 200


@pytest.mark.parametrize("name", ["tanh", "matmul", "maximum", "repeated elements", "prod"])
def test_a_wrong_gradient_is_caught(name, monkeypatch):
    number = next(n for n in range(200) if any(step == name for step, _ in program(n)[1]))
    step = STEPS[name]

    def wrong(*xs):
        # A value that is right for plain arrays, and off by half a percent on tensors.
        value = step[0](*xs)
        return value * 1.005 if hasattr(value, "tape") else value

    monkeypatch.setitem(STEPS, name, (wrong, *step[1:]))
    with pytest.raises(AssertionError):
        test_gradients(number)

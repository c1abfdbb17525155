import functools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import BranchChanged, TraceEnded, grad, trace, value_and_grad, vjp

X = np.array([0.5, 1.5, -0.75])


def test_types_and_shapes_of_gradients():
    assert type(grad(np.tanh)(0.5)) is float
    assert type(grad(np.tanh)(np.float32(0.5))) is np.float32
    assert type(grad(lambda x: np.sum(x * np.ones(3)))(np.float32(0.5))) is np.float32
    zero_d = grad(np.tanh)(np.array(0.5))
    assert type(zero_d) is np.ndarray
    assert zero_d.shape == ()
    gradients = grad(lambda x, y: np.sum(x) * y, argnums=(1, 0))(X, 2.0)
    assert gradients[0] == np.sum(X)
    np.testing.assert_array_equal(gradients[1], np.full(3, 2.0))
    assert grad(lambda x, y: x * y, argnums=-1)(3.0, 2.0) == 3.0
    assert grad(lambda x, labels: x * labels["k"])(3.0, {"k": 2}) == 2.0
    assert grad(lambda x, *, k: x * k)(3.0, k=4.0) == 4.0
    assert value_and_grad(lambda x: x * 2, argnums=())(3.0) == (6.0, ())


@pytest.mark.parametrize(
    ("argnums", "error", "message"),
    [
        (2, ValueError, "numbered from 0"),
        (-3, ValueError, "called with 2 positional arguments"),
        ("x", TypeError, "an int or a tuple of ints is needed"),
        (1.0, TypeError, "is not iterable|an int or a tuple"),
        ((0, 0), ValueError, r"argnums=\(0, 0\) names an argument twice"),
        ((1, -1), ValueError, "names an argument twice"),
    ],
)
def test_wrong_argnums(argnums, error, message):
    with pytest.raises(error, match=message):
        grad(lambda x, y: x * y, argnums=argnums)(1.0, 2.0)


def test_a_gradient_needs_a_scalar():
    for f in (lambda x: x, lambda x: x[:1], lambda x: np.ones(3)):
        with pytest.raises(
            ValueError, match=r"array of shape \(\d,\); a gradient needs a scalar: su"
        ):
            grad(f)(X)


def test_functions_that_do_not_use_their_argument():
    np.testing.assert_array_equal(grad(lambda x, y: np.sum(y))(X, X), np.zeros(3))
    assert grad(lambda x: 3.0)(2.0) == 0.0
    value, x_bar = value_and_grad(lambda x: np.sum(X))(X.astype(np.float32))
    assert value == np.sum(X)
    assert x_bar.dtype == np.float32


def test_higher_orders():
    def power(x):
        return x**5

    f = power
    for expected in (80.0, 160.0, 240.0, 240.0, 120.0, 0.0):
        f = grad(f)
        assert f(2.0) == expected
    np.testing.assert_allclose(grad(grad(grad(grad(np.sin))))(0.3), np.sin(0.3), rtol=1e-14)


def test_perturbations_are_not_confused():
    # Siskind and Pearlmutter, Perturbation confusion and referential transparency (2005).
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x * x * y)(2.0) * x)(3.0) == 27.0
    assert grad(lambda x: grad(lambda y: x * 3.0)(x))(2.0) == 0.0
    f = grad(lambda x: x * grad(lambda y: grad(lambda z: x * y * z)(y) * y)(x))
    # d/dz = xy; (xy·y)' in y at x = 2x²; x·2x² = 2x³.
    np.testing.assert_allclose(f(2.0), 24.0)


@pytest.mark.each("order", [2, 3, 4])
@pytest.mark.each(
    "f",
    [
        lambda x: np.sum(x[x > 0] ** 5),
        lambda x: x[np.argmax(x)] ** 5 + np.sum(x[[0, 0, 1]] ** 5),
        lambda x: np.sum(np.diag(x)[1:, 1:] ** 5) + np.sum(np.tril(np.outer(x, x)) ** 5),
        lambda x: np.sum(np.where(x > 0, x**5, 2 * x**5)) + np.prod(x),
        lambda x: np.sum(np.concatenate([x, x[::-1]]).reshape(2, 3) @ x) ** 3,
        lambda x: np.max(x) ** 5 + np.sum(np.clip(x, -0.6, 1.0) ** 5) + np.std(x),
        lambda x: np.sum(np.astype(x, np.longdouble) ** 5) + np.sum(np.cumsum(x)[::2] ** 5),
    ],
)
def test_nested_traces_of_structure(f, order, rng):
    directions = [rng.normal(size=3) for _ in range(order)]

    def along(g, d):
        return lambda x: np.sum(d * grad(g)(x))

    lower = functools.reduce(along, directions[:-1], f)
    derivative = along(lower, directions[-1])
    step = 1e-5 * directions[-1]
    expected = (lower(X + step) - lower(X - step)) / 2e-5
    found = derivative(X)
    assert not hasattr(found, "tape")
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    graph = trace(derivative, X)
    np.testing.assert_allclose(graph.forward(X * 1.1), derivative(X * 1.1), rtol=1e-11)


def test_vjp():
    W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    out, pullback = vjp(lambda w, x: w @ x, W, X)
    np.testing.assert_array_equal(out, W @ X)
    for g in (np.array([1.0, 0.0]), np.array([0.5, -2.0])):
        w_bar, x_bar = pullback(g)
        np.testing.assert_array_equal(w_bar, np.outer(g, X))
        np.testing.assert_array_equal(x_bar, W.T @ g)
    with pytest.raises(ValueError, match=r"the cotangent has shape \(3,\); \(2,\) is expected"):
        pullback(np.ones(3))
    hessian = vjp(lambda x: grad(lambda x: np.sum(x**3))(x), X)[1]
    np.testing.assert_allclose(hessian(np.ones(3))[0], 6 * X)
    np.testing.assert_allclose(
        grad(lambda g: np.sum(pullback(g)[1] ** 2))(np.ones(2)), 2 * W @ W.T @ np.ones(2)
    )


def test_vjp_does_not_see_later_changes():
    x, w, big = X.copy(), np.ones(3), np.ones(20_000)
    _, pullback = vjp(lambda x: np.sum(x * x * w) + np.sum(x[0] * big), x)
    x[:], w[:], big[:] = 9.0, 9.0, 9.0
    np.testing.assert_allclose(pullback(1.0)[0], 2 * X + [20_000, 0, 0])


def test_results_of_vjp_are_arrays_of_their_own():
    seed = np.ones(3)
    _, pullback = vjp(lambda x, y: x + y, X, X)
    x_bar, y_bar = pullback(seed)
    x_bar += 1
    y_bar *= 3
    np.testing.assert_array_equal(seed, np.ones(3))
    np.testing.assert_array_equal(pullback(seed), np.ones((2, 3)))
    assert x_bar.flags.writeable
    identity = vjp(lambda x: x, X)[1](seed)[0]
    assert not np.shares_memory(identity, seed)


def test_a_pullback_that_outlives_an_outer_trace_raises():
    kept = []

    def f(x):
        kept.append(vjp(lambda y: x * y, x)[1])
        return x

    grad(f)(2.0)
    with pytest.raises(TraceEnded):
        kept[0](1.0)


def test_a_buffer_may_be_reused():
    def f(x):
        buffer, rows, total = np.ones(3), np.zeros(2, int), 0.0
        for i in range(3):
            buffer[:] = i
            rows[:] = i
            total = total + np.sum(x * x * buffer) + np.sum(x[rows] ** 2)
        return total

    expected = 2 * X * 3 + 4 * X
    np.testing.assert_allclose(grad(f)(X), expected)
    graph = trace(f, X)
    assert graph.forward(X) == f(X)
    np.testing.assert_allclose(graph.backward()["x"], expected)


def test_two_threads_at_once():
    def loss(w, x):
        for _ in range(30):
            x = np.tanh(w @ x)
        return np.sum(x)

    w = np.random.default_rng(1).normal(size=(5, 5))
    xs = [np.random.default_rng(i).normal(size=5) for i in range(4)]
    expected = [grad(loss)(w, x) for x in xs]
    found = [None] * 4
    start = threading.Barrier(4)

    def work(i):
        start.wait()
        for _ in range(20):
            graph = trace(loss, w, xs[i])
            graph.forward(w, xs[i])
            assert "w" in graph.names
            np.testing.assert_array_equal(graph.backward()["w"], expected[i])
            found[i] = grad(loss)(w, xs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_array_equal(found[i], expected[i])


def test_control_flow_inside_grad():
    def newton(a):
        x = a
        while abs(x * x - a) > 1e-12:
            x = 0.5 * (x + a / x)
        return x

    np.testing.assert_allclose(grad(newton)(2.0), 0.5 / np.sqrt(2.0), rtol=1e-9)
    graph = trace(newton, 2.0)
    with pytest.raises(BranchChanged):
        graph.forward(2000.0)


UNARY = [
    np.sin,
    np.exp,
    np.tanh,
    np.arctan,
    np.square,
    np.negative,
    np.arcsinh,
    np.cosh,
    lambda x: 1.0 / (2.5 + np.cos(x)),
    lambda x: np.sqrt(1.0 + x * x),
    lambda x: np.log(2.0 + np.sin(x)),
    lambda x: x**3 - 2 * x,
]
BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    lambda x, y: x / (1.5 + y * y),
    lambda x, y: (2.0 + np.sin(x)) ** np.tanh(y),
    lambda x, y: np.matmul(np.reshape(x, (2, 3)), np.reshape(y, (3, 2)))[[0, 1, 0, 1, 0, 1], 1],
]
STRUCTURE = [
    lambda x: x[::-1],
    lambda x: x[[5, 0, 0, 2, 1, 3]],
    lambda x: np.roll(x, 2),
    lambda x: np.reshape(np.transpose(np.reshape(x, (2, 3))), (-1,)),
    lambda x: np.concatenate([x[4:], x[:4] * 0.5]),
    lambda x: x - np.mean(x),
    lambda x: np.cumsum(x) * 0.3,
    lambda x: np.sum(np.stack([x, x * x]), axis=0),
    lambda x: np.broadcast_to(np.sum(x), (6,)) * 0.1,
    lambda x: np.where(np.arange(6) % 2 == 0, x, x[::-1] * 2.0),
    lambda x: np.tile(np.reshape(x, (3, 2))[1], 3),
    lambda x: x * np.prod(x[1:4]),
]
steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(range(len(UNARY))).map(lambda i: ("unary", i)), st.integers(0, 9)
        ),
        st.tuples(
            st.sampled_from(range(len(BINARY))).map(lambda i: ("binary", i)), st.integers(0, 9)
        ),
        st.tuples(
            st.sampled_from(range(len(STRUCTURE))).map(lambda i: ("move", i)), st.integers(0, 9)
        ),
    ),
    min_size=1,
    max_size=8,
)


def build(program):
    def f(x):
        values = [x]
        for (kind, i), place in program:
            last, other = values[-1], values[place % len(values)]
            # tanh keeps towers of powers and exponentials within reach of differences.
            last = np.tanh(last)
            table = {"unary": UNARY, "binary": BINARY, "move": STRUCTURE}[kind]
            values.append(table[i](last, other) if kind == "binary" else table[i](last))
        return np.sum(np.sin(values[-1]))

    return f


@settings(max_examples=150, deadline=None, derandomize=True)
@given(steps, st.integers(0, 2**32 - 1))
def test_random_expressions(program, seed):
    f, random = build(program), np.random.default_rng(seed)
    x, d = random.uniform(-1.2, 1.2, size=6), random.normal(size=6)
    value, x_bar = value_and_grad(f)(x)
    assert value == f(x)
    graph = trace(f, x)
    fresh = random.uniform(-1.2, 1.2, size=6)
    assert graph.forward(fresh) == f(fresh)
    np.testing.assert_array_equal(graph.backward()["x"], grad(f)(fresh))
    # The complex step is exact to the last digits: Squire and Trapp, SIAM Review 40(1), 1998.
    exact = np.imag(f(x + 1e-30j * d)) / 1e-30
    np.testing.assert_allclose(x_bar @ d, exact, rtol=1e-11, atol=1e-11 * np.abs(x_bar).sum())
    difference = (f(x + 1e-6 * d) - f(x - 1e-6 * d)) / 2e-6
    np.testing.assert_allclose(
        x_bar @ d, difference, rtol=1e-5, atol=1e-6 * (1 + np.abs(x_bar).sum())
    )
    second = grad(lambda x: np.sum(d * grad(f)(x)))(x)
    exact = np.imag(_slope(f, x + 1e-30j * d, d)) / 1e-30
    np.testing.assert_allclose(second @ d, exact, rtol=1e-4, atol=1e-5 * (1 + np.abs(second).sum()))


def _slope(f, x, d, step=1e-6):
    """Return the central difference of `f` along `d` at a complex point."""
    return (f(x + step * d) - f(x - step * d)) / (2 * step)

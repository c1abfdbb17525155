"""Random matrix programs, held against differences and against the scalar formulas."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import symdiff
from symdiff.matrix import matrix_gradient

ONE = {
    "tanh": np.tanh,
    "sin": np.sin,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "square": lambda a: a**2,
    "transpose": lambda a: a.T,
    "negate": lambda a: -a,
    "double": lambda a: 2 * a,
    "smooth": lambda a: np.sqrt(1 + a**2),
    "rows": lambda a: a - np.sum(a, axis=1, keepdims=True) / 2,
    "columns": lambda a: a + np.mean(a, axis=0),
    "softmax": lambda a: np.exp(np.tanh(a)) / np.sum(np.exp(np.tanh(a)), axis=1, keepdims=True),
    "log-sum-exp": lambda a: a * np.log(np.sum(np.exp(np.tanh(a)), axis=0)),
    "scaled": lambda a: a * np.sum(a) / 3,
    "norm": lambda a: a / np.sqrt(1 + np.sum(a**2)),
}
TWO = {
    "matmul": lambda a, b: a @ b,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (1 + b**2),
    "row": lambda a, b: a + b[0],
    "column": lambda a, b: a * b[:, 1:],
    "einsum": lambda a, b: np.einsum("ij,kj->ki", a, b),
    "outer": lambda a, b: a + np.outer(a[0], b @ a[1]),
}
END = {
    "sum": np.sum,
    "squares": lambda a: np.sum(a**2),
    "trace": np.trace,
    "quadratic": lambda a: a[0] @ a @ a[1],
    "inner": lambda a: np.sum(a * np.cos(a)),
    "mean": np.mean,
}


def _grow(children):
    one = st.tuples(st.sampled_from(sorted(ONE)), children)
    return one | st.tuples(st.sampled_from(sorted(TWO)), children, children)


PROGRAMS = st.tuples(
    st.sampled_from(sorted(END)),
    st.recursive(st.sampled_from(["X", "Y"]), _grow, max_leaves=6),
)


def _run(tree, values):
    if isinstance(tree, str):
        return values[tree]
    operation, *parts = tree
    arguments = [_run(part, values) for part in parts]
    return {**ONE, **TWO, **END}[operation](*arguments)


@settings(max_examples=150, deadline=None)
@given(program=PROGRAMS, seed=st.integers(0, 10**6))
def test_against_differences(program, seed):
    def f(X, Y):
        return _run(program, {"X": X, "Y": Y})

    rng = np.random.default_rng(seed)
    point = {name: rng.uniform(-1, 1, size=(2, 2)) for name in "XY"}
    direction = {name: rng.uniform(-1, 1, size=(2, 2)) for name in "XY"}
    value, found = matrix_gradient(f, X=(2, 2), Y=(2, 2)).value_and_gradient(**point)

    def along(t):
        return float(f(**{name: point[name] + t * direction[name] for name in "XY"}))

    step = 1e-3
    stencil = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
    ends = [(k, weight, along(k * step), along(-k * step)) for k, weight in stencil]
    expected = sum(weight * (right - left) / step for _, weight, right, left in ends)
    size = max(1.0, *(abs(right) for _, _, right, _ in ends), abs(expected))
    assert abs(value - along(0.0)) <= 1e-12 * size
    got = sum(np.sum(found[name] * direction[name]) for name in "XY")
    assert abs(got - expected) <= 1e-8 * size


@settings(max_examples=25, deadline=None)
@given(program=PROGRAMS, seed=st.integers(0, 10**6))
def test_against_the_scalar_formulas(program, seed):
    def f(X, Y):
        return _run(program, {"X": X, "Y": Y})

    rng = np.random.default_rng(seed)
    point = {name: rng.uniform(-1, 1, size=(2, 2)) for name in "XY"}
    shapes = {"X": (2, 2), "Y": (2, 2)}
    value, found = matrix_gradient(f, inputs=shapes).value_and_gradient(**point)
    scalar = symdiff.gradient(f, strategy="shared", inputs=shapes)
    expected_value, expected = scalar.value_and_gradient(**point)
    scale = max(1.0, abs(expected_value), *(np.max(np.abs(e)) for e in expected.values()))
    assert abs(value - expected_value) <= 1e-10 * scale
    for name in "XY":
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-9 * scale)

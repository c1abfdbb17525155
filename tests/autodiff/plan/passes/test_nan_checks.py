"""Where zero times infinity is zero a plan gives what the function gives."""

import numpy as np
import pytest

import autodiff
from autodiff.core.pytrees import flatten

#: At 0 the partial of the root is infinite; what hides NaN leaves looks where the products are.
LOST = {
    "chosen": lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0) * x),
    "twice": lambda x: np.sum(np.where(x > 0, np.sqrt(np.sqrt(x)), 0.0)),
    "through a product": lambda x: np.sum(np.where(x > 0, np.sqrt(np.cumsum(x)), 1.0) @ np.eye(4)),
    "rows": lambda x: np.sum(np.where(x > 0, np.sqrt(np.stack([x, x])), 1.0)),
    "in a loop": lambda x: sum(np.sum(np.where(x > k, np.sqrt(x - k), 0.0)) for k in range(40)),
}
HIDDEN = {
    "fmax": lambda x, g: np.fmax(g, -x),
    "hypot": lambda x, g: np.hypot(np.where(x > 0, 1.0, np.inf), g),
    "power": lambda x, g: np.power(1.0, g),
    "isnan": lambda x, g: np.where(np.isnan(g), 7.0, g),
    "compared": lambda x, g: np.where(g >= 0, 1.0, -1.0),
    "decided": lambda x, g: x if np.all(g >= 0) else -x,
}
POINTS = (
    [1.0, 2.0, 3.0, 4.0],
    [1.0, 0.0, 2.0, 0.0],
    [np.nan, 0.0, 1.0, 2.0],
    [0.0, -1.0, 0.0, 1.0],
)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_zero_times_infinity_is_what_the_function_has(backend):
    if backend == "numba":
        pytest.importorskip("numba")
    chosen = autodiff.grad(LOST["chosen"])
    functions = {name: autodiff.value_and_grad(f) for name, f in LOST.items()}
    functions |= {name: lambda x, f=f: f(x, chosen(x)) for name, f in HIDDEN.items()}
    with np.errstate(all="ignore"):
        for name, f in functions.items():
            # Numba takes a second for each.
            if backend == "numba" and name not in ("twice", "fmax"):
                continue
            for first in (0, 1) if backend == "numpy" else (1,):
                step = autodiff.compile(f, backend=backend)
                for point in POINTS[first:]:
                    x = np.array(point)
                    found, expected = _flat(step(x)), _flat(f(x))
                    np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)


def _flat(result):
    return np.concatenate([np.ravel(x) for x in flatten(result)[0]])


def test_it_is_looked_for_once():
    def f(x):
        return np.sum(np.sin(x) * np.exp(np.tanh(np.where(x > 0, np.sqrt(x), 0.0))))

    source = autodiff.compile(autodiff.grad(f)).plan(np.ones(4)).source
    assert source.count("raise_unless_finite(") == 2
    assert "multiply_no_nan" not in source


def test_what_loses_its_look_may_be_a_view_then():
    """A reshape of a reversed view is a copy: done once, it would have the numbers of no call."""

    def f(x):
        y = np.ones((3, 3))
        y[:, ::-1] *= np.reshape(np.resize(np.mean(x, axis=-1), 9), (3, 3))
        return np.sum(np.sin(y) * np.arange(9.0).reshape(3, 3))

    x = np.linspace(0.3, 1.2, 9).reshape(3, 3)
    np.testing.assert_allclose(autodiff.compile(autodiff.grad(f))(x), autodiff.grad(f)(x))

"""Conveniences: ints as arguments, linearize, hvp(f)(x, v), columns of frames."""

import re

import numpy as np
import pandas
import pytest

import autodiff
from autodiff import grad, hessian, hvp, jvp, linearize, value_and_grad


def circuit(x, y, z):
    return (x + y) * z


def test_integers_of_a_lesson():
    found = grad(circuit, (0, 1, 2))(-2, 5, -4)
    assert found == (-4.0, -4.0, 3.0)
    assert all(type(x) is float for x in found)
    value, x_bar = value_and_grad(circuit)(-2, 5, -4)
    assert (value, x_bar) == (-12.0, -4.0)
    assert hessian(lambda x: x**3)(2) == 12.0
    assert jvp(circuit, (-2, 5, -4), (1, 0, 0))[1] == -4.0
    assert autodiff.compile(grad(circuit, (0, 1, 2)))(-2, 5, -4) == (-4.0, -4.0, 3.0)
    graph = autodiff.trace(circuit, -2, 5, -4)
    assert graph.forward(-2, 5, -4) == -12.0
    assert graph.backward() == {"x": -4.0, "y": -4.0, "z": 3.0}


def test_integer_arrays_are_told_what_to_do():
    with pytest.raises(TypeError, match=r"dtype int64; .* convert it with .astype\(float\)"):
        grad(np.sum)(np.array([1, 2]))
    with pytest.raises(TypeError, match=r"argument 0\['n'\] is an int"):
        grad(lambda p: p["n"] * p["w"])({"n": 3, "w": 1.0})


def test_linearize_is_jvp_without_the_function(rng):
    calls = []

    def f(x, y):
        calls.append(1)
        return {"a": np.sin(x) * y, "b": np.sum(x)}

    x, y, d, e = rng.normal(size=3), 2.0, rng.normal(size=3), 0.5
    out, push = linearize(f, x, y)
    for scale in (1.0, -2.0):
        expected = jvp(f, (x, y), (scale * d, scale * e))
        found = push(scale * d, scale * e)
        for key in "ab":
            np.testing.assert_array_equal(out[key], expected[0][key])
            np.testing.assert_allclose(found[key], expected[1][key], rtol=1e-14)
    assert len(calls) == 3
    x[:] = 0.0
    np.testing.assert_allclose(push(d, e)["b"], np.sum(d))
    with pytest.raises(ValueError, match="2 primals and 1 tangents"):
        push(d)


def test_hessian_vector_products_in_both_forms(rng):
    x, v = rng.normal(size=4), rng.normal(size=4)

    def f(x, c=1.0):
        return c * np.sum(np.sin(x) * x[::-1])

    expected = hessian(f)(x) @ v
    np.testing.assert_allclose(hvp(f)(x, v), expected, rtol=1e-12)
    np.testing.assert_allclose(hvp(f, (x,), (v,)), expected, rtol=1e-12)
    np.testing.assert_allclose(hvp(f)(x, 2.0, v), 2 * expected, rtol=1e-12)
    tree = hvp(lambda p: f(p["x"]))({"x": x}, {"x": v})
    np.testing.assert_allclose(tree["x"], expected, rtol=1e-12)
    np.testing.assert_allclose(autodiff.compile(hvp(f))(x, v), expected, rtol=1e-12)
    with pytest.raises(TypeError, match=r"1 arguments arrived; .* hvp\(f\)\(x, v\)"):
        hvp(f)(x)


COLUMNS = {
    "column times tensor": lambda x, s: np.sum(s * x),
    "tensor times column": lambda x, s: np.sum(x * s),
    "number": lambda x, s: np.sum(np.exp(x[0] * s)),
    "difference": lambda x, s: np.mean((x - s) ** 2),
    "power": lambda x, s: np.sum(x**s),
    "result": lambda x, s: s,
}


@pytest.mark.parametrize("f", COLUMNS.values(), ids=COLUMNS)
def test_columns_of_frames(f):
    column = pandas.Series([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match=r"\.to_numpy\(\)"):
        grad(lambda x: f(x, column))(np.ones(3))
    with pytest.raises(TypeError, match=r"argument 0 is a Series; .*\.to_numpy\(\)"):
        grad(np.sum)(column)
    assert np.all(np.isfinite(grad(lambda x: np.sum(x * column.to_numpy()))(np.ones(3))))


def test_a_lack_of_memory_is_told_as_such():
    def f(x):
        y = np.array([x[0], x[1]])
        return np.sum(y) + np.zeros((10**6, 10**6, 10**3))[0, 0, 0]

    with pytest.raises(MemoryError, match="Unable to allocate"):
        grad(f)(np.ones(2))


def test_names_and_representations():
    assert {"compile", "Plan", "grad", "jet"} <= set(dir(autodiff))
    assert re.search(r"compile\(.*circuit", repr(autodiff.compile(circuit)))
    assert autodiff.compile(circuit).__name__ == "circuit"

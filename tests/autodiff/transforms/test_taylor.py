"""Taylor mode against nested gradients and against series that are known."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import Undifferentiable, grad, jet
from autodiff.core.primitive import PRIMITIVES
from autodiff.transforms.taylor import _RULES

POINTS = {"arccosh": 1.3}


def nested(f, x, order):
    found = [f(x)]
    for _ in range(order):
        f = grad(f)
        found.append(f(x))
    return np.array(found)


UFUNCS = [n for n in _RULES if isinstance(getattr(np, n, None), np.ufunc) and n != "matmul"]


@pytest.mark.each("name", UFUNCS)
@pytest.mark.each("sign", [1.0, -1.0])
def test_every_rule_against_nested_gradients(name, sign):
    ufunc = getattr(np, name)
    x = sign * POINTS.get(name, 0.37)
    with np.errstate(all="ignore"):
        if np.isnan(ufunc(*[x] * ufunc.nin)):
            pytest.skip("no value there")

        def f(t):
            return ufunc(*(t, 0.5 + t * t)[: ufunc.nin])

        found, expected = jet(f, x, 4), nested(f, x, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_names_are_those_of_rules():
    import autodiff.rules.special

    assert autodiff.rules.special
    assert set(_RULES) <= set(PRIMITIVES)


def test_the_tenth_derivative_of_four_nested_sines():
    def f(x, sin=np.sin):
        return sin(sin(sin(sin(x))))

    with mpmath.workdps(40):
        series = mpmath.taylor(lambda x: f(x, mpmath.sin), mpmath.mpf(0.5), 10)
    expected = [float(c) * math.factorial(k) for k, c in enumerate(series)]
    np.testing.assert_allclose(jet(f, 0.5, 10), expected, rtol=1e-13)


def test_arrays_directions_and_linear_functions(rng):
    a, x, d = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4)

    def f(x):
        return np.cumsum(np.tanh(a @ x))[::-1] * x[:3] + np.where(x[0] > 9, x[0], x[1]) ** 3

    found = jet(f, x, 3, d)
    line = [nested(lambda t, i=i: f(x + t * d)[i], 0.0, 3) for i in range(3)]
    np.testing.assert_allclose(found, np.transpose(line), rtol=1e-9)
    assert found.shape == (4, 3)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    x=st.floats(-1.5, 1.5),
    names=st.lists(st.sampled_from(["sin", "cos", "exp", "tanh", "arctan", "square"]), max_size=3),
    power=st.integers(0, 4),
)
def test_compositions(x, names, power):
    def f(t):
        out = t**power + 0.5 * t
        for name in names:
            out = 0.3 * getattr(np, name)(out) / (2.0 + np.sin(t))
        return out

    expected = nested(f, x, 3)
    np.testing.assert_allclose(jet(f, x, 3), expected, rtol=1e-8, atol=1e-9)


def test_powers_at_zero_and_constants():
    np.testing.assert_array_equal(jet(lambda x: x**3, 0.0, 4), [0, 0, 0, 6, 0])
    np.testing.assert_array_equal(jet(lambda x: 2.0, 0.5, 2), [2, 0, 0])
    np.testing.assert_array_equal(jet(np.exp, 0.0, 0), [1])
    np.testing.assert_array_equal(jet(np.floor, 0.5, 1), [0, 0])


def test_no_number_where_there_is_none():
    assert np.isnan(jet(np.abs, 0.0, 1)[1])
    assert np.isnan(jet(lambda x: np.maximum(x, -x), 0.0, 2)[1])


def test_refusals():
    with pytest.raises(Undifferentiable, match="jet: cumprod has no rule"):
        jet(np.cumprod, np.ones(3), 2)
    with pytest.raises(ValueError, match="order=-1"):
        jet(np.sin, 1.0, -1)
    with pytest.raises(ValueError, match=r"direction has shape \(2,\), the point \(3,\)"):
        jet(np.sum, np.ones(3), 1, np.ones(2))

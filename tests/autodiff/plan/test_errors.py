"""Errors that depend on values: what the function makes of them, its plan does."""

import contextlib
import math

import numpy as np
import pytest

import autodiff

GOOD = np.array([[2.0, 0.3], [0.3, 1.0]])
SINGULAR = np.ones((2, 2))


def _with_jitter(a):
    try:
        return np.sum(np.linalg.cholesky(a))
    except np.linalg.LinAlgError:
        return np.sum(np.linalg.cholesky(a + 10.0 * np.eye(2)))


def _or_zero(a):
    result = np.sum(a)
    with contextlib.suppress(np.linalg.LinAlgError):
        result = np.sum(np.linalg.solve(a, np.ones(2)))
    return result


@pytest.mark.parametrize("transform", [lambda f: f, autodiff.grad])
@pytest.mark.parametrize(("f", "bad"), [(_with_jitter, -GOOD), (_or_zero, SINGULAR)])
def test_an_error_that_the_function_catches(f, bad, transform):
    eager = transform(f)
    for order in ((GOOD, bad, GOOD), (bad, GOOD, bad)):
        compiled = autodiff.compile(eager)
        for a in order:
            np.testing.assert_allclose(compiled(a), eager(a), rtol=1e-13)
        assert compiled.plan(GOOD).operations
        assert len(compiled.plans()) == 1
    with pytest.raises(TypeError, match="an error that the function catches"):
        autodiff.compile(eager).plan(bad)


NUMBERS = {
    "quotient": (lambda x: 1.0 / x, 0.0),
    "root": (lambda x: math.sqrt(x) * 2.0, -1.0),
    "logarithm": (lambda x: math.log(x) + x, 0.0),
    "exponential": (lambda x: math.exp(x) + x, 1e4),
    "power": (lambda x: x**0.5, -4.0),  # complex
    "NumPy's": (lambda x: np.exp(x) + x, 1e4),  # infinite
    "element": (lambda x: x[0] / x[1] + math.log(x[0]), np.array([0.0, 1.0])),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NUMBERS)
def test_where_arithmetic_of_python_raises_the_function_itself_is_called(name):
    f, odd = NUMBERS[name]
    for eager in (f, autodiff.grad(f)):
        for first in (odd * 0.0 + 0.5, odd):
            compiled = autodiff.compile(eager)
            for x in (first, odd, odd + 2.0, odd):
                try:
                    expected = eager(x)
                except (ArithmeticError, ValueError) as error:
                    with pytest.raises(type(error)):
                        compiled(x)
                else:
                    found = compiled(x)
                    assert np.array_equal(found, expected, equal_nan=True)
                    assert isinstance(found, complex) == isinstance(expected, complex)

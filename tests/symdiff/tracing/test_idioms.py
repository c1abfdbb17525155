"""What people write in functions that are traced, in each strategy: right as NumPy has it."""

import functools

import numpy as np
import pytest

import symdiff

X = np.array([0.7, 1.3, 2.1, 0.4])


def matched(x):
    match x[0]:
        case float():
            return np.sum(x**2)
        case _:
            return 0.0 * x[0]


@functools.singledispatch
def dispatched(x):
    return 0.0 * x[0]


@dispatched.register
def _(x: np.ndarray):
    return np.sum(np.sin(x))


IDIOMS = {
    "an array": lambda x: np.sum(x**2) if isinstance(x, np.ndarray) else x[0],
    "a number": lambda x: x[0] * x[1] if isinstance(x[0], float) else x[2],
    "a number of NumPy's": lambda x: x[0] ** 3 if isinstance(x[0], np.floating) else x[2],
    "match": matched,
    "singledispatch": lambda x: dispatched(x) + dispatched(x[:2]),
    "tolist": lambda x: sum(v * k for k, v in enumerate(x.tolist())) + x[1].tolist(),
    "vstack of numbers": lambda x: np.sum(np.vstack([x[0], x[1] * 2.0]) ** 2),
    "hstack of numbers": lambda x: np.prod(np.hstack([x[0], x[1], 3.0])),
}


@pytest.mark.each("strategy", symdiff.STRATEGIES)
@pytest.mark.each("f", IDIOMS.values(), ids=IDIOMS)
def test_the_value_and_the_gradient_are_those_of_the_function(strategy, f):
    gradient = symdiff.gradient(f, x=(4,), strategy=strategy)
    value, partials = gradient.value_and_gradient(x=X)
    assert value == pytest.approx(float(f(X)), rel=1e-12)
    h = 1e-6 * np.eye(4)
    expected = [(f(X + e) - f(X - e)) / 2e-6 for e in h]
    np.testing.assert_allclose(partials["x"], expected, rtol=1e-7, atol=1e-8)


@pytest.mark.each("strategy", symdiff.STRATEGIES)
@pytest.mark.each("f", [lambda x: x[x.argmax()], lambda x: np.sum(x.argsort() * x)])
def test_a_method_that_chooses_places_says_what_to_write(strategy, f):
    with pytest.raises((symdiff.Untraceable, TypeError), match=r"np\.|index"):
        symdiff.gradient(f, x=(4,), strategy=strategy)

"""Idioms of functions that are traced, in each strategy: right as NumPy has them."""

import functools
import math

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


def written(y, x):
    for k in range(1, 4):
        y[k] = x[k] * x[k - 1]
    y[0] = 1.0
    return y


def helper(values):
    return np.sum(np.array(values) ** 3)


IDIOMS = {
    "an array": lambda x: np.sum(x**2) if isinstance(x, np.ndarray) else x[0],
    "a number": lambda x: x[0] * x[1] if isinstance(x[0], float) else x[2],
    "a number of NumPy's": lambda x: x[0] ** 3 if isinstance(x[0], np.floating) else x[2],
    "match": matched,
    "singledispatch": lambda x: dispatched(x) + dispatched(x[:2]),
    "tolist": lambda x: sum(v * k for k, v in enumerate(x.tolist())) + x[1].tolist(),
    "np.array of numbers": lambda x: np.linalg.det(np.array([[x[0], 2.0], [x[1] ** 2, x[2]]])),
    "np.array of an array": lambda x: np.sum(np.array(x) * np.asarray(x)),
    "np.array of arrays": lambda x: np.sum(np.array([x, 2.0 * x[::-1], [1.0, 2.0, 3.0, 4.0]]) ** 2),
    "np.array, dtype": lambda x: np.sum(np.array([x[0], 1.0], dtype=float) ** 2),
    "np.zeros": lambda x: np.sum(written(np.zeros(4), x) ** 2),
    "np.empty": lambda x: np.sum(written(np.empty(4), x) ** 2),
    "np.array of constants": lambda x: np.sum(written(np.array([1.0, 2.0, 3.0, 4.0]), x) ** 2),
    "np.full": lambda x: np.sum(np.full((2, 3), x[0]) ** 2) + x[1],
    "functions of lists": lambda x: np.sum([v**2 for v in x]) + np.dot([x[0], x[1]], [2.0, 3.0]),
    "norm of a list": lambda x: np.linalg.norm([x[0], x[1], 1.0]) + np.mean([x[2], x[3]]),
    "math": lambda x: math.exp(x[0]) * math.sin(x[1]) + math.log(x[2], 2.0) + math.pow(x[3], 2),
    "math of lists": lambda x: math.prod([x[0], x[1], 2.0]) + math.fsum([x[2], x[3]]),
    "max and min": lambda x: max(x[0], x[1]) * min(x) + max([x[2], 0.5]),
    "sorted": lambda x: sum(k * v for k, v in enumerate(sorted(x))),
    "in a function that it calls": lambda x: helper([x[0], x[1]]),
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


@pytest.mark.each("strategy", symdiff.STRATEGIES)
def test_an_error_that_numbers_raise_is_no_branch_of_a_formula(strategy):
    def f(x):
        try:
            return np.linalg.cholesky(np.array([[x[0], 5.0], [5.0, x[1]]]))[0, 0]
        except np.linalg.LinAlgError:
            return x[2] ** 2

    with pytest.raises(TypeError, match="NumPy array"):
        symdiff.gradient(f, x=(4,), strategy=strategy)


def test_a_refusal_is_in_the_words_for_the_function_as_it_stands():
    with pytest.raises(TypeError, match="the truth of a traced value is not known"):
        symdiff.gradient(lambda x: np.array([x[0], 1.0])[0] if x[0] > 1 else x[1], x=(4,))
    with pytest.raises(TypeError, match="cannot become a NumPy array"):
        symdiff.gradient(lambda x: np.array([x[0], "1.0"])[0], x=(4,))

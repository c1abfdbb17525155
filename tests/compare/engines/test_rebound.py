"""Copies of functions that call another library where the function calls NumPy."""

import functools

import numpy as np
import pytest
from numpy import exp

from compare.engines.rebound import Library, rebound


class Counted:
    """A library that is NumPy, and counts its calls."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        found = getattr(np, name)
        if not callable(found):
            return found

        def counted(*args, **words):
            self.calls.append(name)
            return found(*args, **words)

        return counted


@pytest.fixture
def counted():
    """The counting library."""
    return Counted()


def helper(x):
    return np.sin(x)


def with_helper(x):
    return np.sum(helper(x)) + exp(x[0])


def closing_over(power):
    function = np.cosh

    def closed(x, inner=np.tanh):
        return np.sum(function(x) ** power + inner(x))

    return closed


def importing(x):
    import numpy as somebody

    return somebody.sum(somebody.sqrt(x))


def decorate(f):
    @functools.wraps(f)
    def wrapper(*args):
        return np.log(f(*args))

    return wrapper


@decorate
def decorated(x):
    return np.sum(x * x)


def nested(x):
    def inner(y):
        return np.square(y)

    return np.sum(np.array([inner(v) for v in (x, 2 * x)]))


def apart(a, x):
    return np.sum(a * np.exp2(x))


@pytest.mark.parametrize(
    ("function", "called"),
    [
        (with_helper, {"sum", "sin", "exp"}),
        (closing_over(2.0), {"sum", "cosh", "tanh"}),
        (importing, {"sum", "sqrt"}),
        (decorated, {"log", "sum"}),
        (nested, {"sum", "square", "array"}),
        (functools.partial(apart, 2.0), {"sum", "exp2"}),
        (lambda x: np.sum(np.arctan(x)), {"sum", "arctan"}),
    ],
)
def test_every_call_of_numpy_goes_to_the_library(counted, function, called):
    x = np.array([0.5, 1.5])
    copy = rebound(function, Library(counted))
    assert copy(x) == function(x)
    assert set(counted.calls) >= called


def test_the_function_itself_stays_as_it_is(counted):
    rebound(with_helper, Library(counted))
    counted.calls.clear()
    with_helper(np.ones(2))
    assert counted.calls == []


def test_what_the_library_lacks_is_told():
    class Empty:
        def __getattr__(self, name):
            raise AttributeError(name)

    with pytest.raises((NotImplementedError, AttributeError)):
        rebound(with_helper, Library(Empty()))(np.ones(2))

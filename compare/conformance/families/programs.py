"""Programs: loops, closures, state, structures of arguments, higher orders, large sizes."""

import functools
from dataclasses import dataclass

import mpmath as mp
import numpy as np

from compare.conformance.case import Case, exact

__all__ = ["CASES"]

_V = np.array([0.5, -1.0, 2.0])


def _of(name, function, x, truth, **more):
    return Case(
        name,
        function,
        (x,),
        (truth if isinstance(truth, mp.mpf) else np.asarray(truth)[()],),
        **more,
    )


def _chain(x, steps=2000):
    for _ in range(steps):
        x = x * 1.0005
    return x


def _logistic_map(x):
    for _ in range(20):
        x = 1.5 * x * (1 - x)
    return x


def _logistic_slope(x):
    slope = mp.mpf(1)
    for _ in range(20):
        slope, x = slope * mp.mpf(1.5) * (1 - 2 * x), mp.mpf(1.5) * x * (1 - x)
    return slope


def _while(x):
    while np.sum(x) < 100.0:
        x = x * 2.0
    return np.sum(x)


def _newton(a):
    x = 1.0
    for _ in range(40):
        x = 0.5 * (x + a / x)
    return x


def _recursive(x, depth=30):
    return x if depth == 0 else np.sin(_recursive(x, depth - 1))


def _recursive_slope(x):
    slope = mp.mpf(1)
    for _ in range(30):
        slope, x = slope * mp.cos(x), mp.sin(x)
    return slope


def _diamonds(x):
    for _ in range(60):
        x = 0.5 * x + 0.5 * x
    return x


def _rk4(x):
    y = np.array([x[0], x[1]])
    h = 0.1

    def slope(y):
        return np.array([y[1], -y[0]])

    for _ in range(10):
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y[0]


def _rk4_truth():
    h = 0.1
    a = np.array([[0.0, 1.0], [-1.0, 0.0]])
    step = np.eye(2) + h * a + h**2 / 2 * a @ a + h**3 / 6 * a @ a @ a + h**4 / 24 * a @ a @ a @ a
    return np.linalg.matrix_power(step, 10)[0]


class _Model:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, x):
        return np.sum(self.scale * x**2)

    @property
    def twice(self):
        return _Model(2 * self.scale)


@dataclass(frozen=True)
class _Settings:
    power: int = 3


def _closure(k):
    def f(x):
        return np.sum(x**k)

    return f


def _decorated(f):
    @functools.wraps(f)
    def inner(x):
        return 2 * f(x)

    return inner


@_decorated
def _of_decorator(x):
    return np.sum(x**2)


def _generator(x):
    return sum(v**2 for v in (x[i] for i in range(3)))


def _dictionary(x):
    parts = {"a": x[0], "b": x[1:]}
    return parts["a"] * np.sum(parts["b"])


def _sorted_by_key(x):
    return sorted([x[0], x[1], x[2]], key=lambda v: -v)[0] ** 2


_STATE = {"scale": 3.0}


def _state(x):
    return _STATE["scale"] * np.sum(x)


def _quartic(x):
    return np.sum(x**4) + x[0] * x[1] * x[2]


def _rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _rosenbrock_hessian_sum(x):
    n = len(x)
    h = np.zeros((n, n))
    for i in range(n - 1):
        h[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        h[i + 1, i + 1] += 200
        h[i, i + 1] -= 400 * x[i]
        h[i + 1, i] -= 400 * x[i]
    return h.sum(1)


_LONG = np.linspace(-1.0, 1.0, 200_000)

CASES = [
    _of(
        "a chain of 2000 operations",
        _chain,
        1.0,
        exact(lambda x: mp.mpf(1.0005) ** 2000, 1.0),
        why="a sort by recursion fails",
    ),
    _of(
        "a chain of 10,000 operations",
        functools.partial(_chain, steps=10_000),
        1.0,
        exact(lambda x: mp.mpf(1.0005) ** 10_000, 1.0),
        rtol=1e-8,
        why="a sort by recursion fails",
    ),
    _of("the logistic map", _logistic_map, 0.3, exact(_logistic_slope, 0.3)),
    _of("a loop until a condition", _while, _V, np.full(3, 128.0)),
    _of("Newton's iteration", _newton, 2.0, exact(lambda a: 1 / (2 * mp.sqrt(a)), 2.0)),
    _of("recursion", _recursive, 0.7, exact(_recursive_slope, 0.7)),
    _of(
        "60 diamonds", _diamonds, 1.0, 1.0, why="a walk over paths instead of nodes takes 2⁶⁰ steps"
    ),
    _of(
        "Runge and Kutta's steps, on an array of elements", _rk4, np.array([1.0, 0.5]), _rk4_truth()
    ),
    _of("an object that is called", _Model(1.5), _V, 3.0 * _V),
    _of("a property that makes an object", lambda x: _Model(1.5).twice(x), _V, 6.0 * _V),
    _of("a bound method", _Model(2.0).__call__, _V, 4.0 * _V),
    _of("a closure", _closure(3), _V, 3 * _V**2),
    _of("a field of a dataclass", lambda x: np.sum(x ** _Settings().power), _V, 3 * _V**2),
    _of("a decorated function", _of_decorator, _V, 4 * _V),
    _of(
        "a partial function",
        functools.partial(lambda k, x: np.sum(k * x), 3.0),
        _V,
        np.full(3, 3.0),
    ),
    _of("a generator", _generator, _V, 2 * _V),
    _of("a dictionary on the way", _dictionary, _V, [1.0, 0.5, 0.5]),
    _of("sorted by a key", _sorted_by_key, _V, [0.0, 0.0, 4.0]),
    _of("a global number", _state, _V, np.full(3, 3.0)),
    _of("map and sum", lambda x: sum(map(np.sin, x)), _V, np.cos(_V)),
    _of(
        "map over two slices",
        lambda x: sum(map(np.multiply, x[:-1], x[1:])),
        _V,
        [-1.0, 2.5, -1.0],
    ),
    _of("built-in max", lambda x: max(x[0], x[1], x[2]) ** 2, _V, [0.0, 0.0, 4.0]),
    _of("built-in abs", lambda x: abs(x[1]), _V, [0.0, -1.0, 0.0]),
    _of("a conditional expression", lambda x: x**2 if x > 0 else -x, -2.0, -1.0),
    _of("a constant", lambda x: 3.0 + 0.0 * np.sum(x), _V, np.zeros(3)),
    _of("200,000 entries", lambda x: np.sum(np.sin(x) ** 2), _LONG, np.sin(2 * _LONG)),
    _of(
        "200,000 entries by a mask",
        lambda x: np.sum(np.where(x > 0, x, 0.0)),
        _LONG,
        (_LONG > 0).astype(float),
    ),
    _of(
        "a matrix of 400 × 400",
        lambda x: np.sum(x @ x),
        np.ones((400, 400)),
        np.full((400, 400), 800.0),
    ),
    _of("x³, second order", lambda x: x**3, 2.0, 12.0, order=2),
    _of("sin, second order", lambda x: np.sin(x), 0.7, exact(lambda x: -mp.sin(x), 0.7), order=2),
    _of(
        "exp(x²), second order",
        lambda x: np.exp(x**2),
        0.7,
        exact(lambda x: (2 + 4 * x**2) * mp.exp(x**2), 0.7),
        order=2,
    ),
    _of(
        "tanh, second order",
        lambda x: np.tanh(x),
        0.7,
        exact(lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2, 0.7),
        order=2,
    ),
    _of(
        "a quartic with cross terms, second order",
        _quartic,
        _V,
        12 * _V**2 + np.array([1.0, 2.5, -0.5]),
        order=2,
    ),
    _of(
        "Rosenbrock's function, second order",
        _rosenbrock,
        np.linspace(-1, 1, 7),
        _rosenbrock_hessian_sum(np.linspace(-1, 1, 7)),
        order=2,
    ),
    _of(
        "x @ A @ x, second order",
        lambda x: x @ np.arange(9.0).reshape(3, 3) @ x,
        _V,
        (np.arange(9.0).reshape(3, 3) + np.arange(9.0).reshape(3, 3).T).sum(1),
        order=2,
    ),
    _of(
        "log-sum-exp, second order",
        lambda x: np.log(np.sum(np.exp(x))),
        np.zeros(3),
        np.zeros(3),
        order=2,
        atol=1e-15,
    ),
    _of("a linear function, second order", lambda x: np.sum(3.0 * x), _V, np.zeros(3), order=2),
    _of("division, second order", lambda x: 1 / x, 2.0, 0.25, order=2),
    _of(
        "a power by its exponent, second order",
        lambda x: 2.0**x,
        3.0,
        exact(lambda x: mp.log(2) ** 2 * 8, 3.0),
        order=2,
    ),
    _of(
        "indexing, second order",
        lambda x: np.sum(x[np.array([0, 0, 2])] ** 3),
        _V,
        [12 * 0.5, 0.0, 12.0],
        order=2,
    ),
    _of(
        "cumsum, second order",
        lambda x: np.sum(np.cumsum(x) ** 2),
        _V,
        [2.0 * (3 + 2 + 1), 2.0 * (2 + 2 + 1), 2.0 * 3],
        order=2,
    ),
]

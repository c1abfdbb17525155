"""Whole numbers, masks and arrays of other libraries, in functions that need a second attempt.

Arrays that are computed from them are written into; and what counts, chooses and orders does so as
in NumPy, by indices, operators, methods and functions, though it is a tensor there.
"""

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.special
from numpy.random import RandomState

import autodiff
from autodiff import grad

X, C = np.array([0.5, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])
K, M, ONE, PAIR = np.array([2, 0, 1]), np.array([True, False, True]), np.array(1), np.array([3, 1])

#: Arrays that no function of NumPy has made of floats alone.
MADE = {
    "arange, scaled": lambda: np.arange(3) * 0.5,
    "arange, divided": lambda: np.arange(3) / 2,
    "from outside": lambda: K * 1.0,
    "astype": lambda: K.astype(float),
    "of a mask": lambda: (K > 0) * 1.0,
    "of a mask, astype": lambda: M.astype(float),
    "ones of integers": lambda: np.ones(3, int) / 3,
    "list": lambda: np.array([1, 2, 3]) * 0.5,
    "reversed": lambda: K[::-1] / 2.0,
    "function": lambda: np.exp(-K),
    "mean": lambda: np.stack([K, K + 1]).mean(0),
    "bincount": lambda: np.bincount([0, 1, 2, 2]) * 1.0,
    "toeplitz": lambda: scipy.linalg.toeplitz([1.0, 2.0, 3.0])[1],
    "solve": lambda: scipy.linalg.solve(2 * np.eye(3), np.ones(3)),
    "special": lambda: scipy.special.expit(np.arange(3.0)),
    "nodes": lambda: scipy.special.roots_legendre(3)[1],
    "window": lambda: scipy.signal.windows.hann(3),
    "filter": lambda: scipy.ndimage.median_filter(np.arange(3.0), 3),
    "generator": lambda: np.random.default_rng(0).normal(size=3),
    "generator of a class": lambda: RandomState(0).standard_normal(3),
    "legacy": lambda: (np.random.seed(0), np.random.randn(3))[1],
}


def written(make):
    """Return a function that writes into an array by index, and by operators in place."""

    def f(x):
        y = make()
        y *= x
        y[0] = x[1] * 2
        y += x**2
        return np.sum(y**2)

    return f


def set_in(x, start, write):
    """Return an array after a function has written into it."""
    y = start
    write(y, x)
    return y


def counters(x):
    q = np.zeros(3, int)
    q[0] = 1
    q[1:] += 2
    q *= 1
    q[q == 2] = 0
    return x[q] @ C


def exchanged(x):
    p = np.arange(3)
    p[[0, 2]] = p[[2, 0]]
    y = x * 1
    y[[0, 1]] = y[[1, 0]]
    return y[p] @ C


def operators(x):
    q = np.arange(3)
    q <<= 1
    q >>= 1
    q |= 1
    q &= 3
    q ^= 1
    q **= 2
    q %= 3
    q //= 1
    r = (1 << q) + (q << 1) + (q >> 1) + (8 >> q) + ~q - q + abs(q) + divmod(q, 2)[1]
    return (x * r).sum()


def changed_later(x):
    k, m, c = np.array([0, 1, 2]), np.array([True, False, True]), np.array([0.0, 1.0, 2.0])
    z = x[k] * k + np.take(x, k) * c + np.where(m, x, 2 * x)
    z = z + np.bincount(k, weights=x, minlength=3)
    k[:], m[:], c[:] = 0, False, 5.0
    return z @ C


def asked(x):
    k = np.array([2, 0, 1], np.uint8)
    text = f"{k}{k!s}".count("2") + len(f"{k[0]}")
    kinds = (k.dtype == np.uint8) + isinstance(k, np.ndarray) + (type(k) is np.ndarray)
    return x.sum() * (text + kinds + len(k) + k.nbytes + (2 in k) + bool(k.any() and k[0] > 1))


USES = {
    "indices": lambda x: (
        x[K[1] : K[0]].prod() + x[M].sum() + x[~M].prod() + x[np.nonzero(M)[0]].sum()
    ),
    "pairs": lambda x: (
        np.outer(x, x)[K, K[::-1]] @ C + np.outer(x, x)[np.ix_(K, [0, 1])].sum(0) @ C[:2]
    ),
    "take": lambda x: x.take(K) @ C + np.take_along_axis(x, K, 0) @ C + x.compress(M) @ C[:2],
    "repeat": lambda x: x.repeat(K) @ C + np.roll(x, ONE) @ C + np.split(x, K[:1])[0].sum(),
    "reshape": lambda x: (x.reshape(PAIR) * C).sum() + (np.reshape(x, tuple(PAIR)) * C).prod(),
    "arithmetic": lambda x: (
        (x**K).sum() + (K**x).sum() + (K / x).sum() + (x - K).prod() + K @ x + np.dot(x, K)
    ),
    "comparisons": lambda x: np.sum(x * (x > K)) + np.sum(np.less(K, x) * x) + x[(K > 0) & M].sum(),
    "choices": lambda x: np.where(M, x, K).prod() + np.choose(np.array([0, 1, 0]), [x, 2 * x]) @ C,
    "loops": lambda x: sum(x[i] * j for i, j in zip(K, K.tolist(), strict=True)) + x[K.max()],
    "ranges": lambda x: sum(x[i] for i in range(K[0])) + {2: x[0], 0: x[1]}[K[1]],
    "orders": lambda x: x[np.argsort(K)] @ C + x[np.sort(K)[::-1]] @ C + x[np.unique(K)].prod(),
    "sums": lambda x: np.bincount(K, x) @ C + np.add.reduceat(x, np.array([0, 2])) @ C[:2],
    "means": lambda x: K.mean() * x.sum() + np.average(x, weights=K) + K.std() * x[1],
    "parts": lambda x: np.concatenate([K, x]) @ np.arange(6) + np.array([K[0], x[0]]).sum(),
    "one hot": lambda x: (
        (np.eye(3, dtype=int)[K] @ x) @ C + ((K[:, None] == np.arange(3)) * x)[0, 2]
    ),
    "polynomials": lambda x: (
        np.polyval(x, K).sum() + np.interp([0.5, 1.5], np.arange(3), x) @ C[:2]
    ),
    "add.at": lambda x: set_in(x, np.zeros(3), lambda y, x: np.add.at(y, K[[0, 0, 1]], x)) @ C,
    "put": lambda x: set_in(x, np.zeros(3), lambda y, x: np.put(y, K, x)) @ C,
    "copyto": lambda x: set_in(x, np.zeros(3), lambda y, x: np.copyto(y, x, where=M)) @ C,
    "putmask": lambda x: set_in(x, np.zeros(3), lambda y, x: np.putmask(y, M, x)) @ C,
    "draws": lambda x: x[np.random.default_rng(0).integers(0, 3, 5)].sum() * RandomState(0).rand(),
    **{f.__name__: f for f in (counters, exchanged, operators, changed_later, asked)},
}


def forced(f):
    """Return a function that needs a second attempt."""

    def copied(x):
        y = np.zeros(3)
        y[:] = x
        return f(y)

    return copied


CASES = {name: written(make) for name, make in MADE.items()} | {
    f"{name}{', forced' * force}": forced(f) if force else f
    for name, f in USES.items()
    for force in (0, 1)
}


@pytest.mark.each("f", [pytest.param(f, id=name) for name, f in CASES.items()])
def test_gradients_and_plans(f):
    differences = [(f(X + 1e-6 * e) - f(X - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    value, x_bar = autodiff.value_and_grad(f)(X)
    np.testing.assert_allclose(value, f(X), rtol=1e-13)
    np.testing.assert_allclose(x_bar, differences, rtol=1e-6, atol=1e-7)
    plan = autodiff.compile(grad(f), pure=True)
    np.testing.assert_allclose([plan(X), plan(X)], [x_bar, x_bar], rtol=1e-13)


def test_a_generator_goes_on_with_its_numbers():
    rng = np.random.default_rng(5)
    start = rng.bit_generator.state

    def f(x):
        assert isinstance(rng, np.random.Generator)
        noise = rng.normal(size=3)
        noise *= x
        return noise.sum()

    grad(f)(X)
    rng.bit_generator.state = start
    np.testing.assert_array_equal(grad(f)(X), np.random.default_rng(5).normal(size=3))


def test_a_tensor_in_an_array_of_integers_would_be_cut_off():
    def f(x):
        k = np.zeros(3, int)
        k[0] = x[0]
        return k.sum() * x[0]

    with pytest.raises(autodiff.LostDerivative, match="make the array with dtype=float"):
        grad(f)(X)

    def g(x):
        k = np.ones(3, int)
        k += x
        return k.sum()

    with pytest.raises(TypeError, match="write a = a \\+ b"):
        grad(g)(X)

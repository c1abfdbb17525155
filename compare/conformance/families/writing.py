"""Indexing and writing: NumPy's semantics, aliases and repeated positions included."""

import numpy as np

from compare.conformance.case import Case

__all__ = ["CASES"]

_X = np.array([1.0, 2.0, 3.0, 4.0])
_M = np.arange(1.0, 7.0).reshape(2, 3)
_IN_PLACE = "NumPy changes the array that y is, and every other name of it"
_WEIGHTS = np.array([1.0, 10.0, 100.0, 1000.0])


def _of(name, function, x, truth, **more):
    return Case(name, function, (x,), (np.asarray(truth, float)[()],), **more)


def _rebound(meant):
    """Return, by library, why ``y += 1`` binds y to another array, and the derivative then."""
    slope = (np.asarray(meant, float),)
    return {
        "jax": ("arrays are immutable: += makes another one (JAX, The Sharp Bits)", slope),
        "autograd": ("a += b is a = a + b, which is to be written (Autograd tutorial)", slope),
    }


def _zeros_like(x):
    y = np.zeros_like(x)
    y[1:-1] = x[:-2] * x[2:]
    return np.sum(y)


def _zeros(x):
    y = np.zeros(4)
    y[0] = x[0] ** 2
    y[2:] = x[1]
    return np.sum(y * _WEIGHTS)


def _augmented(x):
    y = x * 1.0
    y[1:] *= 3.0
    return np.sum(y**2)


def _alias(x):
    y = x * 1.0
    z = y
    z += 1.0
    return np.sum(y**2)


def _view(x):
    y = x * 2.0
    half = y[::2]
    half *= x[0]
    return np.sum(y)


def _rows(m):
    p = m * 1.0
    for row in p:
        row /= row.sum()
    return p[0, 0] + 2 * p[1, 2]


def _overwritten(x):
    y = x * 1.0
    y[0] = 5.0
    return np.sum(y * y)


def _triangle(x):
    out = np.zeros((3, 3))
    out[np.tril_indices(3)] = x
    return np.sum(out @ out.T)


def _triangle_truth(x):
    low = np.zeros((3, 3))
    low[np.tril_indices(3)] = x
    return (2 * np.full((3, 3), 1.0) @ low)[np.tril_indices(3)]


def _swap(x):
    y = x * 1.0
    y[0], y[1] = y[1], y[0]
    return y[0] * 10 + y[1]


def _in_order(x):
    y = np.empty(4)
    y[0] = x[0]
    for i in range(1, 4):
        y[i] = y[i - 1] * x[i]
    return y[3]


def _add_at(x):
    y = np.zeros(3)
    np.add.at(y, np.array([0, 0, 1, 2]), x)
    return np.sum(y**2)


def _fill_diagonal(m):
    y = m @ m.T
    np.fill_diagonal(y, 0.0)
    return np.sum(y)


_SIX = np.arange(1.0, 7.0)

CASES = [
    _of("a slice", lambda x: np.sum(x[1:3] ** 2), _X, [0, 4, 6, 0]),
    _of("a negative step", lambda x: np.sum(x[::-2] * np.array([1.0, 2.0])), _X, [0, 2, 0, 1]),
    _of(
        "repeated positions",
        lambda x: np.sum(x[np.array([0, 0, 1])] ** 2),
        _X,
        [4, 4, 0, 0],
        why="what is read twice is added twice",
    ),
    _of("a list as positions", lambda x: np.sum(x[[3, 3]]), _X, [0, 0, 0, 2]),
    _of("negative positions", lambda x: x[-1] * x[-2], _X, [0, 0, 4, 3]),
    _of("a new axis", lambda x: np.sum(x[:, None] * x[None, :]), _X, [20, 20, 20, 20]),
    _of("an ellipsis", lambda m: np.sum(m[..., 0] ** 2), _M, [[2, 0, 0], [8, 0, 0]]),
    _of(
        "two lists of positions",
        lambda m: np.sum(m[[0, 1], [2, 2]] ** 2),
        _M,
        [[0, 0, 6], [0, 0, 12]],
    ),
    _of("ix_", lambda m: np.sum(m[np.ix_([0, 1], [0, 0])]), _M, [[2, 0, 0], [2, 0, 0]]),
    _of(
        "take along an axis",
        lambda m: np.sum(np.take(m, [0, 0, 2], axis=1) ** 2),
        _M,
        [[4, 0, 6], [16, 0, 12]],
    ),
    _of(
        "take_along_axis",
        lambda m: np.sum(np.take_along_axis(m, np.array([[0, 0], [2, 1]]), 1)),
        _M,
        [[2, 0, 0], [0, 1, 1]],
    ),
    _of("diagonal", lambda m: np.sum(np.diagonal(m @ m.T)), _M, 2 * _M),
    _of("diag of a vector and back", lambda x: np.sum(np.diag(np.diag(x)) ** 2), _X, 2 * _X),
    _of("tril", lambda m: np.sum(np.tril(m) ** 2), _M, [[2, 0, 0], [8, 10, 0]]),
    _of(
        "sorted",
        lambda x: np.sum(np.sort(x) * _WEIGHTS),
        np.array([3.0, 1.0, 4.0, 2.0]),
        [100, 1, 1000, 10],
    ),
    _of(
        "split and joined in another order",
        lambda x: np.sum(np.concatenate(np.split(x, 2)[::-1]) * _WEIGHTS),
        _X,
        [100, 1000, 1, 10],
    ),
    _of(
        "np.array of elements",
        lambda x: np.sum(np.array([[x[0], x[1]], [x[2], x[0]]]) ** 2),
        _X,
        [4, 4, 6, 0],
    ),
    _of(
        "np.array of computed numbers into linalg.det",
        lambda x: np.linalg.det(np.array([[x[0], x[1]], [x[2], x[3]]])),
        _X,
        [4, -3, -2, 1],
    ),
    _of(
        "np.full of an argument",
        lambda x: np.sum(np.full(3, x) * x),
        2.0,
        12.0,
        why="the array that is made depends on the argument",
    ),
    _of("np.full_like", lambda x: np.sum(np.full_like(_X, x) * _WEIGHTS), 2.0, 1111.0),
    _of("np.ones of the argument's shape", lambda x: np.sum(np.ones(x.shape) * x), _X, np.ones(4)),
    _of("write into zeros_like", _zeros_like, _X, [3, 4, 1, 2]),
    _of("write into zeros", _zeros, _X, [2, 1100, 0, 0]),
    _of("augmented assignment to a slice", _augmented, _X, [2, 36, 54, 72]),
    _of(
        "an alias is written to",
        _alias,
        _X,
        2 * (_X + 1),
        why=_IN_PLACE,
        documented=_rebound(2 * _X),
    ),
    _of(
        "a view is written to",
        _view,
        _X,
        [2 * 1 + 2 * 3 + 2, 2, 2, 2],
        why=f"what is written through a view is in its base; {_IN_PLACE}",
        documented=_rebound(np.full(4, 2.0)),
    ),
    _of(
        "rows are normalised in place",
        _rows,
        _M,
        [[1 / 6 - 1 / 36, -1 / 36, -1 / 36], [-2 * 6 / 225, -2 * 6 / 225, 2 * (1 / 15 - 6 / 225)]],
        why=_IN_PLACE,
        documented=_rebound([[1, 0, 0], [0, 0, 2]]),
    ),
    _of("an element is overwritten", _overwritten, _X, [0, 4, 6, 8]),
    _of("a triangle is filled", _triangle, _SIX, _triangle_truth(_SIX)),
    _of(
        "two elements are exchanged",
        _swap,
        _X,
        [1, 10, 0, 0],
        documented={
            "torch": (
                "an element is a view of its tensor, which changes with it (PyTorch, Tensor Views)",
                (np.array([0.0, 11.0, 0.0, 0.0]),),
            )
        },
    ),
    _of("a recurrence is written into np.empty", _in_order, _X, [24, 12, 8, 6]),
    _of("add.at with repeated positions", _add_at, _X, [6, 6, 6, 8]),
    _of("fill_diagonal", _fill_diagonal, _M, 2 * _M[::-1]),
    _of("append", lambda x: np.sum(np.append(x, x[0]) ** 2), _X, [4, 4, 6, 8]),
    _of(
        "flatten in Fortran order",
        lambda m: np.sum(m.flatten("F") * np.arange(6.0)),
        _M,
        [[0, 2, 4], [1, 3, 5]],
    ),
    _of("reshape with -1", lambda m: np.sum(m.reshape(3, -1)[0] ** 2), _M, [[2, 4, 0], [0, 0, 0]]),
    _of("iterated over", lambda x: sum(v * v for v in x), _X, 2 * _X),
    _of("unpacked", lambda x: (lambda a, b, c, d: a * d - b * c)(*x), _X, [4, -3, -2, 1]),
    _of("searchsorted picks the interval", lambda x: _X[np.searchsorted(_X, x)] * x, 2.5, 3.0),
    _of("interp", lambda x: np.interp(x, _X, _X**2), 2.5, 5.0),
]

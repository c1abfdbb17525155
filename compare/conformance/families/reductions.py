"""Broadcasting and reductions: sums that must be taken back, axes, weights, ties."""

import numpy as np

from compare.conformance.case import Case

__all__ = ["CASES"]

_M = np.array([[1.0, -2.0, 0.5], [3.0, 1.5, -1.0]])
_V = np.array([0.5, -1.0, 2.0])
_X = np.array([1.0, 2.0, 4.0, 8.0])


def _of(name, function, x, truth, **more):
    return Case(name, function, (x,), (np.asarray(truth, float)[()],), **more)


def _pair(name, function, x, y, *truth, **more):
    return Case(
        name, function, (x, y), tuple(np.asarray(t, float)[()] for t in truth), wrt=(0, 1), **more
    )


_CENTRED = _X - _X.mean()
_STD = _X.std()

CASES = [
    _pair(
        "(2, 3) times (3,)",
        lambda m, v: np.sum(m * v),
        _M,
        _V,
        np.tile(_V, (2, 1)),
        _M.sum(0),
        why="the sum over what was broadcast is forgotten",
    ),
    _pair(
        "(2, 1) plus (3,)",
        lambda c, v: np.sum((c + v) ** 2),
        np.array([[1.0], [2.0]]),
        _V,
        [[9.0], [15.0]],
        [8.0, 2.0, 14.0],
    ),
    _pair(
        "a number times (2, 3)", lambda a, m: np.sum(a * m), 2.0, _M, _M.sum(), np.full((2, 3), 2.0)
    ),
    _pair(
        "a number of shape (1,) times (2, 3)",
        lambda a, m: np.sum(a * m),
        np.array([2.0]),
        _M,
        [_M.sum()],
        np.full((2, 3), 2.0),
    ),
    _pair(
        "(2, 3) minus a column, all pairs",
        lambda x, y: np.sum((x[:, None] - y[None, :]) ** 2),
        _V,
        _X,
        2 * (4 * _V - _X.sum()),
        2 * (3 * _X - _V.sum()),
    ),
    _pair(
        "maximum broadcasts",
        lambda m, v: np.sum(np.maximum(m, v)),
        _M,
        np.array([0.0, 0.0, 0.0]),
        [[1, 0, 1], [1, 1, 0]],
        [0, 1, 1],
    ),
    _pair(
        "divide broadcasts",
        lambda m, v: np.sum(m / v),
        _M,
        _V,
        np.tile(1 / _V, (2, 1)),
        -_M.sum(0) / _V**2,
    ),
    _pair(
        "an empty array",
        lambda e, v: np.sum(e) + np.sum(v),
        np.zeros(0),
        _V,
        np.zeros(0),
        np.ones(3),
    ),
    _pair(
        "an argument that is not used",
        lambda x, y: np.sum(x**2),
        _V,
        _X,
        2 * _V,
        np.zeros(4),
        why="zeros of its shape, not None",
    ),
    _pair("the same array twice", lambda x, y: np.sum(x * y), _V, _V, _V, _V),
    _of("broadcast_to", lambda v: np.sum(np.broadcast_to(v, (4, 3)) ** 2), _V, 8 * _V),
    _of(
        "sum along an axis",
        lambda m: np.sum(np.sum(m, axis=0) ** 2),
        _M,
        np.tile(2 * _M.sum(0), (2, 1)),
    ),
    _of(
        "sum along two axes, kept",
        lambda m: np.sum(m * np.sum(m, axis=(0, 1), keepdims=True)),
        _M,
        np.full((2, 3), 2 * _M.sum()),
    ),
    _of("sum of an empty array", lambda e: np.sum(e) + 1.0, np.zeros((0, 3)), np.zeros((0, 3))),
    _of("mean", lambda m: np.mean(m), _M, np.full((2, 3), 1 / 6)),
    _of(
        "mean along an axis",
        lambda m: np.sum(np.mean(m, axis=1) ** 2),
        _M,
        np.tile((2 * _M.mean(1) / 3)[:, None], (1, 3)),
    ),
    _of(
        "average with weights",
        lambda x: np.average(x, weights=np.array([1.0, 2.0, 3.0, 4.0])),
        _X,
        [0.1, 0.2, 0.3, 0.4],
    ),
    _of(
        "average by its weights",
        lambda w: np.average(_X, weights=w),
        np.ones(4),
        (_X - _X.mean()) / 4,
    ),
    _of("var", lambda x: np.var(x), _X, 2 * _CENTRED / 4),
    _of("var with ddof", lambda x: np.var(x, ddof=1), _X, 2 * _CENTRED / 3),
    _of("std", lambda x: np.std(x), _X, _CENTRED / (4 * _STD)),
    _of("prod", lambda x: np.prod(x), _X, 64 / _X),
    _of("prod along an axis", lambda m: np.sum(np.prod(m, axis=0)), _M, _M[::-1]),
    _of("cumsum", lambda x: np.sum(np.cumsum(x) * _X), _X, [15, 14, 12, 8]),
    _of("cumprod", lambda x: np.sum(np.cumprod(x)), _X, [75.0, 37.0, 18.0, 8.0]),
    _of(
        "cumprod with a zero",
        lambda x: np.sum(np.cumprod(x)),
        np.array([2.0, 0.0, 3.0]),
        [1.0, 8.0, 0.0],
        why="a rule that divides by the entries gives NaN",
    ),
    _of("diff", lambda x: np.sum(np.diff(x) ** 2), _X, [-2.0, -2.0, -4.0, 8.0]),
    _of(
        "diff of order 2",
        lambda x: np.sum(np.diff(x, n=2) * np.array([1.0, 3.0])),
        _X,
        [1.0, 1.0, -5.0, 3.0],
    ),
    _of(
        "gradient with a step",
        lambda x: np.sum(np.gradient(x, 0.5) * _X),
        _X,
        [-4.0, -2.0, -14.0, 20.0],
    ),
    _of(
        "max along an axis",
        lambda m: np.sum(np.max(m, axis=1) * np.array([1.0, 2.0])),
        _M,
        [[1, 0, 0], [2, 0, 0]],
    ),
    _of("min", lambda m: np.min(m), _M, [[0, 1, 0], [0, 0, 0]]),
    _of("ptp", lambda x: np.ptp(x), _X, [-1, 0, 0, 1]),
    _of("median of an odd count", lambda x: np.median(x), np.array([5.0, 1.0, 3.0]), [0, 0, 1]),
    _of("median of an even count", lambda x: np.median(x), _X, [0, 0.5, 0.5, 0]),
    _of("quantile", lambda x: np.quantile(x, 0.25), _X, [0.25, 0.75, 0, 0]),
    _of("percentile of several", lambda x: np.sum(np.percentile(x, [0, 100])), _X, [1, 0, 0, 1]),
    _of("argmax picks", lambda x: x[np.argmax(x)] ** 2, _X, [0, 0, 0, 16]),
    _of("trapezoid", lambda x: np.trapezoid(x, dx=0.5), _X, [0.25, 0.5, 0.5, 0.25]),
    _of(
        "convolve",
        lambda x: np.sum(np.convolve(x, np.array([1.0, 2.0])) * np.arange(5.0)),
        _X,
        [2, 5, 8, 11],
    ),
    _of(
        "correlate",
        lambda x: np.sum(np.correlate(x, np.array([1.0, -1.0]), "valid") ** 2),
        _X,
        [-2.0, -2.0, -4.0, 8.0],
    ),
    _of("cov", lambda x: np.cov(x), _X, 2 * _CENTRED / 3),
    _of(
        "tile",
        lambda v: np.sum(np.tile(v, (2, 2)) * np.arange(12.0).reshape(2, 6)),
        _V,
        [0 + 3 + 6 + 9, 1 + 4 + 7 + 10, 2 + 5 + 8 + 11],
    ),
    _of("repeat", lambda v: np.sum(np.repeat(v, [1, 0, 2])), _V, [1, 0, 2]),
    _of("roll", lambda x: np.sum(np.roll(x, 1) * _X), _X, [2, 4, 8, 1]),
    _of("flip", lambda x: np.sum(np.flip(x) * _X), _X, _X[::-1]),
    _of("pad", lambda x: np.sum(np.pad(x, 1, mode="edge") ** 2), _X, [4, 4, 8, 32]),
    _of("stack", lambda v: np.sum(np.stack([v, 2 * v], axis=1) ** 2), _V, 10 * _V),
    _of(
        "moveaxis",
        lambda m: np.sum(np.moveaxis(m[None], 0, -1)[1] ** 2),
        _M,
        [[0, 0, 0], [6, 3, -2]],
    ),
    _of("polyval", lambda x: np.polyval([1.0, -2.0, 3.0], x), 1.5, 1.0),
    _of(
        "unwrap leaves slopes",
        lambda x: np.sum(np.unwrap(x) * np.array([1.0, 2.0])),
        np.array([0.1, 6.0]),
        [1, 2],
    ),
    _of("fft: power", lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), _X, 8 * _X),
    _of("rfft: the real parts", lambda x: np.sum(np.fft.rfft(x).real), _X, [3, 0, 1, 0]),
    _of("irfft of rfft", lambda x: np.sum(np.fft.irfft(np.fft.rfft(x)) * _X), _X, _X),
]

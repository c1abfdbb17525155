"""Reductions, scans, statistics and norms: plain NumPy's value, and gradients that agree."""

import numpy as np
import pytest

from autodiff import jvp, vjp

MASK = np.array([[True, False, True], [False, True, True]])
COLUMN = np.array([[True], [False]])
A, C = (2, 3), (2, 3, 4)
WIDE = (3, 7)
LONG = np.longdouble


def gaps(x):
    """Return an array with NaN in some places."""
    return np.where(MASK, x, np.nan)


#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.sum: [
        (lambda x: np.sum(x, where=MASK), [A]),
        (lambda x: np.sum(x, 1, where=COLUMN, keepdims=True, initial=2.5), [A]),
        (lambda x: np.sum(x, where=x > 0), [A]),
        (lambda x: np.sum(x, axis=0, where=x > 0, initial=1), [A]),
        (lambda x, y: np.sum(x, axis=0, initial=y), [A, ()]),
        (lambda x: np.sum(x, 0, LONG), [A]),
        (lambda x: np.sum(x, dtype=np.float64, where=False), [A]),
        (lambda x: np.sum(x > 0, dtype=int) * np.sum(x), [A]),
        (lambda x: np.sum(x > 0, axis=0) * x, [A]),
    ],
    np.prod: [
        (lambda x: np.prod(x, where=MASK), [A]),
        (lambda x: np.prod(x, axis=-1, where=x > 0, keepdims=True), [C]),
        (lambda x, y: np.prod(x, axis=(2, 0), initial=y), [C, ()]),
        (lambda x: np.prod(x, 1, LONG), [A]),
        (lambda x: np.prod(x, axis=()), [A]),
        (lambda x: np.prod(x), [()]),
        (lambda x: np.prod(x, axis=-1), [(4, 1)]),
    ],
    np.mean: [
        (lambda x: np.mean(x, where=MASK), [A]),
        (lambda x: np.mean(x, axis=1, where=x < 5, keepdims=True), [A]),
        (lambda x: np.mean(x, 0, LONG), [A]),
        (lambda x: np.mean(x > 0, axis=0) * x, [A]),
        (lambda x: np.mean(x, axis=()), [A]),
    ],
    np.var: [
        (lambda x: np.var(x, where=MASK), [A]),
        (lambda x: np.var(x, axis=0, where=x < 5, ddof=1, keepdims=True), [A]),
        (lambda x: np.var(x, axis=(0, -1), correction=1), [C]),
        (lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), [A]),
        (lambda x, m: np.var(x, axis=1, mean=m), [A, (2, 1)]),
        (lambda x: np.var(x, 0, LONG, ddof=0.5), [A]),
        (lambda x: np.var(x > 0) * x, [A]),
    ],
    np.std: [
        (lambda x: np.std(x, axis=1, where=MASK), [A]),
        (lambda x: np.std(x, axis=(0, 2), correction=1), [C]),
        (lambda x, m: np.std(x, mean=m, keepdims=True), [A, (1, 1)]),
    ],
    np.max: [
        (lambda x: np.max(x, initial=0.3), [A]),
        (lambda x: np.max(x, axis=0, initial=-9, where=MASK), [A]),
        (lambda x, y: np.max(x, axis=1, initial=y, keepdims=True), [A, ()]),
        (lambda x: np.max(x, initial=-1.0, where=x < 0.5), [A]),
        (lambda x, y: np.max(x, axis=1, initial=y), [(2, 0), ()]),
        (lambda x: np.max(x, axis=()), [A]),
        (lambda x: np.max(x > 9, axis=0, initial=False, where=MASK) + x, [A]),
    ],
    np.min: [
        (lambda x: np.min(x, initial=0.3, where=MASK), [A]),
        (lambda x, y: np.min(x, axis=(0, 2), initial=y), [C, ()]),
    ],
    np.nanmax: [
        (lambda x: np.nanmax(gaps(x)), [A]),
        (lambda x: np.nanmax(gaps(x), axis=1, keepdims=True), [A]),
        (lambda x: np.nanmax(gaps(x), axis=0, initial=-0.5, where=x < 1), [A]),
        (lambda x: np.nanmax(x, axis=(0, 2)), [C]),
    ],
    np.nanmin: [
        (lambda x: np.nanmin(gaps(x), 1), [A]),
        (lambda x, y: np.nanmin(gaps(x), axis=0, initial=y), [A, ()]),
    ],
    np.ptp: [
        (lambda x: np.ptp(x), [A]),
        (lambda x: np.ptp(x, axis=(0, -1), keepdims=True), [C]),
    ],
    np.nanargmax: [(lambda x: x * np.nanargmax(gaps(x), axis=0, keepdims=True), [A])],
    np.nanargmin: [(lambda x: x * np.nanargmin(gaps(x)), [A])],
    np.cumsum: [
        (lambda x: np.cumsum(x, 1, LONG), [A]),
        (lambda x: np.cumsum(x, axis=0), [()]),
        (lambda x: np.cumsum(x), [(0,)]),
    ],
    np.cumprod: [
        (lambda x: np.cumprod(x), [C]),
        (lambda x: np.cumprod(x, axis=-2), [C]),
        (lambda x: np.cumprod(x, 0, LONG), [A]),
        (lambda x: np.cumprod(x, axis=-1), [()]),
        (lambda x: np.cumprod(x, axis=1), [(2, 0)]),
        (lambda x: np.cumprod(x, axis=1), [(2, 1)]),
        (lambda x: np.cumprod(x, axis=1), [(2, 17)]),
    ],
    np.cumulative_sum: [
        (lambda x: np.cumulative_sum(x), [(4,)]),
        (lambda x: np.cumulative_sum(x, axis=-1, include_initial=True), [A]),
        (lambda x: np.cumulative_sum(x, axis=0, dtype=LONG), [A]),
        (lambda x: np.cumulative_sum(x, include_initial=True), [()]),
    ],
    np.cumulative_prod: [
        (lambda x: np.cumulative_prod(x), [(4,)]),
        (lambda x: np.cumulative_prod(x, axis=0, include_initial=True), [A]),
        (lambda x: np.cumulative_prod(x, axis=1, include_initial=True), [(2, 0)]),
    ],
    np.nancumsum: [
        (lambda x: np.nancumsum(gaps(x)), [A]),
        (lambda x: np.nancumsum(gaps(x), axis=1), [A]),
        (lambda x: np.nancumsum(x, 0, LONG), [A]),
    ],
    np.nancumprod: [
        (lambda x: np.nancumprod(gaps(x)), [A]),
        (lambda x: np.nancumprod(gaps(x), axis=0), [A]),
    ],
    np.nansum: [
        (lambda x: np.nansum(gaps(x)), [A]),
        (lambda x: np.nansum(gaps(x), axis=0, where=x < 1, initial=2.0), [A]),
        (lambda x: np.nansum(gaps(x), 1, LONG, keepdims=True), [A]),
    ],
    np.nanprod: [
        (lambda x: np.nanprod(gaps(x)), [A]),
        (lambda x, y: np.nanprod(gaps(x), axis=0, where=COLUMN, initial=y), [A, ()]),
    ],
    np.nanmean: [
        (lambda x: np.nanmean(gaps(x)), [A]),
        (lambda x: np.nanmean(gaps(x), axis=1, where=x < 9, keepdims=True), [A]),
        (lambda x: np.nanmean(gaps(x), 0, LONG), [A]),
        (lambda x: np.nanmean(x, axis=(0, 2)), [C]),
    ],
    np.nanvar: [
        (lambda x: np.nanvar(gaps(x)), [A]),
        (lambda x: np.nanvar(gaps(x), axis=1, ddof=1, keepdims=True), [A]),
        (lambda x: np.nanvar(gaps(x), axis=1, correction=0.5, where=x < 9), [A]),
        (lambda x, m: np.nanvar(gaps(x), axis=1, mean=m), [A, (2, 1)]),
        (lambda x: np.nanvar(x, (0, 2)), [C]),
    ],
    np.nanstd: [
        (lambda x: np.nanstd(gaps(x)), [A]),
        (lambda x: np.nanstd(gaps(x), axis=1, ddof=1), [A]),
        (lambda x: np.nanstd(gaps(x), axis=1, correction=1, keepdims=True), [A]),
    ],
    np.average: [
        (lambda x: np.average(x), [A]),
        (lambda x: np.average(x, axis=0, keepdims=True), [A]),
        (lambda x: np.average(x, 1, [1.0, 2.0, 3.0]), [A]),
        (lambda x, w: np.average(x, axis=1, weights=w * w), [A, (3,)]),
        (lambda w: np.average(np.ones(A) + MASK, weights=w * w), [A]),
        (lambda x, w: np.average(x, axis=(2, 0), weights=w * w, keepdims=True), [C, (4, 2)]),
        (lambda x, w: np.average(x, axis=1, weights=w * w, returned=True)[1], [A, (3,)]),
        (lambda x, w: np.average(x, axis=1, weights=w * w, returned=True)[0], [A, (3,)]),
        (lambda x: np.average(x, axis=1, returned=True)[1] * x[:, 0], [A]),
    ],
    np.cov: [
        (lambda x: np.cov(x), [A]),
        (lambda x: np.cov(x), [(5,)]),
        (lambda x, y: np.cov(x, y), [A, (3,)]),
        (lambda x, y: np.cov(x, y, rowvar=False), [(4, 2), (4, 1)]),
        (lambda x: np.cov(x, bias=True), [A]),
        (lambda x: np.cov(x, ddof=0), [A]),
        (lambda x: np.cov(x, fweights=[1, 2, 3]), [A]),
        (lambda x, w: np.cov(x, aweights=w * w), [A, (3,)]),
        (lambda x, w: np.cov(x, fweights=[1, 2, 3], aweights=w * w), [A, (3,)]),
        (lambda w: np.cov(MASK, aweights=w * w, ddof=0), [(3,)]),
        (lambda x: np.cov(x, dtype=LONG), [A]),
        (lambda x: np.cov(x), [(0, 3)]),
    ],
    np.corrcoef: [
        (lambda x: np.corrcoef(x), [(3, 5)]),
        (lambda x: np.corrcoef(x), [(5,)]),
        (lambda x, y: np.corrcoef(x, y), [(5,), (5,)]),
        (lambda x: np.corrcoef(x, rowvar=False, dtype=LONG), [(5, 2)]),
    ],
    np.trapezoid: [
        (lambda y: np.trapezoid(y), [A]),
        (lambda y: np.trapezoid(y, dx=0.5, axis=0), [A]),
        (lambda y, dx: np.trapezoid(y, dx=dx), [A, ()]),
        (lambda y, x: np.trapezoid(y, x), [A, (3,)]),
        (lambda y, x: np.trapezoid(y, x, axis=0), [C, (2,)]),
        (lambda y, x: np.trapezoid(y, x, axis=1), [C, C]),
        (lambda x: np.trapezoid([1.0, 4.0, 9.0], x), [(3,)]),
    ],
    np.histogram: [
        (lambda w: np.histogram([0.0, 0.5, 1.0, 0.2], 3, weights=w)[0], [(4,)]),
        (lambda w: np.histogram([[3.0, 0.5], [2.0, 9.0]], [0, 1, 3], weights=w)[0], [(2, 2)]),
        (lambda w: np.histogram([0.1, 0.9, 7.0], 2, (0, 1), True, w)[0], [(3,)]),
    ],
    np.bincount: [
        (lambda w: np.bincount([0, 3, 1, 3], w), [(4,)]),
        (lambda w: np.bincount([0, 3, 1, 3], weights=w, minlength=6), [(4,)]),
    ],
    np.median: [
        (lambda x: np.median(x), [A]),
        (lambda x: np.median(x), [(5,)]),
        (lambda x: np.median(x, axis=0), [C]),
        (lambda x: np.median(x, axis=(0, -1), keepdims=True), [C]),
        (lambda x: np.median(x, 1, overwrite_input=True), [C]),
        (lambda x: np.median(x), [()]),
        (lambda x: np.median(x, axis=1), [(0, 3)]),
    ],
    np.nanmedian: [
        (lambda x: np.nanmedian(gaps(x)), [A]),
        (lambda x: np.nanmedian(gaps(x), axis=1, keepdims=True), [A]),
        (lambda x: np.nanmedian(gaps(x), axis=0), [A]),
        (lambda x: np.nanmedian(x, axis=(0, 2)), [C]),
    ],
    np.quantile: [
        *(
            (
                lambda x, method=method: np.quantile(
                    x, [0, 0.1, 0.4, 0.5, 0.87, 1], 1, method=method
                ),
                [WIDE],
            )
            for method in (
                *("inverted_cdf", "averaged_inverted_cdf", "closest_observation"),
                *("interpolated_inverted_cdf", "hazen", "weibull", "linear", "median_unbiased"),
                *("normal_unbiased", "lower", "higher", "midpoint", "nearest"),
            )
        ),
        (lambda x: np.quantile(x, 0.3), [C]),
        (lambda x: np.quantile(x, [[0.3, 0.4, 0.9]], axis=(0, -1), keepdims=True), [C]),
        (lambda x: np.quantile(x, np.array(0.3), axis=1), [C]),
        (lambda x, q: np.quantile(x, 1 / (1 + np.exp(-q))), [(11,), ()]),
        (lambda x, q: np.quantile(x, q * q / (1 + q * q), axis=1, method="hazen"), [WIDE, (2,)]),
        (lambda q: np.quantile([5.0, 1.0, 2.0], q * q / (1 + q * q)), [(2,)]),
        (lambda x: np.quantile(x, 0.5), [()]),
        (
            lambda x: np.quantile(
                x, [0.2, 0.9], weights=np.arange(7.0), axis=1, method="inverted_cdf"
            ),
            [WIDE],
        ),
        (
            lambda x, w: np.quantile(
                x, 0.4, weights=w * w, axis=(0, 2), method="inverted_cdf", keepdims=True
            ),
            [C, C],
        ),
    ],
    np.percentile: [
        (lambda x: np.percentile(x, 30), [C]),
        (lambda x: np.percentile(x, [25.0, 75.0], 0, method="midpoint"), [WIDE]),
        (lambda x, q: np.percentile(x, 50 + 10 * np.tanh(q)), [(11,), (3,)]),
    ],
    np.nanquantile: [
        (lambda x: np.nanquantile(gaps(x), 0.3), [A]),
        (lambda x: np.nanquantile(gaps(x), [0.2, 0.9], axis=1, keepdims=True), [A]),
        (lambda x: np.nanquantile(gaps(x), [0.2, 0.9], axis=0, method="weibull"), [A]),
        (lambda x: np.nanquantile(gaps(x), [0.2, 0.9], axis=0, method="nearest"), [A]),
        (lambda x: np.nanquantile(gaps(x), [0.2, 0.9], axis=0, method="midpoint"), [A]),
        (lambda x, q: np.nanquantile(gaps(x), q * q / (1 + q * q), axis=1), [A, (2,)]),
        (
            lambda x: np.nanquantile(
                gaps(x), [0.2, 0.9], axis=1, weights=1.0 + MASK, method="inverted_cdf"
            ),
            [A],
        ),
    ],
    np.nanpercentile: [
        (lambda x: np.nanpercentile(gaps(x), 30), [A]),
        (lambda x: np.nanpercentile(gaps(x), [30, 60], axis=1), [A]),
    ],
    np.linalg.norm: [
        *(
            (lambda x, p=p: np.linalg.norm(x, p, axis=1, keepdims=p == 1), [C])
            for p in (None, 2, 1, np.inf, -np.inf, 3, 2.5, 0.5, -1, -2.5)
        ),
        *(
            (lambda x, p=p: np.linalg.norm(x, p, axis=(2, 0), keepdims=p == 1), [C])
            for p in (None, "fro", 1, -1, np.inf, -np.inf)
        ),
        (lambda x: np.linalg.norm(x, 1), [A]),
        (lambda x: np.linalg.norm(x, 4), [(3,)]),
        (lambda x: np.linalg.norm(x, 0) * x, [(3,)]),
        (lambda x: np.linalg.norm(x), [()]),
        (lambda x: np.linalg.norm(x, np.inf), [(2, 0)]),
        (lambda x: np.linalg.norm(x > 0) * x, [A]),
    ],
    np.linalg.vector_norm: [
        *(
            (lambda x, p=p: np.linalg.vector_norm(x, ord=p, axis=(2, 0), keepdims=True), [C])
            for p in (2, 1, np.inf, -np.inf, 3, 0.5)
        ),
        (lambda x: np.linalg.vector_norm(x), [C]),
        (lambda x: np.linalg.vector_norm(x, axis=-1), [C]),
        (lambda x: np.linalg.vector_norm(x, ord=0) * x, [A]),
        (lambda x: np.linalg.vector_norm(x), [()]),
    ],
    np.linalg.matrix_norm: [
        *(
            (lambda x, p=p: np.linalg.matrix_norm(x, ord=p, keepdims=p == 1), [C])
            for p in ("fro", 1, -1, np.inf, -np.inf)
        ),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_strided_arrays(numpy_call, shapes, strided, agrees):
    if all(shapes):
        agrees(numpy_call, *map(strided, shapes))


@pytest.mark.each("dtype", [np.float32, np.float64])
def test_both_modes_agree_and_types_are_numpys(numpy_call, shapes, dtype, rng):
    xs, x_dots = ([rng.normal(size=s).astype(dtype)[()] for s in shapes] for _ in range(2))
    out, out_dot = jvp(numpy_call, tuple(xs), tuple(x_dots))
    _, pullback = vjp(numpy_call, *xs)
    g = rng.normal(size=np.shape(out)).astype(out.dtype)[()]
    x_bars = pullback(g)
    assert out.dtype == out_dot.dtype == np.result_type(numpy_call(*xs))
    assert all(x_bar.dtype == dtype for x_bar in x_bars)
    paired = sum(np.sum(x_bar * x_dot) for x_bar, x_dot in zip(x_bars, x_dots, strict=True))
    eps = np.finfo(dtype).eps
    scale = 1 + max((float(np.max(np.abs(x_bar), initial=0)) for x_bar in x_bars), default=0)
    np.testing.assert_allclose(paired, np.sum(g * out_dot), rtol=1e4 * eps, atol=1e3 * eps * scale)

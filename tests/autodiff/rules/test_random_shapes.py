"""Functions of NumPy at random shapes: no axes, empty, of length one, reversed, single precision.

What plain NumPy refuses at a shape must be refused; everything else must have the right derivative.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices

from autodiff import grad, jvp

#: ``f(x, axis)``, where the axis may be None.
ALONG_AN_AXIS = {
    "sum": np.sum,
    "sum, keepdims": lambda x, axis: np.sum(x, axis, keepdims=True),
    "mean": np.mean,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "var": np.var,
    "var, ddof": lambda x, axis: np.var(x, axis, ddof=1),
    "std": lambda x, axis: np.std(x, axis, keepdims=True),
    "ptp": np.ptp,
    "median": np.median,
    "quantile": lambda x, axis: np.quantile(x, 0.3, axis),
    "nansum": np.nansum,
    "nanmean": np.nanmean,
    "nanmax": np.nanmax,
    "nanvar": np.nanvar,
    "nanmedian": np.nanmedian,
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "average": lambda x, axis: np.average(x, axis, weights=np.ones(x.shape) + x * x),
    "sort": np.sort,
    "partition": lambda x, axis: np.partition(x, 0, axis),
    "sorted by position": lambda x, axis: np.take_along_axis(x, np.argsort(x, axis), axis),
    "flip": np.flip,
    "roll": lambda x, axis: np.roll(x, 1, axis),
    "repeat": lambda x, axis: np.repeat(x, 2, axis),
    "take": lambda x, axis: np.take(x, [0, -1, 0][: 3 * x.size], axis),
    "delete": lambda x, axis: np.delete(x, 0, axis),
    "insert": lambda x, axis: np.insert(x, 0, 2.0, axis),
    "append": lambda x, axis: np.append(x, x * 2.0, axis),
    "norm": lambda x, axis: np.linalg.norm(x, axis=axis),
    "norm of infinity": lambda x, axis: np.linalg.norm(x, np.inf, axis),
    "logsumexp": lambda x, axis: np.log(np.sum(np.exp(x - np.max(x)), axis)),
    "softmax": lambda x, axis: np.exp(x) / np.sum(np.exp(x), axis, keepdims=True),
    "count of positive": lambda x, axis: np.count_nonzero(x > 0, axis) * np.sum(x),
    "add.reduce": lambda x, axis: np.add.reduce(x, axis),
    "logaddexp.reduce": lambda x, axis: np.logaddexp.reduce(x, axis),
    "squeeze": np.squeeze,
}
#: ``f(x, axis)`` with one axis, which must be there.
ALONG_ONE_AXIS = {
    "diff": lambda x, axis: np.diff(x, axis=axis),
    "gradient": lambda x, axis: np.gradient(x, axis=axis),
    "trapezoid": lambda x, axis: np.trapezoid(x, axis=axis),
    "unwrap": lambda x, axis: np.unwrap(x * 3.0, axis=axis),
    "concatenate": lambda x, axis: np.concatenate([x, 2.0 * x], axis),
    "stack": lambda x, axis: np.stack([x, 2.0 * x], axis),
    "expand_dims": np.expand_dims,
    "moveaxis": lambda x, axis: np.moveaxis(x, axis, 0) * np.arange(1.0, 1 + x.shape[-1]).max(),
    "split": lambda x, axis: np.array_split(x, 2, axis)[0],
    "compress": lambda x, axis: np.compress([True][: x.size], np.atleast_1d(x), axis),
    "maximum.accumulate": lambda x, axis: np.maximum.accumulate(x, axis),
    "fft": lambda x, axis: np.abs(np.fft.fft(x, axis=axis)) ** 2,
    "rfft": lambda x, axis: np.abs(np.fft.rfft(x, axis=axis)) ** 2,
    "apply_along_axis": lambda x, axis: np.apply_along_axis(np.sum, axis, x),
}
OF_ANY_ARRAY = {
    "ravel": lambda x: np.ravel(x, "F") * np.arange(x.size),
    "reshape": lambda x: np.reshape(x, (1, *x.shape[::-1])) * 2.0,
    "transpose": lambda x: np.transpose(x) * 2.0,
    "tile": lambda x: np.tile(x, (2, 1)),
    "pad": lambda x: np.pad(x, 1),
    "pad, edge": lambda x: np.pad(x, 1, mode="edge"),
    "where": lambda x: np.where(x > 0, x * x, -x),
    "select": lambda x: np.select([x > 1, x > 0], [x * x, -x], 0.5 * x),
    "clip": lambda x: np.clip(x, -0.51, 0.77),
    "mask": lambda x: x[x > 0] ** 2,
    "ellipsis": lambda x: x[..., None] * x[None],
    "broadcast_to": lambda x: np.broadcast_to(x, (2, *x.shape)),
    "atleast_2d": lambda x: np.atleast_2d(x) * 3.0,
    "diagonal": lambda x: np.diagonal(x) * 2.0,
    "diag": lambda x: np.diag(x) * 2.0,
    "trace": np.trace,
    "tril": lambda x: np.tril(x) + np.triu(x, 1) * 2.0,
    "rot90": lambda x: np.rot90(x) * 2.0,
    "matmul": lambda x: x @ np.swapaxes(x, -1, -2),
    "dot": lambda x: np.dot(x, x.T),
    "inner": lambda x: np.inner(x, x),
    "outer": lambda x: np.outer(x, x),
    "kron": lambda x: np.kron(x, x),
    "tensordot": lambda x: np.tensordot(x, x, axes=x.ndim),
    "vdot": lambda x: np.vdot(x, 2.0 * x),
    "einsum": lambda x: np.einsum("...i,...i->...", x, x * x),
    "einsum, trace": lambda x: np.einsum("...ii", x),
    "nan_to_num": lambda x: np.nan_to_num(x) ** 2,
    "meshgrid": lambda x: np.stack(np.meshgrid(np.ravel(x), np.ravel(x))),
    "iteration": lambda x: sum(row * row for row in x) + np.sum(x),
    "det": lambda x: np.linalg.det(x + 3.0 * np.eye(len(x))),
    "inv": lambda x: np.linalg.inv(x + 3.0 * np.eye(len(x))),
    "solve": lambda x: np.linalg.solve(x + 3.0 * np.eye(len(x)), x),
    "cholesky": lambda x: np.linalg.cholesky(x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-2])),
    "flatten": lambda x: x.flatten() ** 2,
    "bincount": lambda x: np.bincount(np.arange(x.size) // 2, weights=np.ravel(x)),
    "cov": lambda x: np.cov(x),
    "convolve": lambda x: np.convolve(np.ravel(x), [1.0, 2.0]),
    "interp": lambda x: np.interp(x, [-3.0, 0.03, 3.0], [0.0, 1.0, -1.0]),
    "polyval": lambda x: np.polyval([1.0, 2.0, 3.0], x),
}


def numbers(data, shape):
    """Return numbers without ties, away from each other and from zero."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    count = int(np.prod(shape))
    x = (rng.permutation(count) - count / 2 + 0.3) * 0.13 + rng.uniform(-0.01, 0.01, size=count)
    layout = data.draw(st.sampled_from(["C", "F", "reversed"]))
    x = np.array(x.reshape(shape), order="F" if layout == "F" else "C")
    return x[::-1].copy()[::-1] if layout == "reversed" and x.ndim else x, rng


def check(f, x, rng):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            plain = f(x)
        except (ValueError, IndexError, TypeError, ZeroDivisionError) as error:
            with pytest.raises((ValueError, IndexError, TypeError, type(error))):
                jvp(f, (x,), (x,))
            return
        if np.size(plain) == 0:
            plain = np.asarray(plain)
        g = rng.normal(size=np.shape(plain))

        def loss(x):
            return np.sum(g * f(x))

        x_bar, x_dot = grad(loss)(x), rng.normal(size=x.shape)
        out, out_dot = jvp(f, (x,), (x_dot,))
        np.testing.assert_allclose(out, plain, rtol=1e-13, atol=1e-14)
        assert (np.shape(out), x_bar.shape, x_bar.dtype) == (np.shape(plain), x.shape, x.dtype)
        assert np.shape(out_dot) == np.shape(plain)
        narrow = x.astype(np.float32)
        # NumPy counts nothing as an integer, which has no derivative.
        assert grad(lambda x: np.sum(f(x) * np.float32(1)))(narrow).dtype == np.float32
        if not np.all(np.isfinite(plain)):
            return
        np.testing.assert_allclose(
            np.sum(x_bar * x_dot), np.sum(g * out_dot), rtol=1e-9, atol=1e-10
        )
        expected = (np.asarray(f(x + 1e-6 * x_dot)) - f(x - 1e-6 * x_dot)) / 2e-6
        np.testing.assert_allclose(out_dot, expected, rtol=1e-5, atol=1e-6)


SHAPES = array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)


@pytest.mark.sampled(4)
@pytest.mark.each("f", ALONG_AN_AXIS.values())
@EXAMPLES
@given(data=st.data())
def test_functions_along_any_axis_or_none(f, data):
    x, rng = numbers(data, data.draw(SHAPES))
    axis = data.draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    check(lambda x: f(x, axis=axis) if isinstance(f, np.ufunc) else f(x, axis), x, rng)


@pytest.mark.sampled(4)
@pytest.mark.each("f", ALONG_ONE_AXIS.values())
@EXAMPLES
@given(data=st.data())
def test_functions_along_one_axis(f, data):
    x, rng = numbers(data, data.draw(SHAPES))
    axis = data.draw(st.integers(-x.ndim, max(x.ndim - 1, 0)))
    check(lambda x: f(x, axis), x, rng)


@pytest.mark.sampled(4)
@pytest.mark.each("f", OF_ANY_ARRAY.values())
@EXAMPLES
@given(data=st.data())
def test_functions_of_any_array(f, data):
    x, rng = numbers(data, data.draw(SHAPES))
    check(f, x, rng)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_basic_indices(data):
    x, rng = numbers(data, data.draw(SHAPES))
    index = data.draw(basic_indices(x.shape, allow_newaxis=True, max_dims=5))
    check(lambda x: x[index] * 2.0, x, rng)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_products_of_any_shapes(data):
    left, right = (
        data.draw(array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)) for _ in range(2)
    )
    x, rng = numbers(data, left)
    y = rng.normal(size=right)
    for product in (np.matmul, np.dot, np.inner, np.multiply):
        check(lambda x, f=product: f(x, y), x, rng)
        check(lambda x, f=product: f(y, x), x, rng)

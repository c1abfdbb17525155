"""Integrals of samples."""

from typing import Any

import numpy as np

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import stands_for

__all__ = ["cumulative_trapezoid", "simpson", "trapezoid"]


@stands_for("scipy.integrate.trapezoid")
def trapezoid(y: Array, x: Array | None = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """Return the integral of samples by the trapezoidal rule."""
    return np.trapezoid(as_array(y), None if x is None else as_array(x), dx, axis)


def _last(y: Array, x: Array | None, dx: Any, axis: int) -> tuple[Array, Array]:
    """Return samples, and the distances between them, along the last axis."""
    y = np.moveaxis(as_array(y), axis, -1)
    n = np.shape(y)[-1]
    if x is None:
        return y, np.broadcast_to(dx, (n - 1,))
    x = as_array(x)
    x = x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1)
    if np.shape(x)[-1] != n:
        raise ValueError("If given, length of x along axis must be the same as y.")
    return y, np.diff(x, axis=-1)


@stands_for("scipy.integrate.cumulative_trapezoid")
def cumulative_trapezoid(
    y: Array, x: Array | None = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Array:
    """Return the integrals of samples from the first on, by the trapezoidal rule."""
    y, steps = _last(y, x, dx, axis)
    out = np.cumsum(steps * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)
    if initial is not None:
        if np.any(np.not_equal(initial, 0)):
            raise ValueError("`initial` must be `None` or `0`.")
        out = np.concatenate([np.zeros((*np.shape(out)[:-1], 1)), out], axis=-1)
    return np.moveaxis(out, -1, axis)


@stands_for("scipy.integrate.simpson")
def simpson(y: Array, x: Array | None = None, *, dx: Any = 1.0, axis: int = -1) -> Array:
    """Return the integral of samples by Simpson's rule.

    The last interval of an even number of samples is integrated as in SciPy (Cartwright, Simpson's
    rule cumulative integration with MS Excel and irregularly-spaced data, 2017, equation 8).
    """
    y, h = _last(y, x, dx, axis)
    n = np.shape(y)[-1]
    if n % 2:
        return _pairs(y, h)
    if n == 2:
        return 0.5 * h[..., -1] * (y[..., -1] + y[..., -2])
    before, last = h[..., -2], h[..., -1]
    alpha = (2.0 * last**2 + 3.0 * before * last) / (6.0 * (last + before))
    beta = (last**2 + 3.0 * last * before) / (6.0 * before)
    eta = last**3 / (6.0 * before * (before + last))
    end = alpha * y[..., -1] + beta * y[..., -2] - eta * y[..., -3]
    return _pairs(y[..., :-1], h[..., :-1]) + end


def _pairs(y: Array, h: Array) -> Array:
    """Return the integral over pairs of intervals."""
    first, second = h[..., 0::2], h[..., 1::2]
    both, product, ratio = first + second, first * second, first / second
    parts = (
        y[..., :-2:2] * (2.0 - 1.0 / ratio)
        + y[..., 1::2] * (both * both / product)
        + y[..., 2::2] * (2.0 - ratio)
    )
    return np.sum(both / 6.0 * parts, axis=-1)

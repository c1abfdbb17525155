"""Functions of `scipy.ndimage` for tensors: linear filters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array, as_decided
from autodiff.scipy.entries import refused, stands_for
from autodiff.scipy.signal import convolved

__all__ = [
    *("convolve", "convolve1d", "correlate", "correlate1d", "gaussian_filter"),
    *("gaussian_filter1d", "uniform_filter", "uniform_filter1d"),
]

#: NumPy's names of the ways to continue an array beyond its boundary.
_MODES: dict[str, Any] = {
    **{"reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect"},
    **{"nearest": "edge", "wrap": "wrap", "grid-wrap": "wrap"},
    **{"constant": "constant", "grid-constant": "constant"},
}


_INTEGERS = np.arange(1.0, 1e4)


def _continued(
    x: Array, around: Sequence[tuple[int, int]], modes: Sequence[str], cval: Any
) -> Array:
    """Return an array continued beyond its boundary, along each axis in its own way."""
    for axis, (widths, mode) in enumerate(zip(around, modes, strict=True)):
        if widths == (0, 0):
            continue
        if mode not in _MODES:
            raise RuntimeError(f"boundary mode {mode!r} not supported")
        every = [(0, 0)] * np.ndim(x)
        every[axis] = widths
        if _MODES[mode] == "constant":
            x = np.pad(x, every, "constant", constant_values=cval)
        elif mode == "mirror" and np.shape(x)[axis] == 1:
            x = np.pad(x, every, "edge")
        else:
            x = np.pad(x, every, _MODES[mode])
    return x


def _correlated(
    x: Array, weights: Array, modes: Sequence[str], cval: Any, origins: Sequence[int]
) -> Array:
    """Return the correlation with weights of as many axes."""
    sizes = np.shape(weights)
    around = []
    for n, origin in zip(sizes, origins, strict=True):
        before = n // 2 + origin
        if not 0 <= before < n:
            raise ValueError("invalid origin")
        around.append((before, n - 1 - before))
    wide = _continued(x, around, modes, cval)
    turned = weights[tuple([slice(None, None, -1)] * np.ndim(weights))]
    full = convolved(wide, turned, "direct")
    return full[tuple([slice(n - 1, n - 1 + m) for n, m in zip(sizes, np.shape(x), strict=True)])]


def _each(value: Any, count: int) -> list[Any]:
    """Return a value for each axis."""
    if isinstance(value, list | tuple) or np.ndim(value):
        if len(value) != count:
            raise RuntimeError("sequence argument must have length equal to input rank")
        return [value[i] for i in range(count)]
    return [value] * count


def _wide(weights: Array, axes: Sequence[int], ndim: int) -> Array:
    """Return weights with axes of length 1 where no filter acts."""
    others = tuple(i for i in range(ndim) if i not in axes)
    return np.expand_dims(weights, others) if others else weights


def _filtered(
    name: str,
    input: Any,
    weights: Any,
    output: Any,
    mode: Any,
    cval: Any,
    origin: Any,
    axes: Any,
    turned: bool,
) -> Array:
    """Return a correlation, or a convolution, whose weights are turned round."""
    _no_output(name, output)
    x, weights = as_array(input), as_array(weights)
    chosen = tuple(range(np.ndim(x))) if axes is None else normalize_axis_tuple(axes, np.ndim(x))
    if np.ndim(weights) != len(chosen):
        raise RuntimeError(
            f"weights.ndim ({np.ndim(weights)}) must match len(axes) ({len(chosen)})"
        )
    origins, modes = _each(origin, len(chosen)), _each(mode, len(chosen))
    if turned:
        weights = weights[tuple([slice(None, None, -1)] * np.ndim(weights))]
        origins = [-o - (n % 2 == 0) for o, n in zip(origins, np.shape(weights), strict=True)]
    every_origin, every_mode = [0] * np.ndim(x), ["nearest"] * np.ndim(x)
    for i, axis in enumerate(chosen):
        every_origin[axis], every_mode[axis] = origins[i], modes[i]
    return _correlated(x, _wide(weights, chosen, np.ndim(x)), every_mode, cval, every_origin)


def _no_output(name: str, output: Any) -> None:
    if output is not None:
        raise refused(name, "output=", "use the result that is returned")


@stands_for("scipy.ndimage.correlate")
def correlate(
    input: Array,
    weights: Array,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Array:
    """Return the correlation of an array with weights."""
    name = "scipy.ndimage.correlate"
    return _filtered(name, input, weights, output, mode, cval, origin, axes, False)


@stands_for("scipy.ndimage.convolve")
def convolve(
    input: Array,
    weights: Array,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Array:
    """Return the convolution of an array with weights."""
    name = "scipy.ndimage.convolve"
    return _filtered(name, input, weights, output, mode, cval, origin, axes, True)


@stands_for("scipy.ndimage.correlate1d")
def correlate1d(
    input: Array,
    weights: Array,
    axis: int = -1,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Array:
    """Return the correlation along an axis."""
    name = "scipy.ndimage.correlate1d"
    return _filtered(name, input, weights, output, mode, cval, origin, axis, False)


@stands_for("scipy.ndimage.convolve1d")
def convolve1d(
    input: Array,
    weights: Array,
    axis: int = -1,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Array:
    """Return the convolution along an axis."""
    name = "scipy.ndimage.convolve1d"
    return _filtered(name, input, weights, output, mode, cval, origin, axis, True)


def _gaussian(sigma: Any, order: int, radius: int) -> Array:
    """Return the weights of a Gaussian filter, or of its derivative of some order."""
    if order < 0:
        raise ValueError("order must be non-negative")
    variance = sigma * sigma
    x = np.arange(-radius, radius + 1)
    phi = np.exp(-0.5 / variance * x**2)
    phi = phi / np.sum(phi)
    # The derivative is a polynomial times the Gaussian: p' - x p / variance, again and again.
    powers: list[Any] = [1.0]
    for _ in range(order):
        new: list[Any] = [0.0] * (len(powers) + 1)
        for k, factor in enumerate(powers):
            if k:
                new[k - 1] = new[k - 1] + k * factor
            new[k + 1] = new[k + 1] - factor / variance
        powers = new
    return sum(factor * x**k for k, factor in enumerate(powers)) * phi


@stands_for("scipy.ndimage.gaussian_filter1d", limits="with respect to `sigma` too")
def gaussian_filter1d(
    input: Array,
    sigma: Any,
    axis: int = -1,
    order: int = 0,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> Array:
    """Return an array smoothed along an axis."""
    _no_output("scipy.ndimage.gaussian_filter1d", output)
    if radius is None:
        # The number of integers up to there, which decides a shape.
        radius = as_decided(np.searchsorted(_INTEGERS, truncate * sigma + 0.5, "right"))
    weights = _gaussian(sigma, order, int(radius))[::-1]
    return correlate1d(as_array(input), weights, axis, mode=mode, cval=cval)


@stands_for("scipy.ndimage.gaussian_filter", limits="with respect to `sigma` too")
def gaussian_filter(
    input: Array,
    sigma: Any,
    order: Any = 0,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    truncate: float = 4.0,
    *,
    radius: Any = None,
    axes: Any = None,
) -> Array:
    """Return an array smoothed along all axes, or some."""
    _no_output("scipy.ndimage.gaussian_filter", output)
    x = as_array(input)
    chosen = tuple(range(np.ndim(x))) if axes is None else normalize_axis_tuple(axes, np.ndim(x))
    given = [_each(v, len(chosen)) for v in (sigma, order, mode, radius)]
    for axis, s, o, m, r in zip(chosen, *given, strict=True):
        if s > 1e-15:
            x = gaussian_filter1d(x, s, axis, o, mode=m, cval=cval, truncate=truncate, radius=r)
    return x


@stands_for("scipy.ndimage.uniform_filter1d")
def uniform_filter1d(
    input: Array,
    size: int,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Array:
    """Return the means of as many neighbours along an axis."""
    _no_output("scipy.ndimage.uniform_filter1d", output)
    weights = np.full(size, 1.0 / size)
    return correlate1d(as_array(input), weights, axis, mode=mode, cval=cval, origin=origin)


@stands_for("scipy.ndimage.uniform_filter")
def uniform_filter(
    input: Array,
    size: Any = 3,
    output: Any = None,
    mode: Any = "reflect",
    cval: Any = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Array:
    """Return the means of as many neighbours along all axes, or some."""
    _no_output("scipy.ndimage.uniform_filter", output)
    x = as_array(input)
    chosen = tuple(range(np.ndim(x))) if axes is None else normalize_axis_tuple(axes, np.ndim(x))
    given = [_each(v, len(chosen)) for v in (size, mode, origin)]
    for axis, n, m, o in zip(chosen, *given, strict=True):
        if n > 1:
            x = uniform_filter1d(x, int(n), axis, mode=m, cval=cval, origin=o)
    return x

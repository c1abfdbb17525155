"""Functions of `scipy.signal` for tensors: convolutions and filters."""

from typing import Any

import numpy as np
import scipy.fft as sf
import scipy.signal as sg
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.core.primitive import Array, general
from autodiff.core.tensor import record
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.linalg.matrices import conj, recorded
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import stands_for

__all__ = [
    *("convolve", "convolve2d", "convolved", "correlate", "correlate2d", "fftconvolve", "lfilter"),
    *("oaconvolve", "sosfilt"),
]


def _flipped(x: Array) -> Array:
    return x[tuple([slice(None, None, -1)] * np.ndim(x))]


@recorded("scipy.convolve", True)
def _full(x: Array, y: Array, *, method: str) -> Array:
    return sg.convolve(x, y, "full", method)


def convolved(x: Array, y: Array, method: str) -> Array:
    """Return all of the convolution of arrays with as many axes."""
    return record(CONVOLVE, (x, y), {"method": method})


def _cut(x: Array, starts: Any, shape: tuple[int, ...]) -> Array:
    return x[tuple([slice(a, a + n) for a, n in zip(starts, shape, strict=True)])]


def _pulled(g: Array, other: Array, shape: tuple[int, ...], method: str) -> Array:
    """Return the cotangent of an array that was convolved with another."""
    starts = [n - 1 for n in np.shape(other)]
    return _cut(convolved(g, _flipped(other), method), starts, shape)


CONVOLVE = general(
    "scipy.convolve",
    _full,
    [
        lambda g, out, x, y, *, method: _pulled(g, y, np.shape(x), method),
        lambda g, out, x, y, *, method: _pulled(g, x, np.shape(y), method),
    ],
    [
        lambda x_dot, out, x, y, *, method: convolved(x_dot, y, method),
        lambda y_dot, out, x, y, *, method: convolved(x, y_dot, method),
    ],
    examples=[
        (((5,), (3,)), {"method": "direct"}),
        (((2, 3), (3, 2)), {"method": "fft"}),
        (((2, 3, 2), (2, 2, 2)), {"method": "direct"}),
    ],
    complex=True,
)


def _part(full: Array, x: Array, y: Array, mode: str, axes: Any = None) -> Array:
    """Return the part of a full convolution that a mode wants."""
    if mode == "full":
        return full
    shapes = np.shape(x), np.shape(y)
    every = range(np.ndim(full)) if axes is None else axes
    if mode == "same":
        wanted = [shapes[0][i] for i in every]
    elif mode == "valid":
        first = all(shapes[0][i] >= shapes[1][i] for i in every)
        if not first and not all(shapes[1][i] >= shapes[0][i] for i in every):
            raise ValueError(
                "For 'valid' mode, one must be at least as large as the other in every dimension"
            )
        wanted = [abs(shapes[0][i] - shapes[1][i]) + 1 for i in every]
    else:
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    index: list[Any] = [slice(None)] * np.ndim(full)
    for i, n in zip(every, wanted, strict=True):
        start = (np.shape(full)[i] - n) // 2
        index[i] = slice(start, start + n)
    return full[tuple(index)]


def _operands(in1: Any, in2: Any) -> tuple[Array, Array]:
    x, y = as_array(in1), as_array(in2)
    if np.ndim(x) != np.ndim(y):
        raise ValueError(
            f"volume and kernel should have the same dimensionality: {np.ndim(x)} and "
            f"{np.ndim(y)} axes arrived"
        )
    return x, y


def _method(x: Array, y: Array, mode: str, method: str) -> str:
    if method != "auto":
        return method
    # The choice is one of speed, by shapes and types.
    plain = [np.zeros(np.shape(z), z.dtype) for z in (x, y)]
    return str(sg.choose_conv_method(*plain, mode=mode))


@stands_for("scipy.signal.convolve")
def convolve(in1: Array, in2: Array, mode: str = "full", method: str = "auto") -> Array:
    """Return the convolution of arrays of as many axes."""
    x, y = _operands(in1, in2)
    if not np.ndim(x):
        return x * y
    return _part(convolved(x, y, _method(x, y, mode, method)), x, y, mode)


@stands_for("scipy.signal.correlate")
def correlate(in1: Array, in2: Array, mode: str = "full", method: str = "auto") -> Array:
    """Return the correlation of arrays of as many axes."""
    x, y = _operands(in1, in2)
    if not np.ndim(x):
        return x * conj(y)
    if mode == "valid" and any(n > m for n, m in zip(np.shape(y), np.shape(x), strict=True)):
        return conj(_flipped(convolve(y, conj(_flipped(x)), mode, method)))
    return convolve(x, conj(_flipped(y)), mode, method)


def _by_fourier(in1: Array, in2: Array, mode: str, axes: Any) -> Array:
    """Return a convolution along some axes, as a product of transforms; others broadcast."""
    x, y = _operands(in1, in2)
    if not np.ndim(x):
        return x * y
    if axes is None:
        return _part(convolved(x, y, "fft"), x, y, mode)
    chosen = normalize_axis_tuple(axes, np.ndim(x))
    lengths = [np.shape(x)[i] + np.shape(y)[i] - 1 for i in chosen]
    fast = [sf.next_fast_len(n, True) for n in lengths]
    if np.iscomplexobj(x) or np.iscomplexobj(y):
        full: Array = np.fft.ifftn(
            np.fft.fftn(x, fast, chosen) * np.fft.fftn(y, fast, chosen), axes=chosen
        )
    else:
        product = np.fft.rfftn(x, fast, chosen) * np.fft.rfftn(y, fast, chosen)
        full = np.fft.irfftn(product, fast, chosen)
    index: list[Any] = [slice(None)] * np.ndim(full)
    for i, n in zip(chosen, lengths, strict=True):
        index[i] = slice(n)
    return _part(full[tuple(index)], x, y, mode, chosen)


@stands_for("scipy.signal.fftconvolve")
def fftconvolve(in1: Array, in2: Array, mode: str = "full", axes: Any = None) -> Array:
    """Return the convolution of arrays by Fourier transforms."""
    return _by_fourier(in1, in2, mode, axes)


@stands_for("scipy.signal.oaconvolve")
def oaconvolve(in1: Array, in2: Array, mode: str = "full", axes: Any = None) -> Array:
    """Return the convolution of arrays by Fourier transforms."""
    return _by_fourier(in1, in2, mode, axes)


_BOUNDARIES: dict[str, Any] = {
    "fill": "constant",
    "pad": "constant",
    "wrap": "wrap",
    "circular": "wrap",
}
_BOUNDARIES |= {"symm": "symmetric", "symmetric": "symmetric"}


@stands_for("scipy.signal.convolve2d")
def convolve2d(
    in1: Array, in2: Array, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Array:
    """Return the convolution of two matrices, the first continued beyond its boundary."""
    x, y = _operands(in1, in2)
    if np.ndim(x) != 2:
        raise ValueError("convolve2d inputs must both be 2-D arrays")
    if mode == "valid" or (boundary in ("fill", "pad") and not np.any(np.not_equal(fillvalue, 0))):
        return _part(convolved(x, y, "direct"), x, y, mode)
    around = [(n - 1, n - 1) for n in np.shape(y)]
    if boundary in ("fill", "pad"):
        wide = np.pad(x, around, "constant", constant_values=fillvalue)
    else:
        wide = np.pad(x, around, _BOUNDARIES[boundary])
    inner = [a + b - 1 for a, b in zip(np.shape(x), np.shape(y), strict=True)]
    full = _cut(convolved(wide, y, "direct"), [n - 1 for n in np.shape(y)], tuple(inner))
    return _part(full, x, y, mode)


@stands_for("scipy.signal.correlate2d")
def correlate2d(
    in1: Array, in2: Array, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Array:
    """Return the correlation of two matrices, the first continued beyond its boundary."""
    x, y = _operands(in1, in2)
    if mode == "valid" and any(n > m for n, m in zip(np.shape(y), np.shape(x), strict=True)):
        return conj(_flipped(convolve2d(y, conj(_flipped(x)), mode)))
    if mode != "same":
        return convolve2d(x, conj(_flipped(y)), mode, boundary, fillvalue)
    # Of an even number of elements SciPy takes another one for the middle than in a convolution.
    full = convolve2d(x, conj(_flipped(y)), "full", boundary, fillvalue)
    return _cut(full, [n // 2 for n in np.shape(y)], np.shape(x))


# Filters. With a * y = b * x, where * is convolution: a * dy = db * x + b * dx - da * y.


@recorded("scipy.lfilter", True)
def _filtered(b: Array, a: Array, x: Array) -> Array:
    return sg.lfilter(b, a, x)


def filtered(b: Array, a: Array, x: Array) -> Array:
    """Return signals along the last axis, filtered from rest."""
    return record(FILTER, (b, a, x))


def _backward(b: Array, a: Array, g: Array) -> Array:
    """Return the transposed filter: time runs backward."""
    return filtered(b, a, g[..., ::-1])[..., ::-1]


def _lagged(x_bar: Array, x: Array, count: int) -> Array:
    """Return the sums of products of `x_bar` with `x`, that moved by 0, 1, ... steps."""
    n = np.shape(x)[-1]
    sums = [np.sum(x_bar[..., k:] * x[..., : n - k]) for k in range(min(count, n))]
    return np.stack([*sums, *[np.zeros_like(sums[0])] * (count - len(sums))])


_ONE = np.ones(1)
FILTER = general(
    "scipy.lfilter",
    _filtered,
    [
        lambda g, out, b, a, x: _lagged(_backward(_ONE, a, g), x, np.shape(b)[0]),
        lambda g, out, b, a, x: -_lagged(_backward(_ONE, a, g), out, np.shape(a)[0]),
        lambda g, out, b, a, x: unbroadcast(_backward(b, a, g), np.shape(x)),
    ],
    [
        lambda b_dot, out, b, a, x: filtered(b_dot, a, x),
        lambda a_dot, out, b, a, x: -filtered(a_dot, a, out),
        lambda x_dot, out, b, a, x: filtered(b, a, x_dot),
    ],
    examples=[(((3,), (2,), (6,)), {}), (((2,), (3,), (2, 5)), {}), (((1,), (1,), (4,)), {})],
    draw=lambda rng, b, a, x: [
        rng.normal(size=b),
        0.3 * rng.normal(size=a) + (np.arange(a[0]) == 0),
        rng.normal(size=x),
    ],
    complex=True,
)


def _with_state(b: Array, a: Array, x: Array, zi: Array) -> tuple[Array, Array]:
    """Return filtered signals that start in a state, and the state that they end in."""
    n, order = np.shape(x)[-1], max(np.shape(a)[0], np.shape(b)[0])
    scale = a[:1]
    a, b = a / scale, b / scale
    b, a = (np.concatenate([z, np.zeros(order - np.shape(z)[0])]) for z in (b, a))
    zi = np.broadcast_to(zi, (*np.shape(x)[:-1], order - 1))
    before = zi[..., :n]
    if n > order - 1:
        gap = np.zeros((*np.shape(x)[:-1], n - order + 1))
        before = np.concatenate([before, gap], axis=-1)
    y = filtered(b, a, x) + filtered(_ONE, a, before)
    state = []
    for m in range(order - 1):
        found = zi[..., n + m] if n + m < order - 1 else np.zeros(np.shape(x)[:-1])
        for k in range(m + 1, order):
            if n - k + m >= 0:
                found = found + b[k] * x[..., n - k + m] - a[k] * y[..., n - k + m]
        state.append(found)
    final = np.stack(state, axis=-1) if state else np.zeros((*np.shape(x)[:-1], 0))
    return y, final


@stands_for("scipy.signal.lfilter")
def lfilter(b: Array, a: Array, x: Array, axis: int = -1, zi: Any = None) -> Any:
    """Return signals, filtered by a rational function of the shift."""
    b, a = np.atleast_1d(as_array(b)), np.atleast_1d(as_array(a))
    x = np.moveaxis(as_array(x), axis, -1)
    if zi is None:
        return np.moveaxis(filtered(b, a, x), -1, axis)
    y, final = _with_state(b, a, x, np.moveaxis(as_array(zi), axis, -1))
    return np.moveaxis(y, -1, axis), np.moveaxis(final, -1, axis)


@stands_for("scipy.signal.sosfilt")
def sosfilt(sos: Array, x: Array, axis: int = -1, zi: Any = None) -> Any:
    """Return signals, filtered by a cascade of filters of second order."""
    sos = np.atleast_2d(as_array(sos))
    if np.shape(sos)[1] != 6:
        raise ValueError(f"sos array must be shape (n_sections, 6), got {np.shape(sos)}")
    y = np.moveaxis(as_array(x), axis, -1)
    states = []
    for i in range(np.shape(sos)[0]):
        b, a = sos[i, :3], sos[i, 3:]
        if zi is None:
            y = filtered(b, a, y)
        else:
            y, state = _with_state(b, a, y, np.moveaxis(as_array(zi)[i], axis, -1))
            states.append(np.moveaxis(state, -1, axis))
    y = np.moveaxis(y, -1, axis)
    return y if zi is None else (y, np.stack(states))

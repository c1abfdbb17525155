"""Rules of convolution and correlation of sequences: bilinear, each VJP a convolution again.

The VJP of ``c[k] = sum_j a[k - j] v[j]`` with respect to `v` correlates the cotangent with `a`, and
the other way round. Each is computed on as many elements as the value itself.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from autodiff.core.primitive import Array, general, handles
from autodiff.core.tensor import record

_MODES = ("full", "same", "valid")


def _pulled(g: Array, other: Array, length: int, mode: str) -> Array:
    """Return the cotangent of a sequence that was convolved with another."""
    if mode == "valid" and np.shape(other)[0] > length:
        # Only places where the sequence lies inside the other were computed.
        return np.convolve(other, g[::-1], "valid")[::-1]
    return np.convolve(g, other[::-1], "full" if mode == "valid" else "valid")


def _convolve_batch(primitive: Any, xs: Any, on: Any, params: Any) -> Array:
    """Batch convolutions as products of the windows of the longer sequence with the shorter."""
    (x, y), (left, right) = xs, on
    if np.shape(x)[-1] < np.shape(y)[-1]:
        (x, left), (y, right) = (y, right), (x, left)
    length = np.shape(y)[-1]
    if params["mode"] == "full":
        x = np.pad(x, (*[(0, 0)] * left, (length - 1, length - 1)))
    windows, turned = sliding_window_view(x, length, np.ndim(x) - 1), y[..., ::-1]
    if not right:
        return np.matmul(windows, turned)
    if not left:
        return np.matmul(turned, np.swapaxes(windows, 0, 1))
    return np.matmul(windows, turned[..., None])[..., 0]


CONVOLVE = general(
    "convolve",
    np.convolve,
    [
        lambda g, out, a, v, *, mode: _pulled(g, v, np.shape(a)[0], mode),
        lambda g, out, a, v, *, mode: _pulled(g, a, np.shape(v)[0], mode),
    ],
    [
        lambda a_dot, out, a, v, *, mode: np.convolve(a_dot, v, mode),
        lambda v_dot, out, a, v, *, mode: np.convolve(a, v_dot, mode),
    ],
    examples=[
        (((5,), (3,)), {"mode": "full"}),
        (((2,), (4,)), {"mode": "full"}),
        (((5,), (3,)), {"mode": "valid"}),
        (((2,), (4,)), {"mode": "valid"}),
        (((3,), (3,)), {"mode": "valid"}),
        (((1,), (1,)), {"mode": "full"}),
    ],
    complex=True,
    batch=_convolve_batch,
)


def _sequence(x: Any, name: str) -> Array:
    """Return an operand as an array of one axis."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    if np.ndim(x) != 1 or np.size(x) == 0:
        raise ValueError(
            f"{name}: an array of shape {np.shape(x)} arrived; one axis and an element are needed"
        )
    return x


def _mode(mode: Any, name: str) -> str:
    if isinstance(mode, int) and 0 <= mode <= 2:
        return ("valid", "same", "full")[mode]
    if mode not in _MODES:
        raise ValueError(f"{name}: mode={mode!r} is none of {', '.join(_MODES)}")
    return str(mode)


@handles(np.convolve)
def convolve(a: Array, v: Array, mode: str = "full") -> Array:
    """Return the convolution of two sequences."""
    # A number is a sequence of one, but not in a correlation.
    a, v = (_sequence(np.atleast_1d(x), "convolve") for x in (a, v))
    mode = _mode(mode, "convolve")
    if mode != "same":
        return record(CONVOLVE, (a, v), {"mode": mode})
    short, long = sorted((np.shape(a)[0], np.shape(v)[0]))
    start = (short - 1) // 2
    return record(CONVOLVE, (a, v), {"mode": "full"})[start : start + long]


@handles(np.correlate)
def correlate(a: Array, v: Array, mode: str = "valid") -> Array:
    """Return the correlation of two sequences, ``c[k] = sum_n a[n + k] conj(v[n])``."""
    a, v, mode = _sequence(a, "correlate"), _sequence(v, "correlate"), _mode(mode, "correlate")
    turned = v[::-1]
    turned = np.conjugate(turned) if np.iscomplexobj(turned) else turned
    if mode != "same":
        return record(CONVOLVE, (a, turned), {"mode": mode})
    short, long = sorted((np.shape(a)[0], np.shape(v)[0]))
    start = (short - 1) // 2 if np.shape(v)[0] == short else short // 2
    return record(CONVOLVE, (a, turned), {"mode": "full"})[start : start + long]

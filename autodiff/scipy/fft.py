"""Functions of `scipy.fft` for tensors."""

from typing import Any

import numpy as np
import scipy.fft as sf
from numpy.lib.array_utils import normalize_axis_tuple

from autodiff.core.primitive import Array, linear
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import recorded
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import stands_for

__all__ = [
    *("dct", "dctn", "dst", "dstn", "fft", "fft2", "fftn", "fftshift", "hfft", "idct", "idctn"),
    *("idst", "idstn", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft", "irfft2"),
    *("irfftn", "rfft", "rfft2", "rfftn"),
]


def _one_axis(name: str) -> Any:
    """Return the answer to a transform along one axis: NumPy's."""
    transform = getattr(np.fft, name)

    @stands_for(f"scipy.fft.{name}")
    def function(x: Array, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
        """Return a Fourier transform along an axis."""
        return transform(as_array(x), n, axis, norm)

    return function


def _axes(name: str, default: Any) -> Any:
    """Return the answer to a transform along several axes: NumPy's."""
    transform = getattr(np.fft, name)

    @stands_for(f"scipy.fft.{name}")
    def function(x: Array, s: Any = None, axes: Any = default, norm: Any = None) -> Array:
        """Return a Fourier transform along several axes."""
        x = as_array(x)
        if s is not None and axes is None:
            axes = tuple(range(np.ndim(x) - len(s), np.ndim(x)))
        return transform(x, s, axes, norm)

    return function


fft, ifft, rfft = map(_one_axis, ("fft", "ifft", "rfft"))
irfft, hfft, ihfft = map(_one_axis, ("irfft", "hfft", "ihfft"))
fftn, ifftn, rfftn, irfftn = (_axes(n, None) for n in ("fftn", "ifftn", "rfftn", "irfftn"))
fft2, ifft2, rfft2, irfft2 = (_axes(n, (-2, -1)) for n in ("fft2", "ifft2", "rfft2", "irfft2"))


def _shift(name: str) -> Any:
    move = getattr(np.fft, name)

    @stands_for(f"scipy.fft.{name}")
    def function(x: Array, axes: Any = None) -> Array:
        """Return the frequencies in another order."""
        return move(as_array(x), axes)

    return function


fftshift, ifftshift = map(_shift, ("fftshift", "ifftshift"))

#: The type of the transform that a transposed one, or an inverse, is.
_TURNED = {1: 1, 2: 3, 3: 2, 4: 4}


@recorded("scipy.trigonometric", True)
def _value(x: Array, *, name: str, type: int, axis: int, norm: Any, orthogonal: bool) -> Array:
    return getattr(sf, name)(x, type, None, axis, norm, orthogonalize=orthogonal)


def _ends(x: Array, name: str, type: int, factor: float) -> Array:
    """Return elements along the last axis, those scaled that a transform counts half.

    They are the first and the last of a cosine transform of type 1, of others of types 2 and 3 the
    first of cosines and the last of sines.
    """
    n = np.shape(x)[-1]
    factors = np.ones(n)
    if name == "dct" and type in (1, 3):
        factors[0] = factor
    if (name == "dct" and type == 1) or (name == "dst" and type == 3):
        factors[-1] = factor
    return x * factors


def _transpose(
    g: Array, out: Array, x: Array, *, name: str, type: int, axis: int, **how: Any
) -> Array:
    """Return the transposed transform: of the other type, and what counts half counts fully."""
    turned = _TURNED[type]
    g = np.moveaxis(g, axis, -1)
    if not how["orthogonal"]:
        g = _ends(g, name, turned, 2.0)
    x_bar = record(TRIGONOMETRIC, (g,), {"name": name, "type": turned, "axis": -1, **how})
    if not how["orthogonal"]:
        x_bar = _ends(x_bar, name, type, 0.5)
    return np.moveaxis(x_bar, -1, axis)


TRIGONOMETRIC = linear(
    "scipy.trigonometric",
    _value,
    _transpose,
    examples=[
        (((5,),), {"name": name, "type": t, "axis": -1, "norm": norm, "orthogonal": bool(norm)})
        for name in ("dct", "dst")
        for t in (1, 2, 3, 4)
        for norm in (None, "ortho")
    ],
    batch=lambda primitive, xs, on, params: record(primitive, tuple(xs), params),
)


def _fitted(x: Array, n: int | None, axis: int) -> Array:
    """Return as many elements along an axis as are wanted, zeros where there are fewer."""
    if n is None or n == np.shape(x)[axis]:
        return x
    x = np.moveaxis(x, axis, -1)
    if n < np.shape(x)[-1]:
        x = x[..., :n]
    else:
        gap = np.zeros((*np.shape(x)[:-1], n - np.shape(x)[-1]))
        x = np.concatenate([x, gap], axis=-1)
    return np.moveaxis(x, -1, axis)


def _transformed(
    name: str, x: Array, type: int, n: int | None, axis: int, norm: Any, orthogonal: Any
) -> Array:
    if name.startswith("i"):
        # An inverse is the transposed transform, scaled the other way round.
        name, type = name[1:], _TURNED[type]
        norm = {None: "forward", "backward": "forward", "forward": "backward"}.get(norm, norm)
    orthogonal = norm == "ortho" if orthogonal is None else bool(orthogonal)
    x = _fitted(x, n, axis)
    # Counted from the last axis, which a batch leaves where it is.
    axis = axis if axis < 0 else axis - np.ndim(x)
    params = {"name": name, "type": type, "axis": axis, "norm": norm, "orthogonal": orthogonal}
    return record(TRIGONOMETRIC, (x,), params)


def _trigonometric(name: str) -> Any:
    """Return the answer to a cosine or sine transform."""

    @stands_for(f"scipy.fft.{name}")
    def function(
        x: Array,
        type: int = 2,
        n: int | None = None,
        axis: int = -1,
        norm: Any = None,
        orthogonalize: Any = None,
    ) -> Array:
        """Return a cosine or sine transform along an axis."""
        return _transformed(name, as_array(x), type, n, axis, norm, orthogonalize)

    return function


dct, idct, dst, idst = map(_trigonometric, ("dct", "idct", "dst", "idst"))


def _trigonometric_axes(name: str) -> Any:
    """Return the answer to a cosine or sine transform along several axes."""

    @stands_for(f"scipy.fft.{name}")
    def function(
        x: Array,
        type: int = 2,
        s: Any = None,
        axes: Any = None,
        norm: Any = None,
        orthogonalize: Any = None,
    ) -> Array:
        """Return a cosine or sine transform along several axes."""
        x = as_array(x)
        ndim = np.ndim(x)
        if axes is None:
            axes = range(ndim - (ndim if s is None else len(np.atleast_1d(s))), ndim)
        axes = normalize_axis_tuple(tuple(np.atleast_1d(axes)), ndim)
        lengths = [None] * len(axes) if s is None else np.broadcast_to(s, len(axes)).tolist()
        for axis, n in zip(axes, lengths, strict=True):
            x = _transformed(name[:-1], x, type, n, axis, norm, orthogonalize)
        return x

    return function


dctn, idctn, dstn, idstn = map(_trigonometric_axes, ("dctn", "idctn", "dstn", "idstn"))

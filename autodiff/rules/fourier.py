"""Rules of the discrete Fourier transforms: all linear, so the derivative is the transpose.

The matrix of the complex transform is symmetric: it is its own transpose, not its inverse, since
nothing is conjugated (see `Primitive`). The transforms of real sequences leave out the half of the
spectrum that mirrors the other; what they keep of it counts twice in the inverse, but for the
frequencies that are their own mirror: zero, and the highest of an even number.

Transforms along several axes are made of those along one, in NumPy's own order.
"""

from collections.abc import Callable, Sequence
from operator import index
from typing import Any, Literal

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from autodiff.core.batching import along_axis
from autodiff.core.libraries import beside
from autodiff.core.primitive import Array, handles, linear
from autodiff.core.tensor import record

Norm = Literal["backward", "ortho", "forward"] | None
Axes = Sequence[int] | None

#: The norm under which a transform and its inverse exchange their factors.
_OPPOSITE: dict[Norm, Norm] = {
    None: "forward",
    "backward": "forward",
    "ortho": "ortho",
    "forward": "backward",
}


def _resized(x: Array, length: int, axis: int) -> Array:
    """Return the array cut, or filled up with zeros, to a length along an axis."""
    shape = list(np.shape(x))
    missing = length - shape[axis]
    if missing == 0:
        return x
    if missing < 0:
        cut: list[Any] = [slice(None)] * len(shape)
        cut[axis] = slice(0, length)
        return x[tuple(cut)]
    shape[axis] = missing
    return np.concatenate([x, np.zeros_like(x, shape=tuple(shape))], axis=axis)


def _weights(length: int, mirrored: float, axis: int, x: Array) -> Array:
    """Return 1 for frequencies that are their own mirror, `mirrored` for others, along an axis.

    `length` is that of the real sequence, `x` the half spectrum that the weights will multiply.
    """
    weights = np.full(length // 2 + 1, mirrored, np.finfo(np.result_type(x)).dtype)
    weights[0] = 1.0
    if length % 2 == 0:
        weights[-1] = 1.0
    return beside(x, np.reshape(weights, [-1 if i == axis else 1 for i in range(np.ndim(x))]))


def _symmetric(transform: Callable[..., Array]) -> Callable[..., Array]:
    """Return the transpose of a transform of complex sequences."""

    def transpose(g: Array, out: Array, a: Array, *, n: int, axis: int, norm: Norm) -> Array:
        return _resized(transform(g, n, axis, norm), np.shape(a)[axis], axis)

    return transpose


def _rfft_transpose(g: Array, out: Array, a: Array, *, n: int, axis: int, norm: Norm) -> Array:
    halved = np.conjugate(g) * _weights(n, 0.5, axis, g)
    return _resized(np.fft.irfft(halved, n, axis, _OPPOSITE[norm]), np.shape(a)[axis], axis)


def _irfft_transpose(g: Array, out: Array, a: Array, *, n: int, axis: int, norm: Norm) -> Array:
    spectrum = np.conjugate(np.fft.rfft(g, n, axis, _OPPOSITE[norm]))
    doubled = spectrum * _weights(n, 2.0, axis, spectrum)
    return _resized(doubled, np.shape(a)[axis], axis)


def _examples(*lengths: int) -> list[Any]:
    calls: list[Any] = [(((4,),), {"n": n, "axis": 0, "norm": None}) for n in lengths]
    norms: tuple[Norm, ...] = ("ortho", "forward", "backward")
    for i, norm in enumerate(norms):
        calls.append((((3, 4, 2),), {"n": lengths[i], "axis": 1, "norm": norm}))
    return calls


FFT = linear(
    "fft", np.fft.fft, _symmetric(np.fft.fft), examples=_examples(4, 3, 6, 1), batch=along_axis
)
IFFT = linear(
    "ifft", np.fft.ifft, _symmetric(np.fft.ifft), examples=_examples(4, 3, 6, 1), batch=along_axis
)
RFFT = linear(
    "rfft",
    np.fft.rfft,
    _rfft_transpose,
    examples=_examples(4, 3, 6, 7, 1, 2),
    complex=False,
    batch=along_axis,
)
IRFFT = linear(
    "irfft",
    np.fft.irfft,
    _irfft_transpose,
    examples=_examples(6, 7, 3, 4, 9, 1, 2),
    batch=along_axis,
)


def _checked(a: Array, n: int | None, axis: int, norm: Norm, default: int) -> dict[str, Any]:
    """Return the parameters of a transform along one axis, complete and within bounds."""
    length = default if n is None else index(n)
    if length < 1:
        raise ValueError(f"fft: {length} points along axis {axis}; at least 1 is needed")
    if norm not in _OPPOSITE:
        raise ValueError(f"fft: norm={norm!r} is none of 'backward', 'ortho', 'forward'")
    return {"n": length, "axis": normalize_axis_index(axis, np.ndim(a)), "norm": norm}


@handles(np.fft.fft)
def fft(a: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the Fourier transform along an axis."""
    return record(FFT, (a,), _checked(a, n, axis, norm, np.shape(a)[axis]))


@handles(np.fft.ifft)
def ifft(a: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the inverse Fourier transform along an axis."""
    return record(IFFT, (a,), _checked(a, n, axis, norm, np.shape(a)[axis]))


@handles(np.fft.rfft)
def rfft(a: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the Fourier transform of real sequences along an axis, without its mirrored half."""
    return record(RFFT, (a,), _checked(a, n, axis, norm, np.shape(a)[axis]))


@handles(np.fft.irfft)
def irfft(a: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the real sequences whose transform along an axis is given without its mirrored half.

    The imaginary parts of frequencies that are their own mirror have no influence.
    """
    return record(IRFFT, (a,), _checked(a, n, axis, norm, 2 * (np.shape(a)[axis] - 1)))


@handles(np.fft.hfft)
def hfft(a: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the transform of sequences that mirror themselves, conjugated: a real spectrum."""
    return irfft(np.conjugate(a), n, axis, _OPPOSITE.get(norm, norm))


@handles(np.fft.ihfft)
def ihfft(a: Array, n: int | None = None, axis: int = -1, norm: Norm = None) -> Array:
    """Return the inverse transform of real spectra, without its mirrored half."""
    return np.conjugate(rfft(a, n, axis, _OPPOSITE.get(norm, norm)))


def _lengths(a: Array, s: Axes, axes: Axes) -> tuple[list[int | None], list[int]]:
    """Return the number of points and the axis of each transform."""
    if axes is None:
        axes = range(np.ndim(a)) if s is None else range(-len(s), 0)
    axes = [normalize_axis_index(index(axis), np.ndim(a)) for axis in axes]
    if s is None:
        return [np.shape(a)[axis] for axis in axes], axes
    if len(s) != len(axes):
        raise ValueError(f"fft: s={tuple(s)} and axes={tuple(axes)} are not of the same length")
    lengths: list[int | None] = []
    for n, axis in zip(s, axes, strict=True):
        # -1 stands for all points that there are, in inverse transforms too; None for the default.
        lengths.append(np.shape(a)[axis] if n == -1 else None if n is None else index(n))
    return lengths, axes


def _along(
    transform: Callable[..., Array],
    a: Array,
    lengths: Sequence[int | None],
    axes: Sequence[int],
    norm: Norm,
) -> Array:
    """Return the transform along several axes, the last one first."""
    for n, axis in zip(reversed(lengths), reversed(axes), strict=True):
        a = transform(a, n, axis, norm)
    return a


@handles(np.fft.fftn)
def fftn(a: Array, s: Axes = None, axes: Axes = None, norm: Norm = None) -> Array:
    """Return the Fourier transform along several axes."""
    return _along(fft, a, *_lengths(a, s, axes), norm)


@handles(np.fft.ifftn)
def ifftn(a: Array, s: Axes = None, axes: Axes = None, norm: Norm = None) -> Array:
    """Return the inverse Fourier transform along several axes."""
    return _along(ifft, a, *_lengths(a, s, axes), norm)


@handles(np.fft.rfftn)
def rfftn(a: Array, s: Axes = None, axes: Axes = None, norm: Norm = None) -> Array:
    """Return the Fourier transform of a real array along several axes, the last one halved."""
    lengths, places = _lengths(a, s, axes)
    half = rfft(a, lengths[-1], places[-1], norm)
    return _along(fft, half, lengths[:-1], places[:-1], norm)


@handles(np.fft.irfftn)
def irfftn(a: Array, s: Axes = None, axes: Axes = None, norm: Norm = None) -> Array:
    """Return the real array whose transform along several axes is given, the last one halved."""
    lengths, places = _lengths(a, s, axes)
    last = 2 * (np.shape(a)[places[-1]] - 1) if s is None else lengths[-1]
    for n, axis in zip(lengths[:-1], places[:-1], strict=True):
        a = ifft(a, n, axis, norm)
    return irfft(a, last, places[-1], norm)


@handles(np.fft.fft2)
def fft2(a: Array, s: Axes = None, axes: Axes = (-2, -1), norm: Norm = None) -> Array:
    """Return the Fourier transform along two axes."""
    return _along(fft, a, *_lengths(a, s, axes), norm)


@handles(np.fft.ifft2)
def ifft2(a: Array, s: Axes = None, axes: Axes = (-2, -1), norm: Norm = None) -> Array:
    """Return the inverse Fourier transform along two axes."""
    return _along(ifft, a, *_lengths(a, s, axes), norm)


@handles(np.fft.rfft2)
def rfft2(a: Array, s: Axes = None, axes: Axes = (-2, -1), norm: Norm = None) -> Array:
    """Return the Fourier transform of a real array along two axes, the last one halved."""
    return rfftn(a, s, axes, norm)


@handles(np.fft.irfft2)
def irfft2(a: Array, s: Axes = None, axes: Axes = (-2, -1), norm: Norm = None) -> Array:
    """Return the real array whose transform along two axes is given, the last one halved."""
    return irfftn(a, s, axes, norm)


def _shifted(x: Array, axes: Any, shift: Callable[[int], int]) -> Array:
    places = normalize_axis_tuple(range(np.ndim(x)) if axes is None else axes, np.ndim(x))
    return np.roll(x, tuple(shift(np.shape(x)[i]) for i in places), places)


@handles(np.fft.fftshift)
def fftshift(x: Array, axes: Any = None) -> Array:
    """Return the spectrum with frequency zero in the middle."""
    return _shifted(x, axes, lambda n: n // 2)


@handles(np.fft.ifftshift)
def ifftshift(x: Array, axes: Any = None) -> Array:
    """Return the spectrum with frequency zero at the start again."""
    return _shifted(x, axes, lambda n: -(n // 2))

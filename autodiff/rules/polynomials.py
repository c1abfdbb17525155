"""Rules of np.poly and its like: polynomials by their coefficients, the highest power first."""

from typing import Any

import numpy as np

from autodiff.core.primitive import Array, handles, refuses
from autodiff.errors import Undifferentiable
from autodiff.rules.operands import as_array, as_operand


def _coefficients(p: Any, name: str) -> Array:
    """Return a polynomial's coefficients as a vector."""
    if isinstance(p, np.poly1d):
        raise TypeError(
            f"{name}: np.poly1d holds plain numbers; give its coefficients, p.coeffs, instead"
        )
    p = np.atleast_1d(as_array(p))
    if p.ndim != 1:
        raise ValueError(f"{name}: coefficients of shape {p.shape} arrived; a vector is needed")
    return p


def _aligned(a1: Any, a2: Any, name: str) -> tuple[Array, Array]:
    """Return coefficients of two polynomials, the shorter with zeros before it."""
    parts = [_coefficients(a, name) for a in (a1, a2)]
    length = max(p.shape[0] for p in parts)
    first, second = (
        p if p.shape[0] == length else np.concatenate((np.zeros(length - p.shape[0], p.dtype), p))
        for p in parts
    )
    return first, second


@handles(np.polyval)
def polyval(p: Array, x: Array) -> Array:
    """Return the value of a polynomial, by Horner's scheme."""
    if isinstance(x, np.poly1d):
        raise TypeError("polyval: x is an np.poly1d, which holds plain numbers: use np.polymul")
    p, x = _coefficients(p, "polyval"), as_operand(x)
    y: Array = np.zeros_like(x)
    for i in range(p.shape[0]):
        y = y * x + p[i]
    return y


@handles(np.polyadd)
def polyadd(a1: Array, a2: Array) -> Array:
    """Return the sum of two polynomials."""
    first, second = _aligned(a1, a2, "polyadd")
    return first + second


@handles(np.polysub)
def polysub(a1: Array, a2: Array) -> Array:
    """Return the difference of two polynomials."""
    first, second = _aligned(a1, a2, "polysub")
    return first - second


def _without_leading_zeros(p: Array) -> Array:
    """Return coefficients from the first that is not zero; where that is, is guarded."""
    trimmed = np.trim_zeros(p, "f")
    return trimmed if trimmed.size else p[:1] * 0.0


def _product(p: Array, q: Array) -> Array:
    """Return the product of two polynomials: a row for each coefficient of the shorter one."""
    if p.shape[0] < q.shape[0]:
        p, q = q, p
    n = q.shape[0]
    padded = np.pad(p, n - 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, n)
    return np.sum(windows * np.flip(q), axis=-1)


@handles(np.polymul)
def polymul(a1: Array, a2: Array) -> Array:
    """Return the product of two polynomials, which may have no leading zeros."""
    first, second = (_without_leading_zeros(_coefficients(a, "polymul")) for a in (a1, a2))
    return _product(first, second)


@handles(np.polydiv)
def polydiv(u: Array, v: Array) -> tuple[Array, Array]:
    """Return quotient and remainder of two polynomials."""
    rest, divisor = _coefficients(u, "polydiv") + 0.0, _coefficients(v, "polydiv") + 0.0
    count = rest.shape[0] - divisor.shape[0] + 1
    quotient = []
    for k in range(count):
        factor = rest[k] / divisor[0]
        quotient.append(factor)
        after = np.zeros(count - 1 - k)
        rest = rest - np.concatenate((np.zeros(k), factor * divisor, after))
    if not quotient:
        quotient.append(0.0 * (rest[0] + divisor[0]))
    # As NumPy does: leading coefficients that are zero up to rounding are no part of the remainder.
    while rest.shape[0] > 1 and np.allclose(rest[0], 0, rtol=1e-14):
        rest = rest[1:]
    return np.stack(quotient), rest


@handles(np.polyder)
def polyder(p: Array, m: int = 1) -> Array:
    """Return the derivative of a polynomial, taken `m` times."""
    p = _coefficients(p, "polyder")
    if m < 0:
        raise ValueError(f"polyder: m={m} arrived; use np.polyint for antiderivatives")
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@handles(np.polyint)
def polyint(p: Array, m: int = 1, k: Any = None) -> Array:
    """Return the antiderivative of a polynomial, taken `m` times; its constants may be tensors."""
    p = _coefficients(p, "polyint")
    if m < 0:
        raise ValueError(f"polyint: m={m} arrived; use np.polyder for derivatives")
    constants = np.atleast_1d(np.zeros(m) if k is None else as_array(k))
    if constants.shape[0] == 1 and m > 1:
        constants = np.broadcast_to(constants, (m,))
    if constants.shape[0] < m:
        raise ValueError(f"polyint: {constants.shape[0]} constants arrived; {m} are needed")
    for i in range(m):
        p = np.concatenate((p / np.arange(p.shape[0], 0, -1), constants[i : i + 1]))
    return p


@handles(np.poly)
def poly(seq_of_zeros: Array) -> Array:
    """Return the polynomial that has the given zeros; of a matrix, its eigenvalues."""
    zeros = np.atleast_1d(as_array(seq_of_zeros))
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] and zeros.shape[0]:
        zeros = np.linalg.eigvals(zeros)
    if zeros.ndim != 1:
        raise ValueError(
            f"poly: an array of shape {zeros.shape} arrived; a vector or a square matrix is needed"
        )
    if not zeros.shape[0]:
        return np.float64(1.0)
    p: Array = np.ones(1, zeros.dtype)
    none = np.zeros(1, zeros.dtype)
    for i in range(zeros.shape[0]):
        p = np.concatenate((p, none)) - zeros[i] * np.concatenate((none, p))
    if p.dtype.kind == "c" and np.all(np.sort(zeros) == np.sort(np.conjugate(zeros))):
        return np.real(p)
    return p


@handles(np.polyfit)
def polyfit(
    x: Array,
    y: Array,
    deg: int,
    rcond: float | None = None,
    full: bool = False,
    w: Array | None = None,
    cov: Any = False,
) -> Array:
    """Return the polynomial of a degree that comes closest to values, which may be tensors."""
    if full or cov:
        raise Undifferentiable(
            "np.polyfit: full= and cov= of tensors: compute them with np.linalg.lstsq of "
            "np.vander(x, deg + 1)"
        )
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    if not all(isinstance(a, np.ndarray) for a in (x, np.zeros(0) if w is None else as_array(w))):
        raise Undifferentiable(
            "np.polyfit: points or weights that are tensors: use np.linalg.lstsq of "
            "np.vander(x, deg + 1)"
        )
    # NumPy tells what is wrong with the points; then the fit is a linear map of the values.
    np.polyfit(x, np.zeros(x.shape[0]), deg, rcond, w=w)
    weights = np.ones(x.shape[0]) if w is None else np.asarray(w) + 0.0
    powers = np.vander(x, int(deg) + 1) * weights[:, None]
    lengths = np.sqrt(np.sum(powers * powers, axis=0))
    least = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    return (np.linalg.pinv(powers / lengths, least) * weights / lengths[:, None]) @ y


refuses(
    "the zeros of a polynomial are found by iteration: use np.linalg.eigvals of its companion "
    "matrix, or Newton steps from a plain estimate",
    np.roots,
)

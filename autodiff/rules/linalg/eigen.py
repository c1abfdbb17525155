"""Rules of eigenvalues and eigenvectors.

Sources: Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008), section 3.1; for complex matrices Boeddeker, Hanebrink, Drude, Heymann and
Haeb-Umbach, On the computation of complex-valued gradients with application to statistically
optimum beamforming (2017), section 4.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from autodiff.core.batching import stacked
from autodiff.core.libraries import beside
from autodiff.core.primitive import Array, discrete, general, handles
from autodiff.core.tensor import Tensor, record
from autodiff.rules.linalg.matrices import (
    conj,
    dagger,
    diagonal,
    pack,
    placed,
    real,
    reciprocal_gaps,
    recorded,
    symmetrised,
    transposed,
    triangle_share,
    unpack,
)
from autodiff.rules.linalg.phases import settled_cotangent, settled_tangent
from autodiff.rules.linalg.repeated import (
    SPECTRA,
    Spectrum,
    amounts,
    near,
    note_repeated,
    quotients,
    rotation,
)

#: Share of the largest up to which eigenvalues meet, and vectors are parallel, for two derivatives.
_MEET = 1e-3


def _shapes(a: Array) -> list[tuple[int, ...]]:
    n = np.shape(a)[-1]
    return [(n,), (n, n)]


def _reciprocals(w: Array) -> Array:
    """Return 1 / (w[j] - w[i]), 0 where they are equal."""
    return reciprocal_gaps(w, w[..., None, :] - w[..., :, None], np.shape(w)[-1])


@recorded("eigh")
def _eigh(a: Array, *, UPLO: Any) -> Array:
    """Return eigenvalues and eigenvectors of Hermitian matrices, packed."""
    return pack(np.linalg.eigh(a, UPLO), np.ndim(a) - 2)


def _real_row(a: Array, UPLO: str) -> tuple[int]:
    """Return the row in which LAPACK's tridiagonal form leaves eigenvectors real."""
    return (0 if UPLO == "L" else np.shape(a)[-1] - 1,)


def _hermitian_parts(g: Array, out: Array, a: Array, UPLO: str) -> tuple[Array, ...]:
    """Return eigenvalues and vectors, the cotangent of the former, and VᵀV̄."""
    w, v = unpack(out, _shapes(a))
    w_bar, v_bar = unpack(g, _shapes(a))
    if np.shape(a)[-1]:
        v_bar = settled_cotangent(v_bar, v, _real_row(a, UPLO))
    return real(w), v, real(w_bar), v_bar


def _hermitian(inner: Array, v: Array, a: Array, UPLO: str) -> Array:
    """Return the cotangent of the matrix from that of it in the basis of its vectors."""
    a_bar = np.matmul(conj(v), np.matmul(inner, transposed(v)))
    return triangle_share(a, UPLO == "U") * symmetrised(a_bar)


def _eigh_vjp(g: Array, out: Array, a: Array, *, UPLO: str) -> Array:
    w, v, w_bar, v_bar = _hermitian_parts(g, out, a, UPLO)
    inner = placed(w_bar) + _reciprocals(w) * np.matmul(transposed(v), v_bar)
    return _hermitian(inner, v, a, UPLO)


def _directions(out: Array, a: Array, **params: Any) -> list[Array]:
    w, v = unpack(out, _shapes(a))
    r = amounts(w)
    return [pack([x, np.zeros_like(v)], np.ndim(a) - 2) for x in (r + 0 * w, (r > 0) + 0 * w)]


def _other_vectors(out: Array, a: Array, **params: Any) -> Array:
    w, v = unpack(out, _shapes(a))
    v = np.matmul(v, rotation(w, np.shape(w)[-1]))
    length = np.sqrt(np.sum(real(v * conj(v)), axis=-2, keepdims=True))
    return pack([w, v / length], np.ndim(a) - 2)


def _in_pairs(numerators: list[Array], scale: Array, w: Array) -> Array:
    """Return a numerator, which comes with its rates, by the differences of eigenvalues."""
    size, r = np.shape(w)[-1], amounts(w)
    left, right = r[..., :, None], r[..., None, :]
    gaps = w[..., None, :] - w[..., :, None]
    one = beside(w, np.eye(size, dtype=bool))
    equal = np.logical_or(near(w, size), one)
    mean = 0.5 * (left + right)
    inner = quotients(
        numerators[0], numerators[1:], gaps, right - left, mean, scale, (near(w), equal), size
    )
    return np.where(one, 0.0, inner)


def _eigh_vjp_repeated(
    g: Array, rates: Sequence[Array], out: Array, a: Array, *, UPLO: str
) -> Array:
    w, v, w_bar, v_bar = _hermitian_parts(g, out, a, UPLO)
    turned = [np.matmul(transposed(v), _hermitian_parts(x, out, a, UPLO)[3]) for x in (g, *rates)]
    size = np.matmul(np.abs(transposed(v)), np.abs(v_bar))
    numerators = [x - dagger(x) for x in turned]
    inner = _in_pairs(numerators, size + transposed(size), w)
    return _hermitian(placed(w_bar) + 0.5 * inner, v, a, UPLO)


def _eigh_jvp(a_dot: Array, out: Array, a: Array, *, UPLO: str) -> Array:
    w, v = unpack(out, _shapes(a))
    direction = symmetrised(triangle_share(a, UPLO == "U") * a_dot)
    inner = np.matmul(dagger(v), np.matmul(direction, v))
    v_dot = np.matmul(v, _reciprocals(real(w)) * inner)
    if np.shape(a)[-1]:
        v_dot = settled_tangent(v_dot, v, _real_row(a, UPLO))
    return pack([real(diagonal(inner)), v_dot], np.ndim(a) - 2)


def _separated(rng: Any, shape: tuple[int, ...]) -> list[Array]:
    """Return matrices with well separated eigenvalues; not symmetric, so one triangle is read."""
    return [0.4 * rng.normal(size=shape) + np.diag(3.0 * np.arange(shape[-1]))]


EIGH = general(
    "eigh",
    _eigh,
    [_eigh_vjp],
    [_eigh_jvp],
    examples=[
        (((1, 1),), {"UPLO": "L"}),
        (((3, 3),), {"UPLO": "L"}),
        (((3, 3),), {"UPLO": "U"}),
        (((2, 1, 3, 3),), {"UPLO": "L"}),
        (((0, 2, 2),), {"UPLO": "L"}),
        (((0, 0),), {"UPLO": "L"}),
    ],
    complex=True,
    draw=_separated,
    batch=stacked(2),
)


@recorded("eig")
def _eig(a: Array) -> Array:
    """Return eigenvalues and eigenvectors of square matrices, packed, as complex numbers."""
    return pack(np.linalg.eig(a), np.ndim(a) - 2) + 0j


def _eig_parts(g: Array, out: Array, a: Array) -> tuple[Array, ...]:
    """Return eigenvalues and vectors, the cotangent of the former, and VᵀV̄."""
    w, v = unpack(out, _shapes(a))
    w_bar, v_bar = unpack(g, _shapes(a))
    # Eigenvectors keep length 1, and their largest element stays real.
    stretch = np.real(np.sum(v_bar * v, axis=-2, keepdims=True)) * np.conjugate(v)
    v_bar = settled_cotangent(v_bar, v) - stretch
    return w, v, w_bar, v_bar


@recorded("without a basis")
def _without_basis(v: Array, *, least: float) -> Array:
    """Return whether eigenvectors are no basis: those of a defective matrix are parallel."""
    s = np.linalg.svd(v, compute_uv=False)
    parallel = np.min(s, axis=-1, initial=np.inf) <= least * np.max(s, axis=-1, initial=0.0)
    return parallel[..., None, None]


discrete(_without_basis, "without a basis", batch=stacked(2))


def _lost(w: Array, v: Array) -> Array:
    """Return where a matrix has no derivative: the closer two vectors, the fewer digits are left.

    Those of a second derivative go with the square of what is left of a basis, if two values meet.
    """
    eps = float(np.finfo(v.dtype).eps)
    lost = _without_basis(v, least=1e3 * eps)
    if type(v) is Tensor:
        apart = np.abs(w[..., None, :] - w[..., :, None]) + np.eye(np.shape(w)[-1])
        meet = np.any(apart <= _MEET * np.max(np.abs(w), initial=0.0), axis=(-2, -1), keepdims=True)
        lost = lost | (meet & _without_basis(v, least=_MEET))
    return lost


def _of_inner(inner: Array, w: Array, v: Array, a: Array) -> Array:
    a_bar = np.linalg.solve(transposed(v), np.matmul(inner, transposed(v)))
    a_bar = np.where(_lost(w, v), np.nan * a_bar, a_bar)
    return a_bar if np.iscomplexobj(a) else np.real(a_bar)


def _eig_vjp(g: Array, out: Array, a: Array) -> Array:
    w, v, w_bar, v_bar = _eig_parts(g, out, a)
    inner = placed(w_bar) + _reciprocals(w) * np.matmul(transposed(v), v_bar)
    return _of_inner(inner, w, v, a)


def _eig_vjp_repeated(g: Array, rates: Sequence[Array], out: Array, a: Array) -> Array:
    w, v, w_bar, v_bar = _eig_parts(g, out, a)
    turned = [np.matmul(transposed(v), _eig_parts(x, out, a)[3]) for x in (g, *rates)]
    size = np.matmul(np.abs(transposed(v)), np.abs(v_bar))
    return _of_inner(placed(w_bar) + _in_pairs(turned, size + transposed(size), w), w, v, a)


def _eig_jvp(a_dot: Array, out: Array, a: Array) -> Array:
    w, v = unpack(out, _shapes(a))
    inner = np.linalg.solve(v, np.matmul(a_dot, v))
    inner = np.where(_lost(w, v), np.nan * inner, inner)
    v_dot = np.matmul(v, _reciprocals(w) * inner)
    stretch = np.real(np.sum(v_dot * np.conjugate(v), axis=-2, keepdims=True))
    return pack([diagonal(inner), settled_tangent(v_dot, v) - stretch * v], np.ndim(a) - 2)


EIG = general(
    "eig",
    _eig,
    [_eig_vjp],
    [_eig_jvp],
    examples=[
        (((1, 1),), {}),
        (((3, 3),), {}),
        (((2, 1, 3, 3),), {}),
        (((0, 2, 2),), {}),
        (((0, 0),), {}),
    ],
    complex=True,
    draw=_separated,
    batch=stacked(2),
)


SPECTRA[EIGH] = Spectrum(
    lambda out, a, **params: real(unpack(out, _shapes(a))[0]),
    _directions,
    _other_vectors,
    _eigh_vjp_repeated,
)
SPECTRA[EIG] = Spectrum(
    lambda out, a: unpack(out, _shapes(a))[0], _directions, _other_vectors, _eig_vjp_repeated
)


@cache
def _eigh_result() -> Any:
    return type(np.linalg.eigh(np.eye(1)))


@cache
def _eig_result() -> Any:
    return type(np.linalg.eig(np.eye(1)))


@handles(np.linalg.eigh)
def eigh(a: Array, UPLO: str = "L") -> Any:
    """Return eigenvalues, ascending, and eigenvectors of Hermitian matrices.

    NumPy reads one triangle. Elements that mirror each other share the derivative evenly; where
    they differ, the one counts that is read. Where eigenvalues are equal, what does not depend on
    the choice of their vectors has a derivative, and other functions NaN: see `repeated`; that of
    single eigenvalues is a valid one. Complex eigenvectors keep the phases that LAPACK gave them.
    """
    packed = record(EIGH, (a,), {"UPLO": UPLO.upper()})
    w, v = unpack(packed, _shapes(a))
    note_repeated(packed, real(w))
    return _eigh_result()(real(w), v)


@handles(np.linalg.eigvalsh)
def eigvalsh(a: Array, UPLO: str = "L") -> Array:
    """Return the eigenvalues of Hermitian matrices, ascending; see `eigh`."""
    return eigh(a, UPLO)[0]


@handles(np.linalg.eig)
def eig(a: Array) -> Any:
    """Return eigenvalues and eigenvectors of square matrices, complex unless all are real.

    Eigenvectors are of length 1, their largest element real. Where eigenvalues are equal it is as
    of `eigh`. Matrices without a basis of eigenvectors have no derivative.
    """
    packed = record(EIG, (a,))
    w, v = unpack(packed, _shapes(a))
    note_repeated(packed, w)
    if not np.iscomplexobj(a) and bool(np.all(np.equal(np.imag(w), 0.0))):
        w, v = np.real(w), np.real(v)
    return _eig_result()(w, v)


@handles(np.linalg.eigvals)
def eigvals(a: Array) -> Array:
    """Return the eigenvalues of square matrices, complex unless all are real; see `eig`."""
    return eig(a)[0]

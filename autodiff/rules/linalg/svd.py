"""Rules of the singular value decomposition, and of what is made of it.

Sources: Giles, Collected matrix derivative results for forward and reverse mode algorithmic
differentiation (2008), section 3.2; Townsend, Differentiating the singular value decomposition
(2016); for complex matrices Wan and Zhang, Automatic differentiation for complex valued SVD (2019).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from autodiff.core.batching import stacked
from autodiff.core.libraries import beside
from autodiff.core.primitive import Array, discrete, general, handles
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import (
    conj,
    constant,
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


def _shapes(a: Array, full: bool) -> list[tuple[int, ...]]:
    m, n = np.shape(a)[-2:]
    k = min(m, n)
    return [(m, m if full else k), (k,), (n, n if full else k)]


@recorded("svd")
def _svd(a: Array, *, full_matrices: bool, hermitian: bool) -> Array:
    """Return U, the singular values and V, not conjugated, packed."""
    # Other libraries have no `hermitian`.
    kind: dict[str, Any] = {"hermitian": True} if hermitian else {}
    u, s, vh = np.linalg.svd(a, full_matrices, **kind)
    return pack([u, s, np.conj(np.swapaxes(vh, -1, -2))], np.ndim(a) - 2)


def _parts(packed: Array, a: Array, full: bool) -> tuple[Array, ...]:
    """Return U, s and V, and the further columns of U and V that have no singular value."""
    u, s, v = unpack(packed, _shapes(a, full))
    k = np.shape(s)[-1]
    return u[..., :k], real(s), v[..., :k], u[..., k:], v[..., k:]


def _reciprocals(s: Array, size: int) -> tuple[Array, ...]:
    """Return 1 / (s[j] - s[i]), 1 / (s[j] + s[i]) and 1 / s, 0 where that is no number."""
    # A singular value is zero where it is equal to a zero put next to it.
    extended = np.concatenate([s, np.zeros_like(s[..., :1])], axis=-1)
    every = reciprocal_gaps(extended, extended[..., None, :] - extended[..., :, None], size)
    differences, inverse = every[..., :-1, :-1], every[..., -1, :-1]
    none = np.equal(inverse, 0)
    both = none[..., :, None] & none[..., None, :]
    sums = np.logical_not(both) / (s[..., :, None] + s[..., None, :] + both)
    return differences, sums, inverse


def _real_rows(a: Array) -> tuple[int, int]:
    """Return the rows of U above V in which LAPACK's bidiagonal form leaves one of them real."""
    return (np.shape(a)[-2], 0)


def _turned(u: Array, v: Array, rows: tuple[int, int], settle: Any, *vectors: Array) -> list[Array]:
    """Settle the phases of U and V together, as each pair of columns has one in common."""
    together = np.concatenate([u, v], axis=-2)
    m = np.shape(u)[-2]
    settled = settle(np.concatenate(vectors, axis=-2), together, rows)
    return [settled[..., :m, :], settled[..., m:, :]]


class _Turns(NamedTuple):
    """The turn of the vectors that a cotangent asks for, linear in it."""

    #: The cotangent of the singular values.
    s_bar: Array
    #: Antisymmetric parts of UᵀŪ and VᵀV̄, their sum and their difference.
    together: Array
    against: Array
    #: Phases of U, of complex matrices.
    phases: Array
    #: What turns U and V out of their spaces.
    u_rest: Array
    v_rest: Array


def _turns(g: Array, out: Array, a: Array, full_matrices: bool) -> _Turns:
    u, _, v, u_null, v_null = _parts(out, a, full_matrices)
    u_bar, s_bar, v_bar, u_null_bar, v_null_bar = _parts(g, a, full_matrices)
    if np.iscomplexobj(a):
        u_bar, v_bar = _turned(u, v, _real_rows(a), settled_cotangent, u_bar, v_bar)
    # From here on conjugated, as in the literature.
    u_bar, v_bar = conj(u_bar), conj(v_bar)
    inner_u, inner_v = np.matmul(dagger(u), u_bar), np.matmul(dagger(v), v_bar)
    turn_u, turn_v = inner_u - dagger(inner_u), inner_v - dagger(inner_v)
    u_rest, v_rest = u_bar - np.matmul(u, inner_u), v_bar - np.matmul(v, inner_v)
    if full_matrices:
        # The columns without singular values turn no more than U and V make them.
        u_rest = u_rest - np.matmul(u_null, np.matmul(transposed(u_null_bar), u))
        v_rest = v_rest - np.matmul(v_null, np.matmul(transposed(v_null_bar), v))
    return _Turns(
        s_bar,
        turn_u + turn_v,
        turn_u - turn_v,
        np.imag(diagonal(inner_u)) if np.iscomplexobj(a) else 0.0 * s_bar,
        u_rest,
        v_rest,
    )


def _put_together(
    middle: Array, u_rest: Array, v_rest: Array, out: Array, a: Array, full: bool, hermitian: bool
) -> Array:
    """Return the cotangent of the matrix from its parts in and out of the spaces of U and V."""
    u, _, v, _, _ = _parts(out, a, full)
    left = np.matmul(u, middle) + u_rest
    a_bar = conj(np.matmul(left, dagger(v)) + np.matmul(u, dagger(v_rest)))
    return triangle_share(a, False) * symmetrised(a_bar) if hermitian else a_bar


def _svd_vjp(g: Array, out: Array, a: Array, *, full_matrices: bool, hermitian: bool) -> Array:
    s = _parts(out, a, full_matrices)[1]
    if s.size == 0:
        return np.zeros_like(a)
    turns = _turns(g, out, a, full_matrices)
    differences, sums, inverse = _reciprocals(s, max(np.shape(a)[-2:]))
    middle = 0.5 * (turns.together * differences + turns.against * _off(sums)) + placed(turns.s_bar)
    if np.iscomplexobj(a):
        middle = middle + 1j * placed(turns.phases * inverse)
    columns = inverse[..., None, :]
    return _put_together(
        middle, turns.u_rest * columns, turns.v_rest * columns, out, a, full_matrices, hermitian
    )


def _off(x: Array) -> Array:
    """Return matrices with zeros on their diagonals."""
    return x * beside(x, np.logical_not(np.eye(np.shape(x)[-1], dtype=bool)))


def _values(out: Array, a: Array, *, full_matrices: bool, hermitian: bool) -> Array:
    s = _parts(out, a, full_matrices)[1]
    return np.concatenate([s, np.zeros_like(s[..., :1])], axis=-1)


def _directions(out: Array, a: Array, **params: Any) -> list[Array]:
    full = params["full_matrices"]
    u, s, v = unpack(out, _shapes(a, full))
    r = amounts(_values(out, a, **params))[..., :-1]
    return [
        pack([np.zeros_like(u), x, np.zeros_like(v)], np.ndim(a) - 2)
        for x in (r + 0 * s, (r > 0) + 0 * s)
    ]


def _other_vectors(out: Array, a: Array, *, full_matrices: bool, hermitian: bool) -> Array:
    u, s, v = unpack(out, _shapes(a, full_matrices))
    values = _values(out, a, full_matrices=full_matrices, hermitian=hermitian)
    size, k = max(np.shape(a)[-2:]), np.shape(s)[-1]
    turn = rotation(real(s), size)
    # Vectors of the value 0 turn apart, which a change of sign of one of them, the last, is enough
    # for: that of two is a rotation, which V could take part in.
    last = np.arange(k) == k - 1
    signs = 1.0 - 2.0 * (near(values, size)[..., -1, :-1] & last)
    u_parts, v_parts = [u[..., :k], u[..., k:]], [v[..., :k], v[..., k:]]
    u_parts[0] = np.matmul(u_parts[0], turn) * signs[..., None, :]
    v_parts[0] = np.matmul(v_parts[0], turn)
    turned = [np.concatenate(u_parts, axis=-1), s, np.concatenate(v_parts, axis=-1)]
    return pack(turned, np.ndim(a) - 2)


def _svd_vjp_repeated(
    g: Array,
    rates: Sequence[Array],
    out: Array,
    a: Array,
    *,
    full_matrices: bool,
    hermitian: bool,
) -> Array:
    s = _parts(out, a, full_matrices)[1]
    size, k = max(np.shape(a)[-2:]), np.shape(s)[-1]
    values = _values(out, a, full_matrices=full_matrices, hermitian=hermitian)
    r = amounts(values)[..., :-1]
    # What the cotangents are sums of is no larger than they are, times the number of rows.
    u_bar, _, v_bar, _, _ = _parts(g, a, full_matrices)
    scale = np.sum(np.abs(u_bar), axis=(-2, -1), keepdims=True)
    scale = scale + np.sum(np.abs(v_bar), axis=(-2, -1), keepdims=True)
    turns, *moved = (_turns(x, out, a, full_matrices) for x in (g, *rates))
    left, right = r[..., :, None], r[..., None, :]
    close, equal = near(values), near(values, size)
    one = beside(s, np.eye(k, dtype=bool))
    together = quotients(
        turns.together,
        [x.together for x in moved],
        s[..., None, :] - s[..., :, None],
        right - left,
        0.5 * (left + right),
        scale,
        (close[..., :-1, :-1], np.logical_or(equal[..., :-1, :-1], one)),
        size,
    )
    zero, is_zero = close[..., -1, :-1], equal[..., -1, :-1]
    against = quotients(
        turns.against,
        [x.against for x in moved],
        s[..., None, :] + s[..., :, None],
        right + left,
        0.0,
        scale,
        (
            zero[..., :, None] & zero[..., None, :],
            np.logical_or(is_zero[..., :, None] & is_zero[..., None, :], one),
        ),
        size,
    )
    middle = 0.5 * np.where(one, 0.0, together + against) + placed(turns.s_bar)

    def by_value(numerators: list[Array]) -> Array:
        shape = np.shape(numerators[0])
        masks = np.broadcast_to(zero[..., None, :], shape), is_zero[..., None, :]
        columns = s[..., None, :]
        return quotients(
            numerators[0], numerators[1:], columns, r[..., None, :], 0.0, scale, masks, size
        )

    if np.iscomplexobj(a):
        phases = [x.phases[..., None, :] for x in (turns, *moved)]
        middle = middle + 1j * placed(by_value(phases)[..., 0, :])
    u_rest = by_value([x.u_rest for x in (turns, *moved)])
    v_rest = by_value([x.v_rest for x in (turns, *moved)])
    return _put_together(middle, u_rest, v_rest, out, a, full_matrices, hermitian)


def _svd_jvp(a_dot: Array, out: Array, a: Array, *, full_matrices: bool, hermitian: bool) -> Array:
    u, s, v, u_null, v_null = _parts(out, a, full_matrices)
    if s.size == 0:
        return np.zeros_like(out)
    if hermitian:
        a_dot = symmetrised(triangle_share(a, False) * a_dot)
    differences, sums, inverse = _reciprocals(s, max(np.shape(a)[-2:]))
    on_v, on_u = np.matmul(a_dot, v), np.matmul(dagger(a_dot), u)
    inner = np.matmul(dagger(u), on_v)
    together = differences * (inner + dagger(inner))
    against = sums * (inner - dagger(inner))
    turn_u, turn_v = 0.5 * _off(together + against), 0.5 * _off(together - against)
    if np.iscomplexobj(a):
        turn_u = turn_u + 1j * placed(np.imag(diagonal(inner)) * inverse)
    u_rest = (on_v - np.matmul(u, inner)) * inverse[..., None, :]
    v_rest = (on_u - np.matmul(v, dagger(inner))) * inverse[..., None, :]
    u_dot, v_dot = np.matmul(u, turn_u) + u_rest, np.matmul(v, turn_v) + v_rest
    u_null_dot = -np.matmul(u, np.matmul(dagger(u_rest), u_null))
    v_null_dot = -np.matmul(v, np.matmul(dagger(v_rest), v_null))
    if np.iscomplexobj(a):
        u_dot, v_dot = _turned(u, v, _real_rows(a), settled_tangent, u_dot, v_dot)
    if full_matrices:
        u_dot = np.concatenate([u_dot, u_null_dot], axis=-1)
        v_dot = np.concatenate([v_dot, v_null_dot], axis=-1)
    return pack([u_dot, real(diagonal(inner)), v_dot], np.ndim(a) - 2)


def _separated(rng: Any, shape: tuple[int, ...]) -> list[Array]:
    """Return matrices with well separated singular values; not symmetric."""
    return [
        0.4 * rng.normal(size=shape)
        + 2.0 * np.eye(shape[-2], shape[-1]) * (1 + np.arange(shape[-1]))
    ]


SVD = general(
    "svd",
    _svd,
    [_svd_vjp],
    [_svd_jvp],
    examples=[
        (((1, 1),), {"full_matrices": False, "hermitian": False}),
        (((3, 3),), {"full_matrices": True, "hermitian": False}),
        (((4, 2),), {"full_matrices": False, "hermitian": False}),
        (((2, 4),), {"full_matrices": False, "hermitian": False}),
        (((2, 1, 3, 2),), {"full_matrices": False, "hermitian": False}),
        (((3, 3),), {"full_matrices": False, "hermitian": True}),
        (((0, 2),), {"full_matrices": False, "hermitian": False}),
        (((0, 2, 3),), {"full_matrices": False, "hermitian": False}),
    ],
    complex=True,
    draw=_separated,
    batch=stacked(2),
)


def _several_zeros(cotangents: Sequence[Array], out: Array, a: Array, **params: Any) -> bool:
    """Return whether several values are 0, which U and V turn apart for, and that is looked at."""
    zero = near(_values(out, a, **params), max(np.shape(a)[-2:]))[..., -1, :-1]
    if not np.any(np.greater(np.sum(zero, axis=-1), 1)):
        return False
    parts = [unpack(x, _shapes(a, params["full_matrices"])) for x in cotangents]
    return any(bool(np.any(np.not_equal(x, 0))) for u, _, v in parts for x in (u, v))


SPECTRA[SVD] = Spectrum(_values, _directions, _other_vectors, _svd_vjp_repeated, _several_zeros)


@recorded("matrix_rank")
def _rank(a: Array, **params: Any) -> Array:
    # Of a vector NumPy gives a Python int.
    return np.asarray(np.linalg.matrix_rank(a, **params))[()]


_RANK = discrete(_rank, "matrix_rank")


@cache
def _svd_result() -> Any:
    return type(np.linalg.svd(np.eye(1)))


@handles(np.linalg.svd)
def svd(
    a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Return the singular value decomposition: U, the singular values, and V conjugated.

    Where singular values are equal, or zero, what does not depend on the choice of their vectors
    has a derivative, and other functions NaN: see `repeated`. The further columns that
    ``full_matrices=True`` adds are any basis: functions that do not depend on its choice are
    differentiated rightly. So are functions that do not depend on the phases of complex vectors,
    and those that do, where LAPACK fixes the phases by an element that is real.
    """
    wide = bool(full_matrices and compute_uv and a.shape[-1] != a.shape[-2])
    packed = record(SVD, (a,), {"full_matrices": wide, "hermitian": bool(hermitian)})
    u, s, v = unpack(packed, _shapes(a, wide))
    if min(np.shape(a)[-2:]):
        note_repeated(packed, real(s), zero=True)
    return _svd_result()(u, real(s), dagger(v)) if compute_uv else real(s)


@handles(np.linalg.svdvals)
def svdvals(x: Array, /) -> Array:
    """Return the singular values, descending."""
    return svd(x, compute_uv=False)


@handles(np.linalg.cond)
def cond(x: Array, p: Any = None) -> Array:
    """Return the condition number; a singular matrix has none unless `p` is None, 2 or -2."""
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p is None or p in (2, -2):
        s = svdvals(x)
        largest, smallest = s[..., 0], s[..., -1]
        with np.errstate(divide="ignore"):
            return smallest / largest if p == -2 else largest / smallest
    norms = [np.linalg.norm(y, p, axis=(-2, -1)) for y in (x, np.linalg.inv(x))]
    return norms[0] * norms[1]


@handles(np.linalg.matrix_rank, derivative=False)
def matrix_rank(A: Array, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    """Return the number of singular values that are not zero."""
    tol, rtol = constant(tol, "matrix_rank: tol"), constant(rtol, "matrix_rank: rtol")
    return record(_RANK, (A,), {"tol": tol, "hermitian": hermitian, "rtol": rtol})

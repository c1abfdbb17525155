"""Functions of matrices: exponential, logarithm, roots, circular and hyperbolic functions.

The derivative of f at A along E stands in f([[A, E], [0, A]]), above the diagonal (Higham,
Functions of Matrices, 2008, theorem 3.6), so that derivatives of all orders are values of f.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg as sl

from autodiff.core.primitive import Array, general
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import recorded, transposed
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import scipys, stands_for

__all__ = [
    *("coshm", "cosm", "expm", "expm_frechet", "fractional_matrix_power", "logm", "sinhm"),
    *("sinm", "sqrtm", "tanhm", "tanm"),
]


def _along(value: Callable[..., Array], a: Array, e: Array, **params: Any) -> Array:
    """Return the derivative of a function of `a` along `e`."""
    n = np.shape(a)[-1]
    upper = np.concatenate([a, e], axis=-1)
    lower = np.concatenate([np.zeros_like(a), a], axis=-1)
    return value(np.concatenate([upper, lower], axis=-2), **params)[..., :n, n:]


def _positive(rng: Any, shape: tuple[int, ...]) -> list[Array]:
    """Return matrices whose eigenvalues are positive, so that roots and logarithms are real."""
    return [0.3 * rng.normal(size=shape) + 2.0 * np.eye(shape[-1])]


def _entry(name: str, compute: Callable[..., Array], examples: Any) -> Callable[..., Array]:
    """Register a function of matrices and return what records it."""
    value = recorded(f"scipy.{name}", True)(compute)

    def like(x: Array, y: Array) -> Array:
        # The larger matrix may leave rounding errors that are imaginary.
        return np.real(x) if np.iscomplexobj(x) and not np.iscomplexobj(y) else x

    def vjp(g: Array, out: Array, a: Array, **params: Any) -> Array:
        return like(_along(value, transposed(a), g, **params), a)

    def jvp(a_dot: Array, out: Array, a: Array, **params: Any) -> Array:
        return like(_along(value, a, a_dot, **params), out)

    primitive = general(
        f"scipy.{name}",
        value,
        [vjp],
        [jvp],
        examples=examples,
        draw=_positive,
        complex=True,
    )

    def call(a: Array, **params: Any) -> Array:
        return record(primitive, (a,), params or None)

    return call


_SHAPES: Any = [(((1, 1),), {}), (((3, 3),), {})]
_expm = _entry("expm", sl.expm, [*_SHAPES, (((2, 3, 3),), {})])
_sqrtm = _entry("sqrtm", sl.sqrtm, _SHAPES)


def _logarithm(a: Array) -> Array:
    # In single precision SciPy warns of its own rounding errors.
    out = sl.logm(a.astype(np.result_type(a, float)))
    single = a.dtype.char in "fF"
    return out.astype(np.complex64 if np.iscomplexobj(out) else np.float32) if single else out


_logm = _entry("logm", _logarithm, _SHAPES)


def _power(a: Array, *, t: float) -> Array:
    return sl.fractional_matrix_power(a, t)


_fractional = _entry("fractional_matrix_power", _power, [(((3, 3),), {"t": 0.3})])


@stands_for("scipy.linalg.expm")
def expm(A: Array) -> Array:
    """Return the exponential of a matrix."""
    return _expm(as_array(A))


@stands_for("scipy.linalg.sqrtm", limits="of matrices that are not singular", idle=["blocksize"])
def sqrtm(A: Array) -> Array:
    """Return the principal square root of a matrix."""
    return _sqrtm(as_array(A))


@stands_for("scipy.linalg.logm", limits="of matrices that are not singular")
def logm(A: Array) -> Array:
    """Return the principal logarithm of a matrix."""
    return _logm(as_array(A))


@stands_for("scipy.linalg.fractional_matrix_power", limits="with respect to the matrix")
def fractional_matrix_power(A: Array, t: float) -> Array:
    """Return a power of a matrix."""
    return _fractional(as_array(A), t=float(t))


@stands_for("scipy.linalg.expm_frechet", idle=["method"])
def expm_frechet(A: Array, E: Array, compute_expm: bool = True) -> Any:
    """Return the exponential of a matrix and its derivative along another."""
    A, E = as_array(A), as_array(E)
    along = _along(_expm, A, E)
    return (_expm(A), along) if compute_expm else along


def _elementary(name: str) -> Callable[..., Array]:
    """Return the answer to a circular or hyperbolic function."""
    call = _entry(name, scipys(f"scipy.linalg.{name}"), _SHAPES)

    @stands_for(f"scipy.linalg.{name}")
    def function(A: Array) -> Array:
        """Return a function of a matrix."""
        return call(as_array(A))

    return function


cosm, sinm, tanm = map(_elementary, ("cosm", "sinm", "tanm"))
coshm, sinhm, tanhm = map(_elementary, ("coshm", "sinhm", "tanhm"))

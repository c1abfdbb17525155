"""Systems of linear equations whose matrix is triangular, and which matrices are known to be."""

from typing import Any

import numpy as np

from autodiff.core.libraries import elsewhere
from autodiff.core.primitive import Array
from autodiff.core.tensor import Tensor
from autodiff.rules.linalg.matrices import recorded
from autodiff.rules.operands import as_array

__all__ = ["lower_or_upper", "solve_triangular"]

#: Rows up to which a stack is solved faster in one call of NumPy than matrix by matrix.
_SMALL = 8
#: Names of LAPACK's types by NumPy's.
_TYPES = {"f": "s", "d": "d", "F": "c", "D": "z"}


@recorded("solve_triangular")
def solve_triangular(a: Array, b: Array, *, lower: bool) -> Array:
    """Return solutions as ``np.linalg.solve`` does; of `a` only one triangle is read."""
    dtype = np.result_type(a, b, np.float32)
    a, b = as_array(a), as_array(b)
    here = elsewhere(a) is None and elsewhere(b) is None and dtype.char in _TYPES
    if not here or not a.size or not b.size or (a.ndim > 2 and _few_rows(a)):
        return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)
    # late: SciPy takes longer to import than all of this package.
    from scipy.linalg import lapack

    trtrs = getattr(lapack, f"{_TYPES[dtype.char]}trtrs")
    if a.ndim == 2 and b.ndim <= 2:
        return _solved(trtrs, a, b, lower)
    vector = b.ndim == 1
    sides = b[:, None] if vector else b
    stack = np.broadcast_shapes(a.shape[:-2], sides.shape[:-2])
    a = np.broadcast_to(a, (*stack, *a.shape[-2:]))
    sides = np.broadcast_to(sides, (*stack, *sides.shape[-2:]))
    x = np.empty(sides.shape, dtype)
    for place in np.ndindex(*stack):
        x[place] = _solved(trtrs, a[place], sides[place], lower)
    return x[..., 0] if vector else x


def _few_rows(a: Array) -> bool:
    return bool(a.shape[-1] <= _SMALL)


def _solved(trtrs: Any, a: Array, b: Array, lower: bool) -> Array:
    """Return the solution for one matrix, read in the order of Fortran without a copy."""
    if a.shape[0] != a.shape[1] or a.shape[0] != b.shape[0]:
        raise ValueError(f"solve: a matrix of shape {a.shape} and a side of shape {b.shape}")
    rows = a.flags.c_contiguous and not a.flags.f_contiguous
    x, failed = trtrs(a.T, b, lower=not lower, trans=1) if rows else trtrs(a, b, lower=lower)
    if failed:
        raise np.linalg.LinAlgError("Singular matrix")
    return x


def lower_or_upper(a: Array) -> bool | None:
    """Return whether a matrix is a lower triangle, or an upper one; None if that is not known.

    Known are factors of Cholesky's, transposed and conjugated ones among them.
    """
    turned = False
    while type(a) is Tensor and a.primitive is not None and a.operands:
        name, params = a.primitive.name, a.params or {}
        if name == "cholesky":
            return bool(params["upper"]) is turned
        if name == "transpose":
            *around, row, column = params["axes"]
            if around != list(range(len(around))):
                return None
            turned ^= row > column
        elif name != "conjugate":
            return None
        a = a.operands[0]
    return None

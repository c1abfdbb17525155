"""Functions of `scipy.sparse.linalg` for tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.rules.sparse import parts_of, solved
from autodiff.scipy.entries import add, has_tensor, refused, stands_for
from autodiff.scipy.sparse.tensors import SparseTensor, as_sparse

__all__ = ["factorized", "norm", "spsolve"]


@stands_for("scipy.sparse.linalg.spsolve", idle=["permc_spec", "use_umfpack"])
def spsolve(A: Any, b: Any) -> Array:
    """Return the solution of a system whose matrix is sparse."""
    if sp.issparse(b) or isinstance(b, SparseTensor):
        raise refused("scipy.sparse.linalg.spsolve", "a sparse right-hand side", "use .toarray()")
    b = as_array(b)
    if np.ndim(b) == 2 and np.shape(b)[1] == 1:
        b = np.reshape(b, (-1,))
    if A.shape[0] != A.shape[1] or np.shape(b)[0] != A.shape[0]:
        raise ValueError(f"matrix - rhs dimension mismatch ({A.shape} - {np.shape(b)[0]})")
    if isinstance(A, SparseTensor):
        data, pattern = A.row_by_row()
        return solved(data, b, pattern, False)
    return solved(parts_of(A)[0], b, *parts_of(A)[1:])


def factorized(A: Any) -> Callable[[Any], Array]:
    """Return the function that solves systems with a sparse matrix."""
    theirs: Any = None if has_tensor(A) else spl.factorized(A)

    def solve(b: Any) -> Array:
        found: Array = theirs(b) if theirs and not has_tensor(b) else spsolve(A, b)
        return found

    return solve


add(
    "scipy.sparse.linalg.factorized",
    factorized,
    limits="systems with right-hand sides that are tensors are factorised anew",
)


@stands_for("scipy.sparse.linalg.norm", limits="of Frobenius, 1 and infinity")
def norm(x: Any, ord: Any = None, axis: Any = None) -> Array:
    """Return a norm of a sparse matrix."""
    if axis is not None or ord not in (None, "fro", 1, np.inf):
        raise refused("scipy.sparse.linalg.norm", f"ord={ord!r} with axis={axis!r}")
    found: Array = np.linalg.norm(as_sparse(x).toarray(), ord)
    return found

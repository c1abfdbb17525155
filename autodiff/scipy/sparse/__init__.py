"""Sparse matrices whose numbers are tensors, and functions of `scipy.sparse` that make them.

A constant sparse matrix needs none of this: ``A @ x``, ``x @ A``, ``A.dot(x)`` work on tensors.
"""

from autodiff.scipy.sparse import linalg
from autodiff.scipy.sparse.assembly import dok_array, dok_matrix, lil_array, lil_matrix
from autodiff.scipy.sparse.construction import (
    block_array,
    block_diag,
    bmat,
    coo_array,
    coo_matrix,
    csc_array,
    csc_matrix,
    csr_array,
    csr_matrix,
    diags,
    diags_array,
    hstack,
    kron,
    vstack,
)
from autodiff.scipy.sparse.tensors import SparseTensor

__all__ = ["SparseTensor", "block_array", "block_diag", "bmat", "coo_array", "coo_matrix"]
__all__ += ["csc_array", "csc_matrix", "csr_array", "csr_matrix", "diags", "diags_array"]
__all__ += ["dok_array", "dok_matrix", "hstack", "kron", "lil_array", "lil_matrix", "linalg"]
__all__ += ["vstack"]

"""Which operations become kernels, and of which kind."""

import math
from typing import Any

import numpy as np

from autodiff.plan.operation import Kind, Takes
from autodiff.plan.operations import is_basic_index, operation_of
from autodiff.plan.program import CONSTANT, Node
from autodiff.plan.to_numba.pieces import PIECES

__all__ = [
    *("KNOWN", "REALS", "is_complex", "is_known_number", "is_short_product"),
    *("is_simple_variance", "is_small_matrix", "leading", "step_kind"),
]

#: Real data types of derivatives, all of derivatives, and all that kernels take.
REALS = (np.dtype(float), np.dtype(np.float32))
_NUMBERS = (*REALS, np.dtype(complex))
KNOWN = (*_NUMBERS, np.dtype(np.int64), np.dtype(bool))
#: Rows up to which a matrix is solved or inverted by a kernel: LAPACK takes 1 µs to begin.
_SMALL_MATRIX = 8
#: Terms of an element of a product of matrices that a kernel adds itself, and products in all of
#: which more terms are added: BLAS takes 0.1 µs to begin, for each pair of matrices of a stack.
_FEW_TERMS, _MORE_TERMS, _FEW_PRODUCTS = 4, 8, 512
#: Positions that are known and become a table, at most.
_MOST_POSITIONS = 1 << 16


def step_kind(node: Node) -> str:
    """Return how an operation can run."""
    row, operands = operation_of(node), node.args
    if node.dtype not in KNOWN or any(x.dtype not in KNOWN for x in operands):
        return "numpy"
    if node.op in ("getitem", "scatter", "update") and _is_table(node):
        return "gather"
    if row.kind is Kind.VIEW or node.op == "flip":
        (x, *others) = operands
        if node.op == "getitem":
            return "numpy" if others or not _is_basic(node) else "view"
        return "view" if x.op != CONSTANT or x.shape else "numpy"
    if node.op in PIECES:
        return "numpy" if PIECES[node.op](node) is None else "pieces"
    if node.op == "matmul":
        same = node.dtype in _NUMBERS and all(x.dtype == node.dtype for x in operands)
        return "product" if same else "numpy"
    if row.combine:
        return "loop" if _is_simple_reduction(node) else "numpy"
    if not set(node.params) <= {"dtype", "order"}:
        return "numpy"
    if is_complex(node):
        # NumPy warns where a conversion loses something.
        lost = row.takes is Takes.CONVERTED and node.dtype.kind != "c"
        return "loop" if row.complex and not lost else "numpy"
    if not row.numba:
        return "numpy"
    if row.takes is Takes.MASKS:
        fits = node.dtype == bool and all(x.dtype == bool for x in operands)
    elif row.takes in (Takes.REALS, Takes.INTEGERS):
        fits = node.dtype in REALS or (row.takes is Takes.INTEGERS and node.dtype == np.int64)
    else:
        fits = True
    return "loop" if fits else "numpy"


def _is_table(node: Node) -> bool:
    """Return whether the positions of what is taken, or put, are known, and not too many."""
    index, (x, *others) = node.params["index"], node.args
    if len(others) != (node.op == "update") or is_basic_index(index):
        return False
    if is_known_number(x) and not others:
        return False
    if any(y.dtype != node.dtype for y in node.args):
        return False
    whole = x.shape if node.op == "getitem" else node.shape
    if 0 in (x.size, node.size) or (node.op == "scatter" and node.dtype not in _NUMBERS):
        return False
    taken = node.size if node.op == "getitem" else x.size
    if others:
        # Of what is put in one place twice the last stays: which that is, is NumPy's to say.
        places = np.arange(node.size).reshape(node.shape)[index]
        taken = places.size
        if len(np.unique(places)) < taken:
            return False
    return taken <= _MOST_POSITIONS * math.prod(whole[leading(index, len(whole))[1] :])


def leading(index: Any, ndim: int) -> tuple[tuple[Any, ...], int]:
    """Return an index without the axes that it takes whole at the end, and how many are left."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(x is None or x is Ellipsis or isinstance(x, bool | np.bool_) for x in parts):
        return parts, ndim
    while parts and isinstance(parts[-1], slice) and parts[-1] == slice(None):
        parts = parts[:-1]
    return parts, sum(map(_axes, parts))


def _axes(part: Any) -> int:
    """Return how many axes a part of an index chooses from."""
    array = np.asarray(part) if isinstance(part, list | np.ndarray) else None
    return 1 if array is None or array.dtype.kind != "b" else array.ndim


def is_small_matrix(node: Node) -> bool:
    """Return whether a kernel of small matrices computes an operation."""
    if not operation_of(node).matrix:
        return False
    a, *others = node.args
    vectors = all(x.shape[:1] == a.shape[:1] and len(x.shape) <= 2 for x in others)
    flags = all(isinstance(value, bool) for value in node.params.values())
    shapes = len(a.shape) == 2 and a.shape[0] == a.shape[1] and vectors and flags
    doubles = all(x.dtype == np.float64 for x in (node, *node.args))
    return shapes and doubles and 0 < a.shape[0] <= _SMALL_MATRIX


def is_short_product(node: Node) -> bool:
    """Return whether a kernel multiplies matrices itself."""
    x, y = (x.shape for x in node.args)
    products = (x[-2] if len(x) > 1 else 1) * x[-1] * (y[-1] if len(y) > 1 else 1)
    few = x[-1] <= _FEW_TERMS or (x[-1] <= _MORE_TERMS and products <= _FEW_PRODUCTS)
    return few and len(x) > 1 and len(y) > 1 and node.size > 0 < x[-1]


def is_simple_variance(node: Node) -> bool:
    """Return whether a variance is one of sums."""
    (x, *others) = node.args
    known = set(node.params) == {"axis", "ddof", "keepdims"} and not others
    return known and node.dtype in REALS and x.dtype == node.dtype and x.size > 0


def is_known_number(node: Node) -> bool:
    """Return whether a node is a constant whose elements are all one number."""
    return node.op == CONSTANT and not isinstance(node.function, np.ndarray)


def _is_basic(node: Node) -> bool:
    """Return whether an index takes a view of an array."""
    return is_basic_index(node.params["index"]) and not is_known_number(node.args[0])


def is_complex(node: Node) -> bool:
    """Return whether an operation has to do with complex numbers."""
    return any(x.dtype.kind == "c" for x in (node, *node.args))


def _is_simple_reduction(node: Node) -> bool:
    (x, *others) = node.args
    numbers = _NUMBERS if operation_of(node).complex else REALS
    if node.op == "scatter":
        return not others and _is_basic(node) and node.dtype in numbers and x.dtype == node.dtype
    if not set(node.params) <= {"axis", "keepdims"}:
        return False
    if node.op in ("max", "min"):
        return node.dtype in REALS and x.size > 0
    if node.dtype == np.int64:
        return x.dtype in (np.dtype(bool), np.dtype(np.int64))
    return node.dtype in numbers and all(y.dtype == node.dtype for y in node.args)

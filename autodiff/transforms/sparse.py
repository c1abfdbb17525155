"""Sparse Jacobians: where elements can be other than zero, and how few passes give them all.

Columns that share no row can go through a pass together: the pattern is coloured, and there are as
many passes as colours (Curtis, Powell and Reid 1974; Gebremedhin, Manne and Pothen, What color is
your Jacobian?, 2005, section 3.2).
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from autodiff.core.batching import alike, broadcast, rule_of
from autodiff.core.tensor import Tensor, primal
from autodiff.transforms.call import Call

__all__ = ["sparse_matrix"]

#: Colours by remainders that are tried before columns are coloured one by one.
_REMAINDERS = 8
#: Entries of a pattern beyond which a dense one is meant.
_MOST = 1 << 28


def sparse_matrix(call: Call, sparsity: Any, mode: str | None) -> Any:
    """Return the Jacobian of a call of one array to one array, as a sparse matrix of SciPy's."""
    # late: SciPy takes 0.2 s to import
    from scipy import sparse

    if len(call.inputs) != 1 or len(call.outputs) != 1:
        raise ValueError(
            f"jacobian: sparsity= needs one array as argument and one as result; {len(call.inputs)}"
            f" and {len(call.outputs)} arrived: autodiff.ravel makes one of a structure"
        )
    x, value = call.inputs[0], primal(call.values[0])
    shape = (int(np.size(value)), int(x.size))
    if isinstance(sparsity, str):
        if sparsity != "auto":
            raise ValueError(f"jacobian: sparsity={sparsity!r}; 'auto' or a pattern is needed")
        pattern = _detected(call)
    else:
        pattern = sparse.csr_array(sparsity)
    if pattern.shape != shape:
        raise ValueError(
            f"jacobian: the pattern has shape {pattern.shape}; {shape} is expected, the elements "
            "of the result by those of the argument"
        )
    pattern = sparse.csr_array((np.ones(pattern.nnz, bool), pattern.indices, pattern.indptr), shape)
    pattern.sum_duplicates()
    rows, columns = _entries(pattern)
    most = [int(np.max(np.bincount(i), initial=0)) for i in (rows, columns)]
    forward = most[0] <= most[1] if mode is None else mode == "fwd"
    if forward:
        colours = _colours(rows, columns, shape)
        seeds = [np.reshape(colours == c, x.shape) for c in range(_count(colours))]
        parts = [np.ravel(call.push([s.astype(x.dtype)])[0]) for s in seeds]
        found = _picked(parts, colours[columns], rows, x.dtype)
    else:
        colours = _colours(columns, rows, shape[::-1])
        seeds = [np.reshape(colours == c, np.shape(value)) for c in range(_count(colours))]
        parts = [np.ravel(call.pull([s.astype(value.dtype)])[0]) for s in seeds]
        found = _picked(parts, colours[rows], columns, x.dtype)
    matrix = sparse.csr_array((found, pattern.indices, pattern.indptr), shape)
    if not isinstance(sparsity, str):
        _check_pattern(call, matrix)
    return matrix


def _check_pattern(call: Call, matrix: Any) -> None:
    """Raise if a pattern that was given leaves out what is not zero, which then is elsewhere."""
    x = call.inputs[0]
    direction = np.cos(np.arange(1.0, x.size + 1.0)).astype(x.dtype)
    wanted = primal(np.ravel(call.push([np.reshape(direction, x.shape)])[0]))
    found, size = primal(matrix @ direction), abs(matrix) @ np.abs(direction)
    apart = np.abs(found - wanted) > np.sqrt(np.finfo(x.dtype).eps) * (size + np.abs(wanted))
    if np.any(apart):
        raise ValueError(
            f"jacobian: the pattern given as sparsity= leaves out an element of row "
            f"{int(np.argmax(apart))} that is not zero: give all that may be, or 'auto'"
        )


def _entries(pattern: Any) -> tuple[Any, Any]:
    """Return the rows and columns of the entries of a pattern, in its order."""
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    return rows, pattern.indices


def _count(colours: Any) -> int:
    return int(np.max(colours, initial=-1)) + 1


def _picked(parts: Sequence[Any], colours: Any, places: Any, dtype: Any) -> Any:
    """Return the elements at places of the passes of colours."""
    return np.stack(parts)[colours, places] if parts else np.zeros(0, dtype)


def _colours(rows: Any, columns: Any, shape: tuple[int, int]) -> Any:
    """Return a colour for each column, so that no row has two columns of one colour."""
    most = int(np.max(np.bincount(rows), initial=1))
    for count in range(most, most + _REMAINDERS):
        # A band needs no more.
        if np.max(np.bincount(rows * count + columns % count), initial=0) <= 1:
            return np.arange(shape[1]) % count
    # late: as above
    from scipy import sparse

    pattern = sparse.csr_array((np.ones(len(rows), np.int8), (rows, columns)), shape)
    near = sparse.csr_array(pattern.T.astype(bool) @ pattern.astype(bool))
    starts, others = near.indptr.tolist(), near.indices.tolist()
    colours = [-1] * shape[1]
    for column in range(shape[1]):
        taken = {colours[i] for i in others[starts[column] : starts[column + 1]]}
        colour = 0
        while colour in taken:
            colour += 1
        colours[column] = colour
    return np.array(colours, int)


def _detected(call: Call) -> Any:
    """Return which elements of the result of a call may depend on which of its argument."""
    # late: as above
    from scipy import sparse

    x, output = call.inputs[0], call.outputs[0]
    known: dict[int, Any] = {id(x): sparse.eye_array(x.size, dtype=bool, format="csr")}
    if type(output) is not Tensor or output.tape is not call.tape:
        return sparse.csr_array((int(np.size(primal(output))), x.size), dtype=bool)
    for node in call.nodes:
        primitive = node.primitive
        if primitive is None or not primitive.differentiable:
            continue
        own = [i for i, a in enumerate(node.operands) if type(a) is Tensor and id(a) in known]
        if own:
            known[id(node)] = _depends(node, own, known)
    found = known.get(id(output))
    return sparse.csr_array((output.size, x.size), dtype=bool) if found is None else found


def _depends(node: Tensor, own: Sequence[int], known: dict[int, Any]) -> Any:
    """Return the pattern of a node from those of its operands."""
    from scipy import sparse

    primitive = node.primitive
    assert primitive is not None
    params = node.params or {}
    size, total = int(node.size), None
    for i in own:
        x = node.operands[i]
        pattern = known[id(x)]
        if rule_of(primitive) in (broadcast, alike):
            taken = pattern
            if x.shape != node.shape:
                places = np.broadcast_to(np.arange(x.size).reshape(x.shape), node.shape)
                taken = pattern[np.ravel(places)]
        elif primitive.kind == "linear":
            taken = _of_linear(node, i, params) @ pattern
        else:
            # Each element may depend on all that the operand depends on.
            every = np.unique(pattern.indices)
            if size * len(every) > _MOST:
                _too_many(node)
            starts = np.arange(size + 1) * len(every)
            taken = sparse.csr_array(
                (np.ones(size * len(every), bool), np.tile(every, size), starts),
                (size, pattern.shape[1]),
            )
        total = taken if total is None else total + taken
    return sparse.csr_array(total, dtype=bool)


def _too_many(node: Tensor) -> NoReturn:
    name = node.primitive.name if node.primitive else "input"
    raise ValueError(
        f"jacobian: sparsity='auto' knows no pattern of {name!r}, and a full one of shape "
        f"({node.size}, ...) is too large: give that of the whole matrix as sparsity="
    )


def _of_linear(node: Tensor, i: int, params: dict[str, Any]) -> Any:
    """Return the pattern of a linear function: by the numbers of elements where it moves them."""
    from scipy import sparse

    primitive, x = node.primitive, node.operands[i]
    assert primitive is not None
    count, size = int(x.size), int(node.size)
    if primitive.name == "diff":
        places = np.arange(count).reshape(x.shape)
        length = node.shape[params["axis"]]
        taken = [
            np.ravel(np.take(places, range(k, k + length), axis=params["axis"]))
            for k in range(params["n"] + 1)
        ]
        columns = np.stack(taken, axis=1).ravel()
        starts = np.arange(size + 1) * len(taken)
        return sparse.csr_array((np.ones(len(columns), bool), columns, starts), (size, count))
    operands = [
        np.zeros(np.shape(primal(a))) if primitive.variadic or k == 0 else primal(a)
        for k, a in enumerate(node.operands)
    ]
    # Each element is one of the operand, or zero, where the square is that of the squares; where
    # elements are added up, so is the transpose.
    numbers = np.arange(1.0, count + 1.0).reshape(x.shape)
    operands[i] = numbers
    moved = np.ravel(primitive.function(*operands, **params))
    operands[i] = numbers**2
    squares = np.ravel(primitive.function(*operands, **params))
    ones = np.ones(x.shape)
    operands[i] = ones
    counted = np.ravel(primitive.function(*operands, **params))
    single = (moved**2 == squares) & np.isin(counted, (0.0, 1.0))
    if np.all(single):
        rows = np.flatnonzero(moved)
        columns = moved[rows].astype(int) - 1
        return sparse.csr_array((np.ones(len(rows), bool), (rows, columns)), (size, count))
    backward = primitive.vjp(i)
    out = np.zeros(node.shape)
    operands[i] = np.zeros(x.shape)
    labels = np.arange(1.0, size + 1.0).reshape(node.shape)
    moved = np.ravel(backward(labels, out, *operands, **params))
    squares = np.ravel(backward(labels**2, out, *operands, **params))
    if np.all(moved**2 == squares) and np.all(moved == np.rint(moved)):
        columns = np.flatnonzero(moved)
        rows = moved[columns].astype(int) - 1
        return sparse.csr_array((np.ones(len(columns), bool), (rows, columns)), (size, count))
    return (
        sparse.csr_array(np.ones((size, count), bool)) if size * count <= _MOST else _too_many(node)
    )

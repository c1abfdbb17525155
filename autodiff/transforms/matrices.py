"""Whole matrices of derivatives: Jacobians and Hessians, and Hessians times vectors."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from autodiff.core.batching import batch_tape, in_batch, of_batch
from autodiff.core.libraries import ADAPTERS, beside, called_wrapped
from autodiff.graph.passes import primal_dtype
from autodiff.transforms.arguments import argument_numbers
from autodiff.transforms.call import Call
from autodiff.transforms.gradients import grad, jvp, matched_tangents, push_first

__all__ = ["hessian", "hvp", "jacobian"]

Mode = Literal["fwd", "rev"]


def jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    mode: Mode | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    sparsity: Any = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of `f`.

    The function is traced once. Then the basis vectors of the arguments (forward mode) or of the
    result (reverse mode), whichever are fewer, go through it together in one pass: in several, of
    as many as keep the largest array below 64 MB, if that would need more memory.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a number or an array, or a nested structure of them.
    argnums : int or sequence of int
        Positional arguments to differentiate with respect to.
    mode : {"fwd", "rev"}, optional
        Which passes to make; by default those that are fewer.
    has_aux : bool
        Whether `f` returns a pair ``(out, aux)`` of which `aux` is not differentiated.
    holomorphic : bool
        Whether `f` is holomorphic in complex arguments; without it arguments and results must be
        real.
    sparsity : "auto" or sparse matrix, optional
        Where elements may be other than zero, as a matrix of shape (elements of the result,
        elements of the argument), or found in the graph of the call. Columns that share no row go
        through a pass together. For one array as argument and one as result; needs SciPy.

    Returns
    -------
    callable
        Called as `f`, it returns an array of shape ``out.shape + in.shape``, whose element [i, j]
        is the derivative of element i of the result with respect to element j of the argument;
        for structures, the structure of the result with that of the arguments in place of each
        leaf. With `has_aux`, ``(jacobian, aux)``. With `sparsity`, a `scipy.sparse.csr_array` of
        shape (elements of the result, elements of the argument).

    Raises
    ------
    TypeError
        On a call, if an argument to differentiate is not of floating-point type, or something is
        complex without `holomorphic`.
    ValueError
        If `mode` is none of those.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: np.array([x[0] * x[1], x[0] + x[1]]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [1., 1.]])
    >>> jacobian(lambda x: x**2, sparsity="auto")(np.arange(1000.0)).nnz
    1000
    """
    if mode not in (None, "fwd", "rev"):
        raise ValueError(f"jacobian: mode={mode!r}; 'fwd', 'rev' or None is needed")
    single = isinstance(argnums, int | np.integer)

    @functools.wraps(f)
    def matrix(*args: Any, **kwargs: Any) -> Any:
        if ADAPTERS:
            options = {"mode": mode, "has_aux": has_aux, "holomorphic": holomorphic}
            again = jacobian(f, argnums, sparsity=sparsity, **options)  # type: ignore[arg-type]
            if (done := called_wrapped(again, args, kwargs)) is not None:
                return done
        chosen = argument_numbers(argnums, len(args), "jacobian")
        call = Call(f, args, kwargs, chosen, "jacobian", has_aux=has_aux)
        _check_numbers(call, holomorphic)
        if sparsity is not None:
            # late: SciPy's matrices are rarely wanted
            from autodiff.transforms.sparse import sparse_matrix

            found = sparse_matrix(call, sparsity, mode)
            return (found, call.aux) if has_aux else found
        rows = sum(math.prod(np.shape(x)) for x in call.values)
        columns = sum(x.size for x in call.inputs)
        forward = columns <= rows if mode is None else mode == "fwd"
        forward = forward and not call.has_limits()
        blocks = _columns(call) if forward else _rows(call)
        result = call.structure.unflatten([call.arguments(row, single) for row in blocks])
        return (result, call.aux) if has_aux else result

    return matrix


def _check_numbers(call: Call, holomorphic: bool) -> None:
    """Raise unless the derivative is one of real numbers or of a holomorphic function."""
    complex_inputs = [x.dtype.kind == "c" for x in call.inputs]
    if holomorphic and not all(complex_inputs):
        raise TypeError("jacobian: holomorphic=True needs complex arguments: convert them")
    values = [np.asarray(x) if isinstance(x, int | float | complex) else x for x in call.values]
    if not holomorphic and (
        any(complex_inputs) or any(primal_dtype(x).kind == "c" for x in values)
    ):
        raise TypeError(
            "jacobian: an argument or a result is complex: say holomorphic=True if the function "
            "is holomorphic, otherwise differentiate real and imaginary parts"
        )


#: Bytes up to which the largest value of a pass may grow; more basis vectors go in several passes.
_MOST = 1 << 26


def _chunks(call: Call, count: int) -> list[range]:
    """Return the numbers of the basis vectors that go through the passes together."""
    largest = max((_nbytes(x) for x in call.nodes), default=1)
    step = 1 if call.has_limits() else max(1, min(count, _MOST // max(largest, 1)))
    return [range(start, min(start + step, count)) for start in range(0, count, step)]


def _nbytes(x: Any) -> int:
    value = x.value
    return value.nbytes if type(value) is np.ndarray else 8 * math.prod(np.shape(value))


def _basis(
    chunk: range, start: int, shape: tuple[int, ...], dtype: np.dtype[Any], value: Any
) -> Any:
    """Return those basis vectors of a chunk that belong to one value, stacked; None if none do.

    The elements of the array are counted from `start`.
    """
    size = math.prod(shape)
    if chunk.stop <= start or chunk.start >= start + size:
        return None
    basis = np.zeros((len(chunk), size), dtype)
    first, last = max(chunk.start, start), min(chunk.stop, start + size)
    numbers = np.arange(first, last)
    basis[numbers - chunk.start, numbers - start] = 1.0
    return beside(value, np.reshape(basis, (len(chunk), *shape)))


def _passed(
    run: Callable[[list[Any]], list[Any]], bases: list[Any], others: list[Any], count: int
) -> list[Any]:
    """Return the results of passes on stacked directions, of all in one pass."""
    if count == 1:
        found = run([o if b is None else b[0][()] for b, o in zip(bases, others, strict=True)])
        return [[x] for x in found]
    tape = batch_tape()
    found = run([o if b is None else in_batch(tape, b) for b, o in zip(bases, others, strict=True)])
    every = [of_batch(tape, x, count) for x in found]
    tape.end()
    return every


def _columns(call: Call) -> list[list[Any]]:
    """Return the blocks by output and input, by forward passes of the elements of the inputs."""
    inputs = call.inputs
    starts = [*itertools.accumulate((x.size for x in inputs), initial=0)]
    found: list[list[Any]] = [[] for _ in call.outputs]
    for chunk in _chunks(call, starts[-1]):
        bases = [
            _basis(chunk, start, x.shape, x.dtype, x)
            for start, x in zip(starts, inputs, strict=False)
        ]
        passed = _passed(call.push, bases, [None] * len(inputs), len(chunk))
        for parts, every in zip(found, passed, strict=True):
            parts.append(every)
    blocks: list[list[Any]] = []
    for value, dtype, parts in zip(call.values, _dtypes(call.values), found, strict=True):
        shape = np.shape(value)
        blocks.append(
            [
                _block(parts, start, x.size, len(shape), shape + x.shape, dtype)
                for start, x in zip(starts, inputs, strict=False)
            ]
        )
    return blocks


def _dtypes(values: Sequence[Any]) -> list[np.dtype[Any]]:
    """Return the types of the derivatives of results: doubles where a result has no floats."""
    kinds = [primal_dtype(x) for x in values]
    return [kind if kind.kind in "fc" else np.dtype(float) for kind in kinds]


def _rows(call: Call) -> list[list[Any]]:
    """Return the blocks by output and input, by backward passes of the elements of the outputs."""
    values = call.values
    dtypes = _dtypes(values)
    nothing = [beside(v, np.zeros(np.shape(v), d))[()] for v, d in zip(values, dtypes, strict=True)]
    starts = [*itertools.accumulate((math.prod(np.shape(v)) for v in values), initial=0)]
    found: list[list[Any]] = [[] for _ in call.inputs]
    for chunk in _chunks(call, starts[-1]):
        bases = [
            _basis(chunk, start, np.shape(v), d, v)
            for start, v, d in zip(starts, values, dtypes, strict=False)
        ]
        passed = _passed(call.pull, bases, nothing, len(chunk))
        for parts, every in zip(found, passed, strict=True):
            parts.append(every)
    return [
        [
            _block(parts, start, math.prod(np.shape(value)), 0, np.shape(value) + x.shape, x.dtype)
            for x, parts in zip(call.inputs, found, strict=True)
        ]
        for start, value in zip(starts, values, strict=False)
    ]


def _block(
    parts: list[Any],
    start: int,
    count: int,
    axis: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Any:
    """Return the results of some of the passes as one array; of one number as that number."""
    if not math.prod(shape):
        return np.zeros(shape, dtype)
    first = parts[0]
    chosen: Any
    if type(first) is list:
        # Passes of one direction each.
        chosen = [part[0] for part in parts[start : start + count]]
        if shape == ():
            return chosen[0]
        return np.reshape(np.stack(chosen, axis), shape)
    every = first if len(parts) == 1 else np.concatenate([_stacked(p) for p in parts])
    chosen = every if count == every.shape[0] else every[start : start + count]
    if shape == ():
        return chosen[0]
    return np.reshape(np.moveaxis(chosen, 0, axis) if axis else chosen, shape)


def _stacked(part: Any) -> Any:
    return np.stack(part) if type(part) is list else part


def hessian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, sparsity: Any = None
) -> Callable[..., Any]:
    """Return a function that computes the Hessian of `f`: forward mode over reverse mode.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    argnums : int or sequence of int
        Positional arguments to differentiate with respect to.
    sparsity : "auto" or sparse matrix, optional
        Where elements may be other than zero, as in `jacobian`.

    Returns
    -------
    callable
        Called as `f`, it returns an array of shape ``in.shape + in.shape``; for a sequence of
        `argnums` a tuple of tuples, for structures the structure with itself in place of each leaf.
        With `sparsity`, a `scipy.sparse.csr_array` of shape (elements, elements).

    Raises
    ------
    TypeError
        On a call, if an argument to differentiate is not of floating-point type.
    ValueError
        On a call, if the result of `f` is not a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([2.0, 3.0]))
    array([[6., 4.],
           [4., 0.]])
    """
    return jacobian(grad(f, argnums), argnums, mode="fwd", sparsity=sparsity)


def hvp(f: Callable[..., Any], primals: Any = None, tangents: Any = None) -> Any:
    """Return the Hessian of `f` times a vector, at the cost of a few evaluations of `f`.

    Forward mode over reverse mode (Pearlmutter, Fast exact multiplication by the Hessian, 1994);
    the Hessian is never formed.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    primals : sequence of float, array or nested structure, optional
        The positional arguments, all differentiated.
    tangents : sequence, optional
        The vector: for each argument a part of its structure and shapes.

    Returns
    -------
    array or nested structure, or callable
        Of the structure of the argument; for several arguments a tuple. With `f` alone it is the
        function ``product(*args, vector)``, which differentiates with respect to the first
        argument of `f`.

    Raises
    ------
    TypeError, ValueError
        If the tangents are not like the primals, or the result of `f` is not a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> hvp(lambda x: x[0] ** 2 * x[1], (np.array([2.0, 3.0]),), (np.array([1.0, 0.0]),))
    array([6., 4.])
    >>> hvp(lambda x, c: c * np.sum(x**3))(np.array([1.0, 2.0]), 0.5, np.array([1.0, 1.0]))
    array([3., 6.])
    """
    if primals is None and tangents is None:

        def product(*args: Any) -> Any:
            """Return the Hessian times the last argument."""
            if len(args) < 2:
                raise TypeError(
                    f"hvp: {len(args)} arguments arrived; those of the function and the vector are "
                    "needed: hvp(f)(x, v)"
                )
            if ADAPTERS and (done := called_wrapped(hvp(f), args, {})) is not None:
                return done
            x, *others, vector = args
            return push_first("hvp", grad(f), (x, *others), vector)

        return product
    if ADAPTERS and (done := called_wrapped(hvp, (f, primals, tangents), {})) is not None:
        return done
    matched_tangents("hvp", primals, tangents)
    product_of = jvp(grad(f, tuple(range(len(primals)))), primals, tangents)[1]
    return product_of[0] if len(primals) == 1 else product_of

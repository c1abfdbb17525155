"""Whole matrices of derivatives: Jacobians and Hessians, and Hessians times vectors."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from autodiff.core.tensor import Tensor
from autodiff.graph.passes import primal_dtype
from autodiff.transforms.call import Call, argument_numbers
from autodiff.transforms.gradients import grad, jvp, matched_tangents

__all__ = ["hessian", "hvp", "jacobian"]

Mode = Literal["fwd", "rev"]


def jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    mode: Mode | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of `f`.

    The function is traced once. Then there is one pass for each element of the arguments (forward
    mode) or of the result (reverse mode), whichever are fewer.

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

    Returns
    -------
    callable
        Called as `f`, it returns an array of shape ``out.shape + in.shape``, whose element [i, j]
        is the derivative of element i of the result with respect to element j of the argument;
        for structures, the structure of the result with that of the arguments in place of each
        leaf. With `has_aux`, ``(jacobian, aux)``.

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
    """
    if mode not in (None, "fwd", "rev"):
        raise ValueError(f"jacobian: mode={mode!r}; 'fwd', 'rev' or None is needed")
    single = isinstance(argnums, int | np.integer)

    @functools.wraps(f)
    def matrix(*args: Any, **kwargs: Any) -> Any:
        chosen = argument_numbers(argnums, len(args), "jacobian")
        call = Call(f, args, kwargs, chosen, "jacobian", has_aux=has_aux)
        _check_numbers(call, holomorphic)
        rows = sum(int(np.size(x)) for x in call.values)
        columns = sum(x.size for x in call.inputs)
        forward = columns <= rows if mode is None else mode == "fwd"
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


def _basis(shape: tuple[int, ...], dtype: np.dtype[Any], place: tuple[int, ...]) -> Any:
    direction = np.zeros(shape, dtype)
    direction[place] = 1.0
    return direction[()]


def _columns(call: Call) -> list[list[Any]]:
    """Return the blocks by output and input, from one forward pass for each input element."""
    blocks: list[list[Any]] = [[] for _ in call.outputs]
    for i, x in enumerate(call.inputs):
        tangents: list[Any] = [None] * len(call.inputs)
        passes = []
        for place in np.ndindex(x.shape):
            tangents[i] = _basis(x.shape, x.dtype, place)
            passes.append(call.push(tangents))
        for block, value, number in zip(blocks, call.values, range(len(blocks)), strict=True):
            shape = np.shape(value)
            block.append(_joined([p[number] for p in passes], len(shape), shape + x.shape))
    return blocks


def _rows(call: Call) -> list[list[Any]]:
    """Return the blocks by output and input, from one backward pass for each output element."""
    blocks: list[list[Any]] = []
    values = call.values
    for i, value in enumerate(values):
        shape, dtype = np.shape(value), primal_dtype(value)
        cotangents = [np.zeros(np.shape(v), primal_dtype(v))[()] for v in values]
        passes = []
        for place in np.ndindex(shape):
            cotangents[i] = _basis(shape, dtype if dtype.kind in "fc" else np.dtype(float), place)
            passes.append(call.pull(cotangents))
        blocks.append(
            [
                _joined([p[j] for p in passes], 0, shape + x.shape, x)
                for j, x in enumerate(call.inputs)
            ]
        )
    return blocks


def _joined(parts: list[Any], axis: int, shape: tuple[int, ...], like: Tensor | None = None) -> Any:
    """Return the results of all passes as one array; of one number as that number."""
    if shape == ():
        return parts[0]
    if not parts:
        return np.zeros(shape, like.dtype if like is not None else float)
    if not any([type(part) is Tensor for part in parts]):
        return np.stack(parts, axis).reshape(shape)
    return np.reshape(np.stack(parts, axis), shape)


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes the Hessian of `f`: forward mode over reverse mode.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    argnums : int or sequence of int
        Positional arguments to differentiate with respect to.

    Returns
    -------
    callable
        Called as `f`, it returns an array of shape ``in.shape + in.shape``; for a sequence of
        `argnums` a tuple of tuples, for structures the structure with itself in place of each leaf.

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
    return jacobian(grad(f, argnums), argnums, mode="fwd")


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the Hessian of `f` times a vector, at the cost of a few evaluations of `f`.

    Forward mode over reverse mode (Pearlmutter, Fast exact multiplication by the Hessian, 1994);
    the Hessian is never formed.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    primals : sequence of float, array or nested structure
        The positional arguments, all differentiated.
    tangents : sequence
        The vector: for each argument a part of its structure and shapes.

    Returns
    -------
    array or nested structure
        Of the structure of the argument; for several arguments a tuple.

    Raises
    ------
    TypeError, ValueError
        If the tangents are not like the primals, or the result of `f` is not a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> hvp(lambda x: x[0] ** 2 * x[1], (np.array([2.0, 3.0]),), (np.array([1.0, 0.0]),))
    array([6., 4.])
    """
    matched_tangents("hvp", primals, tangents)
    product = jvp(grad(f, tuple(range(len(primals)))), primals, tangents)[1]
    return product[0] if len(primals) == 1 else product

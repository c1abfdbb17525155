"""Transforms: functions that turn a function into its derivative. Thin layers over the graph."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.graph import Graph
from autodiff.tensor import Tape, Tensor
from autodiff.trace import as_primal, check_result

__all__ = ["grad", "value_and_grad", "vjp"]


def _record(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    argnums: Sequence[int],
    tape: Tape,
    what: str,
) -> Graph:
    """Return the graph of one call, values included, with respect to some arguments."""
    inputs = {}
    replaced = list(args)
    for argnum in argnums:
        value = as_primal(args[argnum], f"{what}: argument {argnum}")
        replaced[argnum] = inputs[str(argnum)] = tape.input(value)
    with tape:
        output = f(*replaced, **kwargs)
        check_result(output, what)
    return Graph(tape, inputs, output)


def _argnums(argnums: int | Sequence[int], count: int, what: str) -> tuple[int, ...]:
    chosen = (argnums,) if isinstance(argnums, int | np.integer) else tuple(argnums)
    for argnum in chosen:
        if not isinstance(argnum, int | np.integer):
            raise TypeError(f"{what}: argnums={argnums!r}: an int or a tuple of ints is needed")
        if not -count <= argnum < count:
            raise ValueError(
                f"{what}: argnums={argnums!r}, but the function was called with {count} "
                "positional arguments, numbered from 0"
            )
    numbers = tuple(int(argnum) % count for argnum in chosen)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{what}: argnums={argnums!r} names an argument twice")
    return numbers


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    argnums : int or sequence of int
        Positional arguments to differentiate with respect to. Others may be anything.

    Returns
    -------
    callable
        Called as `f`, it returns ``(value, gradient)``. The gradient has the shape of its
        argument; for a sequence of `argnums` it is a tuple.

    Raises
    ------
    TypeError
        On a call, if an argument to differentiate is not of floating-point type.
    ValueError
        On a call, if the result of `f` is not a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> print(value, gradient)
    5.0 [2. 4.]
    """

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        chosen = _argnums(argnums, len(args), "grad")
        tape = Tape(brief=True)
        graph = _record(f, args, kwargs, chosen, tape, "grad")
        value = graph.output.value
        if np.shape(value) != ():
            raise ValueError(
                f"grad: the function returned an array of shape {np.shape(value)}; a gradient "
                "needs a scalar: sum it, as in lambda x: np.sum(f(x))"
            )
        graph._pull(None, keep=False)
        tape.constants.check("grad")
        gradients = graph._gradients(set())
        results = tuple(
            float(g) if type(args[argnum]) is float and type(g) is not Tensor else g
            for argnum, g in zip(chosen, gradients.values(), strict=True)
        )
        return value, results[0] if isinstance(argnums, int | np.integer) else results

    return value_and_gradient


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    argnums : int or sequence of int
        Positional arguments to differentiate with respect to. Others may be anything.

    Returns
    -------
    callable
        Called as `f`, it returns the gradient in the shape of the argument; for a sequence of
        `argnums`, a tuple. Gradients nest: ``grad(grad(f))`` is the second derivative.

    Raises
    ------
    TypeError
        On a call, if an argument to differentiate is not of floating-point type.
    ValueError
        On a call, if the result of `f` is not a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> grad(np.tanh)(0.0)
    1.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return the value of `f` and the function that pulls a cotangent back through it.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a number or an array.
    *primals : float or array
        Arguments, all differentiated.

    Returns
    -------
    out : array
        The value of `f`.
    pullback : callable
        ``pullback(cotangent)``, with a cotangent of the shape of `out`, returns a tuple: for each
        argument the cotangent times the Jacobian (gᵀJ), in the argument's shape.

    Raises
    ------
    TypeError
        If an argument is not of floating-point type.

    Examples
    --------
    >>> import numpy as np
    >>> out, pullback = vjp(lambda x: x * np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 0.0]))[0]
    array([1., 0.])
    """
    # The pullback may come at any time: until then the caller must be free to change the arrays.
    own = tuple(np.array(x) if type(x) is np.ndarray else x for x in primals)
    graph = _record(f, own, {}, range(len(own)), Tape(), "vjp")

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        graph._pull(cotangent, keep=False)
        return tuple(graph._gradients(set()).values())

    return graph.output.value, pullback

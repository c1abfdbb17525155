"""Problems made of a user's own function and arguments."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compare.problems.problem import Inputs, Problem

__all__ = ["own_problem"]

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def own_problem(
    f: Callable[..., Any],
    args: Sequence[Any],
    *,
    wrt: str | Sequence[str] | None = None,
    analytic: bool = False,
) -> Problem:
    """Return a problem of one size, made of a function and its arguments.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    args : sequence of float or array
        Its arguments; whole numbers in floating-point positions are converted by the caller.
    wrt : str or sequence of str, optional
        Arguments to differentiate with respect to; all by default.
    analytic : bool
        Whether `f` is analytic, so that a complex step gives its derivative.

    Returns
    -------
    Problem
        Family ``"own"``, size 1.

    Raises
    ------
    TypeError
        If `f` does not take these arguments, or one of them is not of floating-point type.
    ValueError
        If `wrt` names no argument, or `f` does not return a scalar.

    Examples
    --------
    >>> own_problem(lambda x, y: x * y, [2.0, 3.0]).wrt
    ('x', 'y')
    """
    name = getattr(f, "__name__", type(f).__name__)
    names, function = _by_name(f, args, name)
    inputs: Inputs = {}
    for argument, value in zip(names, args, strict=True):
        inputs[argument] = _floating(value, f"{name}: argument {argument!r}")
    chosen = tuple(names) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for argument in chosen:
        if argument not in inputs:
            raise ValueError(
                f"{name}: wrt names {argument!r}, which is no argument; the arguments are "
                f"{', '.join(names)}"
            )
    shape = np.shape(function(**inputs))
    if shape != ():
        raise ValueError(
            f"{name}: it returned an array of shape {shape}; a gradient needs a scalar: sum it"
        )
    return Problem(
        name=name,
        family="own",
        function=function,
        wrt=chosen,
        inputs=lambda size, rng: dict(inputs),
        sizes=(1,),
        quick_sizes=(1,),
        verify_size=1,
        meaning="the user's own function",
        analytic=analytic,
    )


def _by_name(
    f: Callable[..., Any], args: Sequence[Any], name: str
) -> tuple[list[str], Callable[..., Any]]:
    """Return names of the arguments, and the function callable by them."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        signature = None
    if signature is not None:
        try:
            bound = signature.bind(*args)
        except TypeError as error:
            raise TypeError(f"{name}{signature}: {error}") from None
        if all(signature.parameters[a].kind in _NAMED for a in bound.arguments):
            return list(bound.arguments), f
    names = [f"x{i}" for i in range(len(args))]
    return names, lambda **inputs: f(*(inputs[n] for n in names))


def _floating(value: Any, what: str) -> Any:
    """Return an argument as a float or a floating-point array, or say why it is none."""
    if isinstance(value, float):
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
        return value
    dtype = f" of dtype {value.dtype}" if isinstance(value, np.ndarray | np.generic) else ""
    raise TypeError(
        f"{what} is a {type(value).__name__}{dtype}; expected a float or a floating-point array: "
        "convert it with np.asarray(..., dtype=float), or close over it"
    )

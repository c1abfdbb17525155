"""Problems made of a user's own function and arguments."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from compare.problems.problem import Inputs, Problem

__all__ = ["OWN", "checked", "named_arguments", "own_problem", "value_of"]

#: Family of a user's own function.
OWN = "own"

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def own_problem(
    f: Callable[..., Any],
    args: Sequence[Any],
    words: Mapping[str, Any] | None = None,
    *,
    wrt: str | Sequence[str] | None = None,
    analytic: bool = False,
) -> Problem:
    """Return a problem of one size, made of a function and its arguments."""
    name = getattr(f, "__name__", type(f).__name__)
    inputs, function = named_arguments(f, args, words or {}, name)
    chosen = checked(inputs, wrt, name)
    value_of(function, inputs, name)
    return Problem(
        name=name,
        family=OWN,
        function=function,
        wrt=chosen,
        inputs=lambda size, rng: dict(inputs),
        sizes=(1,),
        quick_sizes=(1,),
        verify_size=1,
        meaning="the user's own function",
        label=_label,
        analytic=analytic,
    )


def _label(size: int) -> str:
    """Return the label of arguments that do not grow."""
    return "as given"


def named_arguments(
    f: Callable[..., Any], args: Sequence[Any], words: Mapping[str, Any], name: str
) -> tuple[Inputs, Callable[..., Any]]:
    """Return the arguments of a function by name, and the function callable by these names."""
    function: Callable[..., Any] = f
    found: dict[str, Any] = dict(words)
    if args:
        names = _by_position(f, args, words, name)
        if not names:
            names = [f"x{i}" for i in range(len(args))]
            function = partial(_called, f, len(args))
        found = dict(zip(names, args, strict=True)) | found
    else:
        _bound(f, args, words, name)
    return {n: _floating(x, f"{name}: argument {n!r}") for n, x in found.items()}, function


def checked(inputs: Inputs, wrt: str | Sequence[str] | None, name: str) -> tuple[str, ...]:
    """Return the arguments that the gradient is taken with respect to."""
    chosen = tuple(inputs) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for argument in chosen:
        if argument not in inputs:
            raise ValueError(
                f"{name}: wrt names {argument!r}, which is no argument; the arguments are "
                f"{', '.join(inputs)}"
            )
    return chosen


def value_of(function: Callable[..., Any], inputs: Inputs, name: str) -> float:
    """Return the value of a function at its arguments."""
    value = function(**inputs)
    if value is None:
        raise ValueError(f"{name}: it returned nothing; a gradient needs a scalar: return one")
    shape = np.shape(value)
    if shape != ():
        raise ValueError(
            f"{name}: it returned an array of shape {shape}; a gradient needs a scalar: sum it"
        )
    return float(value)


def _called(f: Callable[..., Any], count: int, **inputs: Any) -> Any:
    """Call a function by position whose arguments have no names."""
    return f(*(inputs.pop(f"x{i}") for i in range(count)), **inputs)


def _bound(
    f: Callable[..., Any], args: Sequence[Any], words: Mapping[str, Any], name: str
) -> inspect.BoundArguments | None:
    """Return the binding of arguments to parameters, or None if the function does not tell."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return None
    try:
        return signature.bind(*args, **words)
    except TypeError as error:
        raise TypeError(f"{name}{signature}: {error}") from None


def _by_position(
    f: Callable[..., Any], args: Sequence[Any], words: Mapping[str, Any], name: str
) -> list[str]:
    """Return the names of arguments by position; none where the function does not name all."""
    bound = _bound(f, args, words, name)
    if bound is None:
        return []
    names = [n for n in bound.arguments if n not in words][: len(args)]
    kinds = bound.signature.parameters
    return names if all(kinds[n].kind in _NAMED for n in names) else []


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

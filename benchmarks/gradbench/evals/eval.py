"""An eval: what its messages hold, and the functions that are asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gradbench.engines import Engine

__all__ = ["Eval", "Made", "floats", "gradient", "plain", "primal"]

#: What makes the function that is timed, of an engine.
Made = Callable[[Engine], Callable[..., Any]]


def floats(values: Any) -> Any:
    """Return numbers of a message as an array of float64."""
    return np.asarray(values, dtype=float)


def plain(value: Any) -> Any:
    """Return a result as a message holds it: lists and numbers."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return np.asarray(value).tolist()


def primal(function: Callable[..., Any]) -> Made:
    """Return the maker of the function itself: no engine is asked."""
    return lambda engine: function


def gradient(function: Callable[..., Any], argnums: Any = 0) -> Made:
    """Return the maker of the gradient of a function."""
    return lambda engine: engine.compiled(engine.gradient(function, argnums))


@dataclass(frozen=True)
class Eval:
    """One eval of GradBench.

    Parameters
    ----------
    read : callable
        ``read(input)`` returns the arguments of the functions, from the input of a message.
    functions : mapping
        By name, what makes the function that is timed.
    write : callable
        What a message holds of a result.
    """

    read: Callable[[Any], tuple[Any, ...]]
    functions: Mapping[str, Made]
    write: Callable[[Any], Any] = plain

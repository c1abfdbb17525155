"""Calling a function with traced values: its arguments by name, and what is refused."""

from __future__ import annotations

import inspect
import keyword
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from symdiff.errors import nearest, refusals

__all__ = ["bind_arguments", "call_traced", "check_argument"]


def check_argument(name: Any) -> None:
    """Refuse a name that no argument can have, or that Python would read as another."""
    known = isinstance(name, str) and name.isidentifier() and name != "__debug__"
    if not known or keyword.iskeyword(name):
        raise ValueError(f"an argument is called {name!r}, which is no Python identifier")
    plain = unicodedata.normalize("NFKC", name)
    if plain != name:
        raise ValueError(f"an argument is called {name!r}, which Python reads as {plain!r}")


def bind_arguments(
    f: Callable[..., Any], given: Mapping[str, Any], example: str
) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments for `f`; name those missing or unknown.

    `example` ends the advice for a missing argument x: ``=() for a scalar, or a constant``.
    """
    title = getattr(f, "__name__", type(f).__name__)
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return [], dict(given)
    kinds = {name: parameter.kind for name, parameter in parameters.items()}
    positional_only = [n for n, kind in kinds.items() if kind is inspect.Parameter.POSITIONAL_ONLY]
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    named = [name for name, kind in kinds.items() if kind not in variadic]
    unknown = [name for name in given if name not in named]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds.values():
        raise TypeError(
            f"{title} has no argument {unknown[0]!r}.{nearest(unknown[0], named)} "
            f"Its arguments are {', '.join(named) or 'none'}"
        )
    missing = [
        name
        for name in named
        if name not in given and parameters[name].default is inspect.Parameter.empty
    ]
    if missing:
        raise TypeError(
            f"{title} needs its argument{'s' * (len(missing) > 1)} {', '.join(missing)}: give each "
            f"a shape, {missing[0]}{example}"
        )
    return (
        [given[name] for name in positional_only if name in given],
        {name: value for name, value in given.items() if name not in positional_only},
    )


def call_traced(f: Callable[..., Any], given: Mapping[str, Any], example: str, kind: str) -> Any:
    """Return the result of `f` on traced values; `kind` names one in an error: "traced value"."""
    positional, named = bind_arguments(f, given, example)
    met: list[Exception] = []
    outer = refusals.set(met)
    try:
        result = f(*positional, **named)
    except AttributeError as error:
        if error.__cause__ not in met:
            raise
        raise met[-1] from error
    except ValueError as error:
        if "setting an array element" not in str(error):
            raise
        raise TypeError(
            f"a {kind} was assigned to an entry of a NumPy array, or made part of one by "
            "np.array; assign to a traced array (np.zeros_like(x) or x.copy()), use np.where to "
            "replace entries, or build an array with np.stack or np.concatenate"
        ) from error
    finally:
        refusals.reset(outer)
    if met:
        raise met[0]
    return result

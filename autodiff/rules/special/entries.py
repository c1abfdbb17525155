"""Registration of functions of scipy.special."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special
from scipy.special import _ufuncs

from autodiff.core.primitive import PRIMITIVES, TUPLES, UFUNCS, Rule, refuses
from autodiff.rules.elementwise_rules import NEGATIVE, ONE, elementwise
from autodiff.rules.parameters import constant

__all__ = ["found", "refuse_the_rest", "special"]

Interval = tuple[float, float]


def found(name: str) -> Any:
    """Return the universal function of a name, or None if this SciPy has none."""
    function = getattr(_ufuncs if name.startswith("_") else scipy.special, name, None)
    return function if isinstance(function, np.ufunc) else None


def special(
    name: str,
    *partials: Rule | str,
    domain: Sequence[Interval] = ((-2.0, 2.0),),
    complex: bool = False,
    partly: bool = False,
) -> None:
    """Register a universal function of scipy.special by its partial derivatives.

    One that has values on a `partly` covered domain has no derivative where it has none, though
    the formula may give a number.
    """
    function = found(name)
    if function is None:
        return
    public = name.lstrip("_")
    names = _arguments(function, len(partials))
    refused = [isinstance(x, str) and x not in (ONE, NEGATIVE) for x in partials]
    known = [x for x, no in zip(names, refused, strict=True) if not no]
    rules = [
        constant(f"scipy.special.{public}", str(partial), others=known)
        if no
        else _within(partial)
        if partly
        else partial
        for partial, no in zip(partials, refused, strict=True)
    ]
    elementwise(
        function,
        *rules,
        domain=domain,
        complex=complex,
        singular=True,
        name=f"special.{public}" if public in PRIMITIVES else public,
    )


def _arguments(function: np.ufunc, count: int) -> list[str]:
    """Return the names of the arguments of a function, from the first lines of its text."""
    for line in (function.__doc__ or "").splitlines()[:3]:
        names = line.partition("(")[2].partition(", out=None)")[0].split(", ")
        if len(names) == count and all(map(str.isidentifier, names)):
            return names
    return [f"argument {i}" for i in range(count)]


def _within(partial: Any) -> Rule:
    """Return a partial derivative that is no number where the function is none."""

    def within(out: Any, *xs: Any) -> Any:
        slope = partial(out, *xs)
        return np.where(np.isfinite(out) | np.isinf(slope), slope, np.nan)

    return within


def refuse_the_rest() -> None:
    """Register the universal functions of scipy.special that have no rule, and say so."""
    names = [name for name in dir(scipy.special) if not name.startswith("_")]
    # In the order of names: sets of functions have another in each process.
    functions = dict.fromkeys(map(found, [*names, "_riemann_zeta"]))
    refuses(
        "no derivative of it is known in closed form: apply it before the function that is traced, "
        "or give it rules of your own with autodiff.custom",
        *[f for f in functions if f is not None and f not in UFUNCS and f not in TUPLES],
    )

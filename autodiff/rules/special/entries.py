"""How a function of scipy.special is entered into the rule table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special
from scipy.special import _ufuncs

from autodiff.rules.parameters import constant
from autodiff.rules.table import NEGATIVE, ONE, PRIMITIVES, Rule, elementwise, refuses

__all__ = ["found", "refused", "special"]

Interval = tuple[float, float]


def found(name: str) -> Any:
    """Return the universal function of a name, or None if this SciPy has none.

    Parameters
    ----------
    name : str
        Name in `scipy.special`, or with an underscore what a Python function there calls.

    Returns
    -------
    numpy.ufunc or None
        The function.
    """
    function = getattr(_ufuncs if name.startswith("_") else scipy.special, name, None)
    return function if isinstance(function, np.ufunc) else None


def special(
    name: str,
    *partials: Rule | str,
    domain: Sequence[Interval] = ((-2.0, 2.0),),
    complex: bool = False,
) -> None:
    """Register a universal function of scipy.special by its partial derivatives.

    Parameters
    ----------
    name : str
        Its name; one that this SciPy lacks is passed over.
    *partials : callable or ONE or NEGATIVE or str
        For each argument ``partial(out, *operands)``, or the name of an argument that no derivative
        is taken with respect to.
    domain : sequence of (float, float)
        For each argument the interval that tests draw from; one interval serves all, and one
        between integers is of whole numbers.
    complex : bool
        Whether the partial derivatives hold for complex arguments too.
    """
    function = found(name)
    if function is None:
        return
    public = name.lstrip("_")
    rules = [
        constant(f"scipy.special.{public}", partial)
        if isinstance(partial, str) and partial not in (ONE, NEGATIVE)
        else partial
        for partial in partials
    ]
    elementwise(
        function,
        *rules,
        domain=domain,
        complex=complex,
        singular=True,
        name=f"special.{public}" if public in PRIMITIVES else public,
    )


def refused(advice: str, *names: str) -> None:
    """Register functions that cannot be differentiated, and say why.

    Parameters
    ----------
    advice : str
        Why, and what to use instead.
    *names : str
        Names in `scipy.special`.
    """
    refuses(advice, *(f for f in map(found, names) if f is not None))

"""Errors by name, and the advice for a name that is not known."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

__all__ = [
    "COMPARISON",
    "KNOWN",
    "ExpressionTooLarge",
    "Unparsable",
    "Untraceable",
    "name_of",
    "nearest",
    "noted",
    "refusals",
]

_E = TypeVar("_E", bound=Exception)

COMPARISON = (
    "gradient: the function returned the outcome of a comparison, which has no derivative; return "
    "a number, such as what is compared, or np.where(condition, a, b)"
)
KNOWN = "the functions that are known stand in docs/functions.md"


#: The refusals of the trace under way. Code that is traced may catch one and go another way than
#: numbers go; then the trace ends with it nevertheless.
refusals: ContextVar[list[Exception] | None] = ContextVar("refusals", default=None)


def noted(error: _E) -> _E:
    """Return a refusal, which no code that is traced can swallow."""
    met = refusals.get()
    if met is not None:
        met.append(error)
    return error


class Untraceable(NotImplementedError, TypeError):
    """A NumPy function, or a way to call it, that has no symbolic meaning here.

    Examples
    --------
    >>> import numpy as np
    >>> from symdiff import Untraceable, trace
    >>> try:
    ...     trace(lambda x: np.fft.fft(x), x=(4,))
    ... except Untraceable as error:
    ...     print(str(error).split(":")[0])
    np.fft.fft
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        noted(self)


class ExpressionTooLarge(ValueError):
    """A formula that would write out to more operations than can be printed or compiled.

    Parameters
    ----------
    message : str
        What is too large, how large, and what to use instead.
    operations : int, optional
        The predicted size.

    Attributes
    ----------
    operations : int or None
        The predicted size in operations, if it is what stopped the formula.

    Examples
    --------
    >>> from symdiff import ExpressionTooLarge, gradient
    >>> def logistic(x):
    ...     for _ in range(40):
    ...         x = 4 * x * (1 - x)
    ...     return x
    >>> try:
    ...     gradient(logistic, strategy="expanded", x=())
    ... except ExpressionTooLarge as error:
    ...     print("strategy='adjoint'" in str(error), error.operations > 10**12)
    True True
    """

    def __init__(self, message: str, operations: int | None = None) -> None:
        super().__init__(message, operations)
        self.operations = operations

    def __str__(self) -> str:
        return str(self.args[0])


class Unparsable(ValueError):
    """A text that is no formula, or none that may come from outside.

    Attributes
    ----------
    column : int
        Where it stops being one, counted from 1.

    Examples
    --------
    >>> from symdiff import Unparsable, parse
    >>> try:
    ...     parse("x%2")
    ... except Unparsable as error:
    ...     print(error.column, error)
    2 column 2: '%' is refused: a remainder has no place in a formula
    """

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(message, column)
        self.column = column

    def __str__(self) -> str:
        return str(self.args[0])


def name_of(function: Any) -> str:
    """Return the name of a function as users write it.

    Examples
    --------
    >>> import numpy as np
    >>> name_of(np.exp), name_of(np.linalg.det)
    ('np.exp', 'np.linalg.det')
    """
    name: str = function.__name__
    special = sys.modules.get("scipy.special")
    if getattr(np, name, None) is function:
        return f"np.{name}"
    if special is not None and getattr(special, name, None) is function:
        return f"scipy.special.{name}"
    module = getattr(function, "__module__", None) or ""
    return f"{module}.{name}".replace("numpy.", "np.", 1) if module else name


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'w1'?`` for the known name most like `name`, or nothing.

    Examples
    --------
    >>> nearest("shraed", ["expanded", "shared"])
    " Did you mean 'shared'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f" Did you mean {close[0]!r}?" if close else ""

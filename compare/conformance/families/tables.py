"""Cases from a table of functions, their derivatives and points."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from compare.conformance.case import Case, exact

__all__ = ["cases_of"]

#: A function; its derivative in mpmath, or one for each argument, None for one not to differentiate
#: by; and the points, each a number or one for each argument.
_Row = tuple[Any, Callable[..., Any] | tuple[Callable[..., Any] | None, ...], tuple[Any, ...]]


def cases_of(table: Iterable[_Row], cancelled: Mapping[Any, float] | None = None) -> list[Case]:
    """Return a case for each function and point of a table.

    The slopes of those that are `cancelled` are differences of terms, as large as is said there.
    """
    terms = cancelled or {}
    return [
        _case(
            function,
            slopes if isinstance(slopes, tuple) else (slopes,),
            point,
            2.3e-16 * terms.get(function, 0.0),
        )
        for function, slopes, points in table
        for point in points
    ]


def _case(function: Any, slopes: tuple[Any, ...], point: Any, atol: float) -> Case:
    args = point if isinstance(point, tuple) else (point,)
    wrt = tuple(i for i, slope in enumerate(slopes) if slope)
    one = f", by argument {wrt[0]}" if len(wrt) < len(args) else ""
    return Case(
        f"{function.__name__}({', '.join(f'{x:g}' for x in args)}){one}",
        _of(function),
        args,
        tuple(exact(slopes[i], *args) for i in wrt),
        wrt=wrt,
        atol=atol,
    )


def _of(function):
    def f(*args):
        return function(*args)

    return f

"""A case of the suite: a plain NumPy function, a point, and what is right there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np

__all__ = ["DIGITS", "Case", "digits", "exact", "nearest"]

#: Decimal digits of a truth.
DIGITS = 50


@dataclass(frozen=True)
class Case:
    """One question to a library: the derivative of a function at a point.

    Parameters
    ----------
    name : str
        Unique within its family.
    function : callable
        Plain NumPy function of arrays and numbers that returns a scalar.
    inputs : tuple
        Its arguments.
    truth : object
        The gradient by the arguments in `wrt`, one after the other, to `DIGITS` digits: numbers of
        mpmath, floats that are exact, or arrays of either. None where there is no derivative:
        there NaN or an error is right, and so is each of `conventions`.
    conventions : dict
        What else is right for every library, by the reason why: a subgradient, for example.
    order : int
        1 for the gradient; 2 for the derivative, by the first argument, of the sum of the entries
        of that gradient: the Hessian times a vector of ones.
    wrt : tuple of int
        Numbers of the arguments to differentiate by.
    why : str
        The reason why the case is in the suite, or the public report that it comes from.
    rtol : float
        Error of an entry that is right, relative to it; a thousandth of it, to the largest entry.
    atol : float
        What a derivative may lose where it is the difference of larger terms, which is their
        rounding: an answer within it is inexact; right where the truth is 0.
    documented : dict
        By module, what else is right for one library, since it documents that the function means
        something else there: the page that says so, and the derivatives of what it means.
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    truth: tuple[Any, ...] | None
    conventions: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    order: int = 1
    wrt: tuple[int, ...] = (0,)
    why: str = ""
    rtol: float = 1e-9
    atol: float = 0.0
    documented: dict[str, tuple[str, tuple[Any, ...]]] = field(default_factory=dict)
    family: str = ""


def exact(f: Callable[..., Any], *points: Any) -> Any:
    """Return a function of mpmath's numbers at floats, to `DIGITS` digits, entry by entry."""
    with mpmath.workdps(DIGITS + 15):
        if all(np.ndim(x) == 0 for x in points):
            return +mpmath.mpmathify(f(*map(_exactly, points)))
        arrays = np.broadcast_arrays(*map(np.asarray, points))
        found = np.empty(arrays[0].shape, object)
        for index in np.ndindex(found.shape):
            found[index] = +mpmath.mpmathify(f(*(_exactly(a[index]) for a in arrays)))
        return found


def _exactly(x: Any) -> Any:
    return mpmath.mpc(complex(x)) if isinstance(x, complex) else mpmath.mpf(float(x))


def nearest(truth: Any) -> Any:
    """Return the floats that are nearest to a truth."""
    array = np.asarray(truth)
    if array.dtype != object:
        return array.astype(float)
    return np.vectorize(float, otypes=[float])(array) if array.size else array.astype(float)


def digits(truth: Any) -> str:
    """Return a truth as text: all digits of a number, the first entries of an array."""
    flat = np.ravel(np.asarray(truth))
    shown = ", ".join(_number(x) for x in flat[:6]) + (", …" if flat.size > 6 else "")
    return f"[{shown}]" if np.ndim(truth) else shown


def _number(x: Any) -> str:
    return str(mpmath.nstr(x, DIGITS)) if isinstance(x, mpmath.mpf) else f"{float(x):.17g}"

"""The usual mistakes of a gradient, recognised by their pattern."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["diagnosis"]

#: How near a gradient must be to the reference with a mistake in it.
_NEAR = 1e-9


@np.errstate(all="ignore")
def diagnosis(name: str, gradients: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """Return the usual mistake that would explain a wrong gradient, or an empty string.

    Examples
    --------
    >>> diagnosis("w", {"w": np.array([-1.0, 2.0])}, {"w": np.array([1.0, -2.0])})
    'every entry of w has the opposite sign'
    """
    expected = np.ma.asarray(reference[name])
    known = ~np.ma.getmaskarray(expected)
    given, right = np.asarray(gradients[name])[known], np.asarray(expected[known])
    for recognise in _MISTAKES:
        found = recognise(given, right)
        if found:
            return found.format(name=name)
    if known.all() and _is_transpose(gradients[name], expected):
        return f"it is the transpose of the gradient of {name}"
    for other, x_bar in reference.items():
        if other != name and np.shape(x_bar) == known.shape and known.all():
            twin = np.ma.asarray(x_bar)
            if not np.ma.getmaskarray(twin).any() and _near(given, np.asarray(twin)[known]):
                return f"it is the gradient of {other}"
    # Entries that are off by rounding only do not count where another is far off.
    wrong = int(np.count_nonzero(~_near_each(given, right)))
    return f"{wrong:,} of {given.size:,} entries of {name} differ" if given.size > 1 else ""


def _near_each(a: Any, b: Any) -> Any:
    return np.abs(a - b) <= _NEAR * np.maximum(np.abs(a), np.abs(b))


def _near(a: Any, b: Any) -> bool:
    return bool(a.size) and bool(np.all(_near_each(a, b)))


def _zero(given: Any, right: Any) -> str:
    return "" if np.any(given) else "every entry of {name} is zero"


def _factor(given: Any, right: Any) -> str:
    place = int(np.argmax(np.abs(right)))
    if right[place] == 0:
        return ""
    factor = float(given[place] / right[place])
    if not np.isfinite(factor) or factor == 0 or not _near(given, factor * right):
        return ""
    if _near(given, -right):
        return "every entry of {name} has the opposite sign"
    # A factor that needs many digits is an error that happens to be alike everywhere.
    return f"every entry of {{name}} is {factor:.6g} times the reference" * (
        abs(factor - 1.0) > 1e-6
    )


def _single_precision(given: Any, right: Any) -> str:
    if given.dtype != np.float64 or not _near_each(given, right).size:
        return ""
    rounded = np.array_equal(given, given.astype(np.float32))
    expected = np.array_equal(right, right.astype(np.float32))
    rough = np.all(np.abs(given - right) <= 1e-5 * np.max(np.abs(right), initial=0.0))
    return "every entry of {name} is a float32 number" if rounded and rough and not expected else ""


def _is_transpose(given: Any, expected: Any) -> bool:
    return (
        expected.ndim == 2
        and expected.shape[0] == expected.shape[1]
        and _near(np.asarray(given).T, np.asarray(expected))
    )


_MISTAKES: tuple[Callable[[Any, Any], str], ...] = (_zero, _factor, _single_precision)

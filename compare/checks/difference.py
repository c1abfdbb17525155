"""The difference of two gradients: names, shapes, types, then element by element."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compare.checks.diagnosis import diagnosis
from compare.checks.tolerance import Tolerance
from compare.checks.ulp import ulps_text

__all__ = [
    "VALUE",
    "Difference",
    "compare_gradients",
    "entry_name",
    "part_name",
    "structure_error",
    "unlike_numbers",
]

#: Key of the value beside the names of arguments: no argument can be called so.
VALUE = "the value"
#: Above it, differences and sums are computed of a quarter of both: they could become infinite.
_HUGE = 2.0**1020
#: Entries that are compared at a time, so that what is made of them stays in cache: of ten million
#: they take a third of the time, in memory that is new an eighth.
_BLOCK = 2**15


@dataclass(frozen=True)
class Difference:
    """The difference of a gradient from a reference.

    Parameters
    ----------
    max_error : float
        Largest error of an entry, relative as `Tolerance` says; NaN where none could be computed.
    at : str
        The entry with that error, such as ``w1[0, 2]``, or ``value``.
    tolerance : float
        Largest error that still counts as agreement.
    message : str
        Why the gradients do not agree; empty if they do.
    remark : str
        Why an error that is large beside the gradient is rounding; empty where none is.
    """

    max_error: float
    at: str
    tolerance: float
    message: str
    remark: str = ""

    @property
    def agrees(self) -> bool:
        """Whether no entry differs by more than the tolerance."""
        return not self.message


def entry_name(name: str, entry: tuple[int, ...]) -> str:
    """Return the text of an entry of an argument, such as ``w1[0, 2]``."""
    return name + (f"[{', '.join(map(str, entry))}]" if entry else "")


def compare_gradients(
    value: Any,
    gradients: Mapping[str, Any],
    reference_value: Any,
    reference: Mapping[str, Any],
    tolerance: Tolerance,
    inputs: Mapping[str, Any] | None = None,
    terms: Callable[[Tolerance], Mapping[str, float]] | None = None,
) -> Difference:
    """Return the difference of a value and its gradients from a reference.

    `terms` gives the size of the terms that cancel in each (`checks.rounding.terms_of`), as far
    as somebody of a tolerance can see; it is called where the gradients would not agree without.

    Notes
    -----
    An entry may be off by ``relative * max(|a|, |b|) + of_largest * max|reference|``, whatever
    the size of the problem. The value is compared as well; where terms cancel, it may be off by
    `of_largest` of the largest ``|x_i g_i|``, which is what rounding one input to `of_largest`
    does to it. Where the terms that cancel in a gradient are larger than what is left of them, as
    at a minimum, an entry may be off by `of_terms` of these terms.
    """
    failed = structure_error(value, gradients, reference, inputs)
    if failed:
        return Difference(float("nan"), "", tolerance.relative, failed)
    largest = max((_largest(x_bar) for x_bar in reference.values()), default=0.0)
    sizes = dict.fromkeys(reference, largest)
    sizes[VALUE] = _moved_by_rounding(reference, inputs)
    floors = {name: tolerance.of_largest * size for name, size in sizes.items()}
    result = {VALUE: value, **gradients}
    expected = {VALUE: reference_value, **reference}
    found = _compared(result, expected, floors, tolerance, inputs)
    if found.agrees or terms is None or not np.isfinite(found.max_error):
        return found
    cancelling = terms(tolerance)
    rounded = {n: max(f, tolerance.of_terms * cancelling.get(n, 0.0)) for n, f in floors.items()}
    for n in reference:
        # What is rounded in the value is of the size of its terms, whatever is left of them.
        rounded[n] += tolerance.of_value * cancelling.get(VALUE, 0.0)
    within = _compared(result, expected, rounded, tolerance, inputs)
    if not within.agrees:
        return found
    name = VALUE if found.at == "value" else found.at.split("[")[0]
    least = max(sizes[name], float(np.finfo(float).tiny))
    return replace(
        within,
        remark=f"within rounding: the terms that cancel in {name} are "
        f"{cancelling[name] / least:.0e} × the result",
    )


def _compared(
    result: Mapping[str, Any],
    reference: Mapping[str, Any],
    floors: Mapping[str, float],
    tolerance: Tolerance,
    inputs: Mapping[str, Any] | None,
) -> Difference:
    """Return the difference of values and gradients, each with the error that rounding leaves."""
    of_value = tolerance.of_value * abs(float(reference[VALUE]))
    worst, message = (0.0, ""), ""
    gradients = {name: x_bar for name, x_bar in reference.items() if name != VALUE}
    for name in reference:
        given, expected = result[name], reference[name]
        floor = floors[name] + of_value * (name != VALUE)
        error, entry = _worst_entry(given, expected, floor / tolerance.relative)
        at = entry_name("value" if name == VALUE else name, entry)
        if not np.isfinite(error):
            return Difference(error, at, tolerance.relative, _not_finite(at, given, entry, inputs))
        if error > worst[0] or not worst[1]:
            worst = (error, at)
            if error > tolerance.relative:
                a, b = (np.ma.asarray(x)[entry] for x in (given, expected))
                message = (
                    f"{at} is {float(a)!r}, the reference {float(b)!r}: an error of {error:.3g}, "
                    f"more than {tolerance.relative:g} ({ulps_text(a, b)})"
                )
                if name != VALUE and (cause := diagnosis(name, result, gradients)):
                    message += f"; {cause}"
    return Difference(*worst, tolerance.relative, message)


def structure_error(
    value: Any,
    gradients: Any,
    reference: Mapping[str, Any],
    inputs: Mapping[str, Any] | None,
) -> str:
    """Return the difference of two gradients in names, shapes or types, or an empty string."""
    failed = _unlike(VALUE, value, (), None)
    if failed:
        return failed
    if not isinstance(gradients, Mapping):
        return (
            f"a {type(gradients).__name__} of gradients arrived; expected a mapping with "
            f"{', '.join(sorted(reference))}"
        )
    if set(gradients) != set(reference):
        arrived = ", ".join(sorted(map(str, gradients))) or "nothing"
        return f"gradients of {arrived} arrived; expected {', '.join(sorted(reference))}"
    for name, expected in reference.items():
        dtype = np.asarray(inputs[name]).dtype if inputs and name in inputs else None
        failed = _unlike(name, gradients[name], np.shape(expected), dtype)
        if failed:
            return failed
    return ""


def part_name(name: str) -> str:
    """Return the words for the value, or for the gradient of an argument."""
    return name if name == VALUE else f"the gradient of {name}"


def unlike_numbers(name: str, given: Any) -> str:
    """Return why a part of a result is neither an array nor a number, or an empty string."""
    # Not `isinstance`, which asks the object itself what it is.
    if issubclass(type(given), np.ndarray | np.generic | float | int | complex):
        return ""
    return f"{part_name(name)} is a {type(given).__name__}; expected a NumPy array or a float"


def _unlike(name: str, given: Any, shape: tuple[int, ...], dtype: Any) -> str:
    """Return the difference of an array in kind, shape or type, or an empty string."""
    if failed := unlike_numbers(name, given):
        return failed
    what = part_name(name)
    if np.shape(given) != shape:
        return f"{what} has shape {np.shape(given)}; expected {shape}"
    found = np.asarray(given).dtype
    if dtype is not None and dtype.kind == "f":
        return f"{what} has dtype {found}; expected {dtype}" if found != dtype else ""
    # A function of floats may have a whole number for its value, but no gradient is one.
    if found.kind == "f" or (name == VALUE and found.kind in "iu"):
        return ""
    return f"{what} has dtype {found}; expected a floating-point type"


def _largest(x_bar: Any) -> float:
    """Return the largest magnitude of the entries that are known."""
    known = x_bar.compressed() if np.ma.isMaskedArray(x_bar) else np.asarray(x_bar)
    # Twice as fast as the maximum of magnitudes, which writes an array of them.
    return float(max(np.max(known), -np.min(known))) if known.size else 0.0


def _moved_by_rounding(reference: Mapping[str, Any], inputs: Mapping[str, Any] | None) -> float:
    """Return the largest ``|x_i g_i|``: how far an input moves the value, relative to its error."""
    if inputs is None:
        return 0.0
    with np.errstate(all="ignore"):
        moved = [
            _largest(x_bar * np.asarray(inputs[name]))
            for name, x_bar in reference.items()
            if name in inputs
        ]
    return max((m for m in moved if np.isfinite(m)), default=0.0)


def _worst_entry(given: Any, expected: Any, floor: float) -> tuple[float, tuple[int, ...]]:
    """Return the largest relative error and its index; NaN or infinity is the largest of all."""
    unknown = np.ma.getmaskarray(expected) if np.ma.isMaskedArray(expected) else None
    a, b = (np.asarray(np.ma.getdata(x), dtype=float).reshape(-1) for x in (given, expected))
    unknown = None if unknown is None else unknown.reshape(-1)
    if a.size == 0 or (unknown is not None and unknown.all()):
        return 0.0, ()
    worst, at = -1.0, 0
    for start in range(0, a.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        errors = _errors(a[block], b[block], floor)
        if unknown is not None:
            errors = np.where(unknown[block], -1.0, errors)
        place = int(np.argmax(errors))
        if errors[place] > worst:
            worst, at = float(errors[place]), start + place
    return worst, tuple(int(i) for i in np.unravel_index(at, np.shape(expected)))


def _errors(a: Any, b: Any, floor: float) -> Any:
    """Return the relative errors of entries; infinity where one is not finite."""
    with np.errstate(all="ignore"):
        scale = np.maximum(np.abs(a), np.abs(b))
        if np.max(scale) > _HUGE:
            a, b, scale, floor = a / 4, b / 4, scale / 4, floor / 4
        scale += floor
        errors = np.abs(a - b)
        errors /= scale
    # Of two zeros the error is 0 / 0, of what is not finite NaN: the one is none, the other all.
    odd = ~np.isfinite(errors)
    if odd.any():
        equal = (a == b) & np.isfinite(a)
        errors = np.where(odd, np.where(equal, 0.0, np.inf), errors)
    infinite = ~(np.isfinite(a) & np.isfinite(b))
    return np.where(infinite, np.inf, errors) if infinite.any() else errors


def _not_finite(
    at: str, given: Any, entry: tuple[int, ...], inputs: Mapping[str, Any] | None
) -> str:
    floats = {n: x for n, x in (inputs or {}).items() if np.asarray(x).dtype.kind == "f"}
    where = [n for n, x in floats.items() if not np.all(np.isfinite(x))]
    cause = f"; the inputs {', '.join(where)} hold NaN or infinity" if where else ""
    value = float(np.asarray(given)[entry])
    if np.isfinite(value):
        return f"{at} is {value!r}, the reference is not finite{cause}"
    return f"{at} is {value!r}: not finite{cause}"

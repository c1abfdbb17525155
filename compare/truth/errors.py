"""Errors of a gradient in ULPs of the true one, entry by entry."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from compare.checks.difference import entry_name
from compare.truth.gradient import Truth

__all__ = ["UlpErrors", "as_reference", "ulp_errors"]

#: Digits in which an error is computed: the truth has 50, a float64 number 17.
_DIGITS = 60
_LEAST_ULPS = 1e-30
#: Bits of the significand, and the exponents of the smallest and the largest normal number.
_FORMATS = {"float64": (53, -1022, 1023), "float32": (24, -126, 127)}
#: How near to the range between two slopes a choice at a kink must be, relative.
_AT_A_KINK = 1e-9


@dataclass(frozen=True)
class UlpErrors:
    """Errors of one result."""

    #: Error of the value in ULPs of the true value.
    value: float
    #: Median and largest error of an entry of the gradient in ULPs of the true entry; infinite
    #: where an entry is not finite.
    median: float
    largest: float
    #: The entry with the largest error, such as ``w1[0, 2]``.
    at: str
    #: Largest error in ULPs of the largest true entry: what is left of `largest` where it is large
    #: only because terms cancel.
    of_largest: float
    #: Entries that were compared.
    entries: int
    #: Entries at a kink where it chose another slope than the mean, between the two.
    other_slopes: int = 0


def ulp_errors(
    value: Any,
    gradients: Mapping[str, Any],
    truth: Truth,
    inputs: Mapping[str, Any] | None = None,
) -> UlpErrors:
    """Return the errors of a value and its gradients in ULPs.

    Notes
    -----
    A ULP of a true entry ``t`` with ``2^e <= |t| < 2^(e+1)`` is ``2^(e-52)`` (float32:
    ``2^(e-23)``), and never less than the smallest subnormal number: J.-M. Muller et al.,
    "Handbook of Floating-Point Arithmetic", 2nd edition, 2018, section 2.3.2. Zero has no
    exponent. A true entry that is zero is measured by the ULP of the largest true entry of the
    whole gradient, because terms of that size may have cancelled; a true value that is zero by the
    ULP of the largest ``|x_i g_i|``, because rounding the inputs alone moves it by as much. Where
    all of these are zero, the smallest subnormal number is the unit.
    """
    with mpmath.workdps(_DIGITS):
        largest = max((abs(t) for _, _, t in _entries(truth)), default=mpmath.mpf(0))
        errors, of_largest, places, others = [], [], [], 0
        for name, entry, t in _entries(truth):
            given = np.asarray(gradients[name])[entry]
            if _another_slope(given, truth, name, entry):
                others += 1
                continue
            error = _distance(given, t)
            errors.append(_count(error / _unit(t, largest, given)))
            of_largest.append(_count(error / _unit(largest, largest, given)))
            places.append(entry_name(name, entry))
        moved = max((abs(m) for m in _moved(truth, inputs or {})), default=mpmath.mpf(0))
        given = np.asarray(value)[()]
        value_error = _count(_distance(given, truth.value) / _unit(truth.value, moved, given))
    if not errors:
        nan = math.nan
        return UlpErrors(value_error, nan, nan, "", nan, 0, others)
    worst = int(np.argmax(errors))
    return UlpErrors(
        value_error,
        float(np.median(errors)),
        errors[worst],
        places[worst],
        max(of_largest),
        len(errors),
        others,
    )


def _entries(truth: Truth) -> Iterator[tuple[str, tuple[int, ...], Any]]:
    """Return the entries that are known: argument, index and derivative."""
    for name, derivatives in truth.gradients.items():
        for entry in np.ndindex(derivatives.shape):
            if derivatives[entry] is not None:
                yield name, entry, derivatives[entry]


def _moved(truth: Truth, inputs: Mapping[str, Any]) -> Iterator[Any]:
    for name, entry, t in _entries(truth):
        if name in inputs:
            yield t * mpmath.mpf(float(np.asarray(inputs[name])[entry]))


def _distance(given: Any, t: Any) -> Any:
    number = float(given)
    return abs(mpmath.mpf(number) - t) if math.isfinite(number) else mpmath.inf


def _count(ulps: Any) -> float:
    """Return a number of ULPs; what the 50 digits of the truth do not tell from zero is zero."""
    return float(ulps) if ulps > _LEAST_ULPS else 0.0


def _unit(t: Any, instead: Any, given: Any) -> Any:
    """Return the ULP of a true number, or of another one in its place if it is zero."""
    dtype = str(getattr(given, "dtype", "float64"))
    bits, smallest, largest = _FORMATS.get(dtype, _FORMATS["float64"])
    _, digits, power, count = (t if t != 0 else instead)._mpf_
    exponent = min(max(power + count - 1, smallest), largest) if digits else smallest
    return mpmath.ldexp(mpmath.mpf(1), exponent - bits + 1)


def _another_slope(given: Any, truth: Truth, name: str, entry: tuple[int, ...]) -> bool:
    """Whether an entry at a kink is some slope between the two sides, but not the mean."""
    if (name, entry) not in truth.slopes or not math.isfinite(given):
        return False
    low, high = sorted(truth.slopes[name, entry])
    room = _AT_A_KINK * max(abs(low), abs(high))
    mean = truth.gradients[name][entry]
    number = mpmath.mpf(float(given))
    return bool(low - room <= number <= high + room and abs(number - mean) > room)


def as_reference(truth: Truth, gradients: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
    """Return the truth rounded to float64, as `compare_gradients` takes it."""
    reference: dict[str, Any] = {}
    for name, derivatives in truth.gradients.items():
        rounded = np.ma.MaskedArray(np.zeros(derivatives.shape), mask=True)
        for entry in np.ndindex(derivatives.shape):
            if derivatives[entry] is None:
                continue
            if not _another_slope(np.asarray(gradients[name])[entry], truth, name, entry):
                rounded[entry] = float(derivatives[entry])
        reference[name] = rounded
    return float(truth.value), reference

"""The verdict on one answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compare.checks.ulp import ulp
from compare.conformance.case import Case, nearest

__all__ = ["VERDICTS", "Verdict", "verdict_of"]

#: Verdicts, best first, and what they say.
VERDICTS: dict[str, str] = {
    "right": "the derivative; or NaN or an error where there is none",
    "convention": "right by a convention: a subgradient, or what the library documents",
    "inexact": "right to the rounding of the terms that cancel in it, with fewer digits of its own",
    "nan": "NaN or infinity where there is a derivative: wrong, but not in silence",
    "refused": "an error with a sentence where there is a derivative",
    "warned": "a number that is not the derivative, with a warning",
    "wrong": "a number that is not the derivative: wrong in silence",
    "crashed": "the process died",
    "timeout": "no answer within 60 s and 4 GiB",
}


@dataclass(frozen=True)
class Verdict:
    """The worth of an answer."""

    verdict: str
    message: str = ""
    #: Largest error of an entry, in units in the last place of the truth, where both are finite.
    ulps: float | None = None
    value: str = ""


def verdict_of(
    case: Case, answer: Sequence[Any] | None, message: str = "", module: str = ""
) -> Verdict:
    """Return the verdict on the derivatives that a library gave, with its error or warning."""
    if answer is None:
        return Verdict("right" if case.truth is None else "refused", message)
    verdict = _of_numbers(case, answer, module)
    if message and verdict.verdict == "wrong":
        return replace(verdict, verdict="warned", message=f"{verdict.message} {message}".strip())
    return verdict


def _of_numbers(case: Case, answer: Sequence[Any], module: str) -> Verdict:
    try:
        # NumPy would make NaN of None, and drop imaginary parts.
        if any(x is None or np.any(np.imag(x)) for x in answer):
            raise TypeError
        found = [np.asarray(np.real(x), dtype=float) for x in answer]
    except (TypeError, ValueError):
        kinds = ", ".join(type(x).__name__ for x in answer)
        return Verdict("wrong", f"its answer is {kinds}, expected arrays of numbers")
    shown = "; ".join(_shown(x) for x in found)
    shapes = [np.shape(case.inputs[i]) for i in case.wrt]
    if [x.shape for x in found] != shapes:
        arrived = [x.shape for x in found]
        return Verdict("wrong", f"shapes {arrived}, expected {shapes}", value=shown)
    if case.truth is not None:
        wanted = [nearest(t) for t in case.truth]
        if _near(case, found, wanted):
            return Verdict("right", "", _ulps(found, wanted), shown)
        if case.atol and _near(case, found, wanted, case.atol):
            exact = not any(np.any(t) for t in wanted)
            return Verdict("right" if exact else "inexact", "", _ulps(found, wanted), shown)
    own = [case.documented[module]] if module in case.documented else []
    for reason, other in [*own, *case.conventions.items()]:
        if _near(case, found, [nearest(t) for t in other]):
            return Verdict("convention", reason, value=shown)
    if not all(np.isfinite(x).all() for x in found):
        return Verdict("right" if case.truth is None else "nan", value=shown)
    if case.truth is None:
        return Verdict("wrong", "a number where there is no derivative", value=shown)
    return Verdict("wrong", "", _ulps(found, wanted), shown)


def _near(case: Case, found: Sequence[Any], wanted: Sequence[Any], atol: float = 0.0) -> bool:
    for x, truth in zip(found, wanted, strict=True):
        if np.shape(x) != np.shape(truth):
            return False
        same = x == truth  # infinities too
        largest = float(np.max(np.abs(truth[np.isfinite(truth)]), initial=0.0))
        most = atol + case.rtol * np.maximum(np.abs(truth), 1e-3 * largest)
        with np.errstate(invalid="ignore"):
            if not np.all(same | (np.abs(x - truth) <= most)):
                return False
    return True


def _ulps(found: Sequence[Any], wanted: Sequence[Any]) -> float | None:
    """Return the largest error in ULPs of the truth; of the smallest normal number at 0."""
    with np.errstate(over="ignore"):
        errors = [
            float(np.max(np.abs(x - truth) / np.maximum(ulp(truth), 2.0**-1074), initial=0.0))
            for x, truth in zip(found, wanted, strict=True)
            if np.isfinite(x).all() and np.isfinite(truth).all()
        ]
    return max(errors) if len(errors) == len(found) else None


def _shown(x: Any) -> str:
    flat = np.ravel(x)
    text = ", ".join(f"{v:.17g}" for v in flat[:6])
    return f"[{text}{', …' if flat.size > 6 else ''}]" if np.ndim(x) else text

"""Refusals of functions that have no formula: the reason, and what to write instead."""

from __future__ import annotations

from symdiff.errors import KNOWN

__all__ = ["reason_of"]

_PLACES = "places in an order are whole numbers, which no derivative passes"
_COMPLEX = "its result is complex, and formulas are real"
_TRANSFORM = (
    f"{_COMPLEX}; it is a linear map: with k = 2*np.pi*np.outer(np.arange(n), np.arange(n))/n its "
    "real part is np.cos(k) @ x, and its imaginary part -np.sin(k) @ x"
)
_NO_FORM = "have no closed form in the entries that is written out here"
_COUNTS = "counts are constant between jumps; use a smooth function of the values"

#: By the name of the function, or of the module that it stands in.
_REASONS = {
    "np.argsort": f"{_PLACES}; x[np.argsort(x)] is np.sort(x), and np.median or np.quantile are "
    "known; order other arrays by numbers that are no arguments",
    "np.lexsort": f"{_PLACES}; order by numbers that are no arguments",
    "np.argpartition": f"{_PLACES}; np.sort is known",
    "np.argmax": f"{_PLACES}; x[np.argmax(x)] is np.max(x)",
    "np.argmin": f"{_PLACES}; x[np.argmin(x)] is np.min(x)",
    "np.searchsorted": f"{_PLACES}; np.interp is known",
    "np.digitize": f"{_PLACES}; np.interp and np.piecewise are known",
    "np.partition": "which order it leaves is not said; np.sort is known",
    "np.nonzero": "how many entries it finds depends on the numbers; use np.where with both "
    "branches",
    "np.unique": "how many entries it finds depends on the numbers; np.sort is known",
    "np.histogram": _COUNTS,
    "np.frexp": "mantissa and exponent jump at each power of two; write x / 2.0**n with a number n",
    "np.nextafter": "it is a matter of rounding, which formulas have none of",
    "np.spacing": "it is a matter of rounding, which formulas have none of",
    "np.signbit": "it tells -0.0 from 0.0, which formulas do not; write x < 0",
    "np.linalg.eig": f"{_COMPLEX}; np.linalg.eigh is for symmetric matrices",
    "np.linalg.eigvals": f"{_COMPLEX}; np.linalg.eigvalsh is for symmetric matrices",
    "np.roots": f"{_COMPLEX}; write the roots as formulas of the coefficients",
    "np.apply_along_axis": "it calls a function row by row; write the function for whole arrays",
    "np.imag": "formulas are real: it is 0",
    "np.angle": "formulas are real; np.arctan2(y, x) is the angle of a point",
    "np.linalg.eigh": f"eigenvectors, whose sign is free, {_NO_FORM}",
    "np.linalg.qr": f"the factors, whose signs are free, {_NO_FORM}",
    "np.fft": _TRANSFORM,
}


def reason_of(name: str, unknown: str) -> str:
    """Return the message for a function that no table has; `unknown` says so of a new one."""
    reason = _REASONS.get(name) or _REASONS.get(name.rpartition(".")[0])
    return f"{name}: not traceable: {reason}" if reason else f"{name}: {unknown}; {KNOWN}"

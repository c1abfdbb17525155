"""Units in the last place: the distance from a floating-point number to the next."""

from typing import Any

import numpy as np

__all__ = ["ulp", "ulps_apart", "ulps_text"]


def ulp(x: Any) -> Any:
    """Return the unit in the last place of numbers.

    Notes
    -----
    For ``2^e <= |x| < 2^(e+1)`` it is ``2^(e-52)`` (float32: ``2^(e-23)``): J.-M. Muller et al.,
    "Handbook of Floating-Point Arithmetic", 2nd edition, 2018, section 2.3.2.
    """
    size = np.abs(np.asarray(x))
    with np.errstate(over="ignore"):
        # The largest number has none above it.
        return np.where(np.isinf(np.spacing(size)), size - np.nextafter(size, 0), np.spacing(size))


def ulps_apart(a: Any, b: Any) -> int:
    """Return the number of steps from one floating-point number to the next between two.

    They are those of the first, or of float64 where the second is beyond its range.
    """
    fits = abs(float(b)) <= float(np.finfo(np.float32).max)
    dtype = np.float32 if getattr(a, "dtype", None) == np.float32 and fits else np.float64
    low, high = dtype(a), dtype(b)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"ulps_apart: {a!r} and {b!r} arrived; expected finite numbers")
    return abs(_place(low) - _place(high))


def _place(x: Any) -> int:
    """Return the place of a number among all of its type, counted from zero."""
    bits = int(abs(x).view(np.int64 if x.dtype == np.float64 else np.int32))
    return -bits if x < 0 else bits


def ulps_text(a: Any, b: Any) -> str:
    """Return the distance of two floating-point numbers in words.

    Examples
    --------
    >>> ulps_text(1.0, 1.0 + 2**-52), ulps_text(1.0, 2.0)
    ('1 ULP apart', '4.5e+15 ULPs apart')
    """
    steps = ulps_apart(a, b)
    shown = f"{steps:,}" if steps < 10**6 else f"{steps:.1e}"
    return f"{shown} ULP{'s' * (steps != 1)} apart"

"""The tolerances within which two gradients are equal: each once, with its reason."""

from dataclasses import dataclass

__all__ = ["TOLERANCES", "TRAINING_TOLERANCE", "Tolerance", "widest"]


@dataclass(frozen=True)
class Tolerance:
    """Bound on the difference of an entry.

    ``|a - b| <= relative * max(|a|, |b|) + of_largest * max|reference| + of_value * |f|``, or
    ``relative * max(|a|, |b|) + of_terms * max|terms| + of_value * |f|`` where that is more

    Parameters
    ----------
    relative : float
        Part relative to the entry.
    of_largest : float
        Part relative to the largest entry of the reference gradient.
    of_terms : float
        Part relative to the terms that cancel in it (`compare.checks.rounding`).
    of_value : float
        Part relative to the value of the function.
    reason : str
        Why it has this size.
    """

    relative: float
    of_largest: float
    of_terms: float
    of_value: float
    reason: str


def widest(*tolerances: Tolerance) -> Tolerance:
    """Return the tolerance of the least exact of those that are compared."""
    return max(tolerances, key=lambda tolerance: tolerance.relative)


TOLERANCES: dict[str, Tolerance] = {
    "exact": Tolerance(
        1e-9,
        1e-12,
        1e-13,
        0.0,
        "float64 has 16 digits; sums of a few thousand terms in another order, and cancellation "
        "in closed forms, cost up to six of them. An entry may be as wrong as 1e-12 of the "
        "largest, since it is then the rounding of terms of that size; and as 450 roundings of the "
        "terms that cancel in it, of which a formula may have more than the graph",
    ),
    "float32": Tolerance(
        1e-4,
        1e-6,
        4e-6,
        0.0,
        "float32 has 7 digits: sums and cancellation may cost three of them, and an entry may be "
        "as wrong as 8 roundings of the largest, or 32 of the terms that cancel in it. It holds "
        "where an argument is float32, for both sides compute with it",
    ),
    "finite-differences": Tolerance(
        1e-5,
        1e-6,
        1e-6,
        1e-9,
        "a central difference with step h = 6e-6 has truncation h**2 = 4e-11 times the third "
        "derivative, and rounding eps/h = 4e-11 times the value of the function",
    ),
}

#: Largest relative difference of the losses of the two training runs at any step: both take
#: the same gradients but for rounding of 1e-16, which the falling loss damps.
TRAINING_TOLERANCE = 1e-12

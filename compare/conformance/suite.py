"""The suite: all cases, by family."""

import importlib
from dataclasses import replace

from compare.conformance.case import Case

__all__ = ["FAMILIES", "cases_of"]

#: Modules of `compare.conformance.families`, and what they ask.
FAMILIES: dict[str, str] = {
    "elementwise": "elementwise functions over their whole domain",
    "reductions": "broadcasting and reductions",
    "writing": "indexing, and writing into arrays",
    "linear_algebra": "linear algebra, degenerate matrices too",
    "kinks": "kinks, first and second order",
    "masks": "masks and guards",
    "numbers": "complex numbers, types, numbers that leave",
    "stability": "saturation, cancellation, huge and tiny numbers",
    "special": "special functions of SciPy",
    "programs": "loops, closures, state, higher orders, large sizes",
}


def cases_of(family: str) -> list[Case]:
    """Return the cases of a family, in order."""
    if family not in FAMILIES:
        raise ValueError(f"no family is called {family!r}; there are: {', '.join(FAMILIES)}")
    module = importlib.import_module(f"compare.conformance.families.{family}")
    return [replace(case, family=family) for case in module.CASES]

"""Properties of operations that a graph needs; the rows of `symdiff.operations` declare them.

The store is below the table and cannot import it. What has not been declared neither commutes nor
folds, and counts as one operation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from symdiff.store.exact import Number

__all__ = ["COMMUTATIVE", "COMPARE", "CONDITIONS", "COUNTS", "FOLDS", "LEAVES", "declare"]

Fold = Callable[[list[Number]], Number | None]

LEAVES = frozenset({"symbol", "number", "true", "false"})
COMPARE: dict[str, Callable[[Number, Number], bool]] = {
    name: getattr(operator, name) for name in ("gt", "ge", "lt", "le", "eq", "ne")
}
CONDITIONS = frozenset({*COMPARE, "choice", "true", "false"})

COMMUTATIVE: set[str] = set()
COUNTS: dict[str, int] = dict.fromkeys(LEAVES, 0)
FOLDS: dict[str, Fold] = {}


def declare(name: str, *, commutes: bool, count: int, fold: Fold) -> None:
    """Let graphs know an operation: whether it commutes, how it counts, its value on numbers."""
    if commutes:
        COMMUTATIVE.add(name)
    if count != 1:
        COUNTS[name] = count
    FOLDS[name] = fold

"""The table of strategies: each derives the gradient of one expression as formulas.

A strategy takes the value and the symbols to differentiate by, and returns a `Derivation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdiff.construct import Expr
from symdiff.strategies.derivation import Derivation
from symdiff.strategies.expanded import expanded
from symdiff.strategies.shared import shared

__all__ = ["STRATEGIES", "Derivation", "expanded", "shared"]

STRATEGIES: dict[str, Callable[[Expr, Sequence[Expr]], Derivation]] = {
    "expanded": expanded,
    "shared": shared,
}

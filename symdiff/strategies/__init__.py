"""The table of strategies: each derives the gradient of one formula as formulas.

A strategy takes a graph, the node of the value and the symbols to differentiate by, and returns a
`Derivation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdiff.store.dag import Dag
from symdiff.strategies.adjoint import adjoint
from symdiff.strategies.derivation import Derivation
from symdiff.strategies.expanded import expanded
from symdiff.strategies.shared import shared

__all__ = ["STRATEGIES", "Derivation", "adjoint", "expanded", "shared"]

STRATEGIES: dict[str, Callable[[Dag, int, Sequence[int]], Derivation]] = {
    "expanded": expanded,
    "shared": shared,
    "adjoint": adjoint,
}

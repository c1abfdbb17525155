"""Derivations of the gradient of one formula, each a strategy whose formulas are those of entries.

A derivation takes a graph, the node of the value and the symbols to differentiate by. The table of
all strategies, with the one for whole matrices, is `symdiff.STRATEGIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symdiff.store.dag import Dag
from symdiff.strategies.adjoint import adjoint
from symdiff.strategies.derivation import Derivation
from symdiff.strategies.expanded import expanded
from symdiff.strategies.shared import shared

__all__ = ["DERIVATIONS", "Derivation", "adjoint", "expanded", "shared"]

DERIVATIONS: dict[str, Callable[[Dag, int, Sequence[int]], Derivation]] = {
    "expanded": expanded,
    "shared": shared,
    "adjoint": adjoint,
}

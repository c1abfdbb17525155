"""`Derivation`: the result of a strategy on one graph."""

from __future__ import annotations

from dataclasses import dataclass

from symdiff.store.dag import Dag

__all__ = ["Derivation"]


@dataclass(frozen=True)
class Derivation:
    """A value and its partial derivatives as nodes of one graph, some of them named.

    A formula in terms of the names is the formula itself, read down to what has a name.
    """

    dag: Dag
    value: int
    partials: list[int]  #: one a symbol to differentiate by
    names: dict[int, str]  #: the named intermediates in the order of computation

"""What a strategy returns."""

from __future__ import annotations

from dataclasses import dataclass

from symdiff.store.dag import Dag

__all__ = ["Derivation"]


@dataclass(frozen=True)
class Derivation:
    """A value and its partial derivatives as nodes of one graph, some of them named.

    Attributes
    ----------
    dag : Dag
        The graph.
    value : int
        The value.
    partials : list of int
        One a symbol to differentiate by.
    names : dict of int to str
        The named intermediates in the order of computation. A formula in terms of them is the
        formula itself, read down to what has a name.

    Examples
    --------
    >>> from symdiff import trace
    >>> from symdiff.strategies import shared
    >>> import numpy as np
    >>> traced = trace(lambda x: np.tanh(x), x=())
    >>> derivation = shared(traced.dag, int(traced.nodes), [int(traced.inputs["x"])])
    >>> list(derivation.names.values())
    ['v1']
    """

    dag: Dag
    value: int
    partials: list[int]
    names: dict[int, str]

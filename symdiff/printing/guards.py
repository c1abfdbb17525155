"""What choices guard: the conditions that hold wherever the value of a node is used at all."""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.store.dag import Dag

__all__ = ["Guard", "guards_of"]

Guard = frozenset[tuple[int, bool]]  # conditions, and whether each holds

_MOST = 12  # conditions of one guard: fewer guard less, and cost less


def guards_of(dag: Dag, roots: Sequence[int]) -> dict[int, Guard]:
    """Return for each node below the roots its guard; nothing if there is no choice."""
    order = dag.reachable(roots)
    if not any([dag.ops[node] == "where" for node in order]):
        return {}
    guards: dict[int, Guard] = dict.fromkeys(roots, frozenset())
    for node in reversed(order):
        guard, args = guards[node], dag.args[node]
        chooses = dag.ops[node] in ("where", "choice") and len(guard) < _MOST
        for position, arg in enumerate(args):
            own = guard
            if chooses and position:
                own = guard | _conditions(dag, args[0], position == 1)
            guards[arg] = own & guards[arg] if arg in guards else own
    return guards


def _conditions(dag: Dag, condition: int, holds: bool) -> Guard:
    """Return the conditions that follow from one that holds, or does not."""
    found = set()
    stack = [(condition, holds)]
    while stack:
        node, holds = stack.pop()
        if dag.ops[node] != "choice":
            found.add((node, holds))
            continue
        chooser, a, b = dag.args[node]
        # A branch that is the other truth value was not taken.
        never = "false" if holds else "true"
        if dag.ops[a] == never:
            stack += [(chooser, False), (b, holds)]
        elif dag.ops[b] == never:
            stack += [(chooser, True), (a, holds)]
        else:
            found.add((node, holds))
    return frozenset((node, truth) for node, truth in found if dag.args[node])

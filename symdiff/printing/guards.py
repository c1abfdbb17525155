"""The guards of choices: the conditions under which the value of a node is used at all."""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.store.dag import Dag

__all__ = ["Guard", "guards_of"]

Case = frozenset[tuple[int, bool]]  # conditions that hold together, or do not hold
Guard = tuple[Case, ...]  # the cases in which a value is used; one without conditions: always

_ALWAYS: Guard = (frozenset(),)
_MOST = 12  # conditions of one case: fewer guard less, and cost less
_CASES = 4


def guards_of(dag: Dag, roots: Sequence[int]) -> dict[int, Guard]:
    """Return for each node below the roots its guard; nothing if there is no choice."""
    order = dag.reachable(roots)
    if not any([dag.ops[node] == "where" for node in order]):
        return {}
    guards: dict[int, Guard] = dict.fromkeys(roots, _ALWAYS)
    for node in reversed(order):
        guard, args = guards[node], dag.args[node]
        chooses = dag.ops[node] in ("where", "choice")
        for position, arg in enumerate(args):
            own = guard
            if chooses and position:
                more = _conditions(dag, args[0], position == 1)
                own = tuple(case if len(case) >= _MOST else case | more for case in guard)
            guards[arg] = _either(guards[arg], own) if arg in guards else own
    return guards


def _either(a: Guard, b: Guard) -> Guard:
    """Return the cases of two guards, without those that others contain."""
    if a in (b, _ALWAYS):
        return a
    cases: list[Case] = []
    for case in sorted({*a, *b}, key=lambda case: (len(case), sorted(case))):
        if not any(other <= case for other in cases):
            cases.append(case)
    if len(cases) > _CASES:
        return (frozenset.intersection(*cases),)
    return tuple(cases)


def _conditions(dag: Dag, condition: int, holds: bool) -> Case:
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

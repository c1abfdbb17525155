"""Building a graph anew: what constructs each operation, and a copy with something replaced."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from symdiff.store.dag import RELATIONS, Dag

__all__ = ["constructors", "rebuild"]


def _product(dag: Dag, *factors: int) -> int:
    """Return a product; 2*x*y is one node, and 2*(x*y) two."""
    product = dag.multiply(*factors)
    args = dag.args[product]
    nested = len(args) == 2 and [dag.ops[n] for n in (product, *args)] == ["mul", "number", "mul"]
    if len(factors) > 2 and nested:
        return dag.node("mul", args[0], *dag.args[args[1]])
    return product


class _Constructors(dict[str, Callable[..., int]]):
    """Operations by name; what is not arithmetic is a function."""

    def __init__(self, dag: Dag) -> None:
        super().__init__(
            {
                "add": dag.add,
                "mul": functools.partial(_product, dag),
                "neg": dag.negate,
                "div": dag.divide,
                "pow": dag.power,
                "where": dag.choose,
                "choice": dag.choose,
                "true": lambda: dag.boolean(True),
                "false": lambda: dag.boolean(False),
                **{name: functools.partial(dag.compare, name) for name in RELATIONS},
            }
        )
        self._dag = dag

    def __missing__(self, op: str) -> Callable[..., int]:
        self[op] = function = functools.partial(self._dag.apply, op)
        return function


def constructors(dag: Dag) -> dict[str, Callable[..., int]]:
    """Return what makes each operation in a graph, its numbers folded.

    Examples
    --------
    >>> dag = Dag()
    >>> x = int(dag.symbols("x", ()))
    >>> constructors(dag)["add"](x, x) == dag.multiply(dag.number(2), x)
    True
    """
    return _Constructors(dag)


def rebuild(source: Dag, roots: Sequence[int], target: Dag, known: dict[int, int]) -> list[int]:
    """Return formulas of one graph in another, with replacements for their symbols.

    Examples
    --------
    >>> one, two = Dag(), Dag()
    >>> x, y = int(one.symbols("x", ())), int(two.symbols("y", ()))
    >>> [copy] = rebuild(one, [one.square(x)], two, {x: two.apply("exp", y)})
    >>> two.ops[copy]
    'pow'
    """
    make = constructors(target)
    for node in source.reachable(roots):
        if node in known:
            continue
        op = source.ops[node]
        if op == "number":
            known[node] = target.number(source.data[node])
        else:
            known[node] = make[op](*(known[arg] for arg in source.args[node]))
    return [known[root] for root in roots]

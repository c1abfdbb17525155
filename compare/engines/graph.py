"""The graph engine: traced once, then a forward and a backward pass for every gradient."""

from compare.engines.engine import Engine, Prepared
from compare.problems.problem import Case

__all__ = ["GRAPH"]


def _prepare(case: Case) -> Prepared:
    import autodiff

    graph = autodiff.trace(case.problem.function, wrt=case.wrt, **case.inputs)
    return Prepared(lambda inputs: graph.value_and_gradient(**inputs), graph.operations)


GRAPH = Engine(
    name="graph",
    meaning="autodiff: a forward and a backward pass over the computational graph",
    imports=("autodiff",),
    prepare=_prepare,
)

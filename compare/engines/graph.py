"""The graph engines: forward and backward passes, as they were recorded or compiled into a plan."""

from typing import Any

from compare.engines.calling import Call, by_position
from compare.engines.engine import Engine, Prepared
from compare.problems.problem import Case

__all__ = ["GRAPH", "GRAPH_COMPILED", "GRAPH_EAGER"]


def _prepare(case: Case) -> Prepared:
    import autodiff

    graph = autodiff.trace(case.problem.function, wrt=case.wrt, **case.inputs)
    return Prepared(lambda inputs: graph.value_and_gradient(**inputs), graph.operations)


def _both(case: Case) -> tuple[Any, Call]:
    """Return the function of value and gradients that traces at every call."""
    import autodiff

    function = by_position(case, case.problem.function)
    return autodiff.value_and_grad(function, argnums=tuple(range(len(case.wrt)))), Call(case)


def _running(both: Any, call: Call) -> Any:
    def run(inputs: Any) -> Any:
        value, gradients = both(*call.values(inputs))
        return value, dict(zip(call.wrt, gradients, strict=True))

    return run


def _prepare_compiled(case: Case) -> Prepared:
    import autodiff

    both, call = _both(case)
    compiled = autodiff.compile(both)
    plan = compiled.plan(*call.values(case.inputs))  # type: ignore[attr-defined]
    return Prepared(_running(compiled, call), plan.operations)


def _prepare_eager(case: Case) -> Prepared:
    return Prepared(_running(*_both(case)))


GRAPH = Engine(
    name="graph",
    meaning="autodiff: a forward and a backward pass over the computational graph",
    imports=("autodiff",),
    prepare=_prepare,
)
GRAPH_COMPILED = Engine(
    name="graph-compiled",
    meaning="autodiff: the same two passes, compiled into straight-line NumPy",
    imports=("autodiff",),
    prepare=_prepare_compiled,
)
GRAPH_EAGER = Engine(
    name="graph-eager",
    meaning="autodiff: value_and_grad, which records the graph anew for every gradient",
    imports=("autodiff",),
    prepare=_prepare_eager,
)

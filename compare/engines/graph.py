"""The graph engines: forward and backward passes, as they were recorded or compiled into a plan."""

from typing import Any

from compare.engines.engine import Engine, Prepared
from compare.problems.problem import Case

__all__ = ["GRAPH", "GRAPH_COMPILED"]


def _prepare(case: Case) -> Prepared:
    import autodiff

    graph = autodiff.trace(case.problem.function, wrt=case.wrt, **case.inputs)
    return Prepared(lambda inputs: graph.value_and_gradient(**inputs), graph.operations)


def _prepare_compiled(case: Case) -> Prepared:
    import autodiff

    f, wrt = case.problem.function, case.wrt
    names = [*wrt, *(name for name in case.inputs if name not in wrt)]

    def by_position(*values: Any) -> Any:
        return f(**dict(zip(names, values, strict=True)))

    both = autodiff.compile(autodiff.value_and_grad(by_position, argnums=tuple(range(len(wrt)))))
    plan = both.plan(*(case.inputs[name] for name in names))  # type: ignore[attr-defined]

    def run(inputs: Any) -> Any:
        value, gradients = both(*[inputs[name] for name in names])
        return value, dict(zip(wrt, gradients, strict=True))

    return Prepared(run, plan.operations)


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

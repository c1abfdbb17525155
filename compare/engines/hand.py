"""The gradient derived by a person, where the problem has one."""

from compare.engines.engine import Engine, Prepared
from compare.problems.problem import Case

__all__ = ["HAND_WRITTEN"]


def _prepare(case: Case) -> Prepared:
    gradient = case.problem.gradient
    assert gradient is not None
    return Prepared(lambda inputs: gradient(**inputs))


def _refuses(case: Case) -> str:
    return "" if case.problem.gradient else "nobody has written this gradient by hand"


HAND_WRITTEN = Engine(
    name="hand-written",
    meaning="the gradient derived and programmed by a person, in NumPy",
    imports=("numpy",),
    prepare=_prepare,
    refuses=_refuses,
)

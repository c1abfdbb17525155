"""The gradients that are compared: of engines in this process or their own, and the caller's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.checks.state_check import Observed, observe_in
from compare.checks.tolerance import TOLERANCES, Tolerance, widest
from compare.engines import ENGINES, get_engine
from compare.engines.engine import Engine
from compare.engines.numerical import sampled_differences
from compare.problems.problem import Case

__all__ = ["GIVEN", "NamedGradient", "given_gradient", "gradients_of"]

#: Name of the caller's own gradient.
GIVEN = "your gradient"
#: Formulas by entries grow with the entries: beyond this many they take longer than a test may.
_MOST_ENTRIES = 256
_DIFFERENCES = "finite-differences"


@dataclass(frozen=True)
class NamedGradient:
    """Value and gradient of one engine, or of the caller."""

    name: str
    #: The library that it is built on: gradients of one kind may share a mistake.
    kind: str
    value: Any
    #: Masked entries are unknown.
    by_argument: dict[str, Any]
    tolerance: Tolerance


def gradients_of(
    case: Case,
    engines: Iterable[str | Engine] | None,
    exact: Tolerance,
    *,
    samples: int,
    budget_s: float | None,
) -> tuple[list[NamedGradient], dict[str, str]]:
    """Return the gradients of engines, and the reasons why others have none."""
    chosen = _default(case) if engines is None else [_engine(engine) for engine in engines]
    found: list[NamedGradient] = []
    skipped: dict[str, str] = {}
    for engine in chosen:
        if engines is None and engine.name == "adjoint" and any(o.kind == "symdiff" for o in found):
            continue
        reason = engine.refuses(case)
        if reason:
            skipped[engine.name] = reason
            continue
        try:
            value, gradients = _computed(case, engine, samples, budget_s)
        except Exception as error:
            skipped[engine.name] = _first_line(error)
            continue
        own = exact if engine.tolerance == "exact" else TOLERANCES[engine.tolerance]
        tolerance = widest(exact, own)
        found.append(
            NamedGradient(engine.name, _kind(engine), value, _copied(gradients), tolerance)
        )
    # The reference of a pair is the later one: only a reference may have unknown entries.
    return sorted(found, key=lambda gradient: gradient.name == _DIFFERENCES), skipped


def given_gradient(
    case: Case, gradient: Any, args: Sequence[Any], exact: Tolerance
) -> NamedGradient:
    """Return the caller's own gradient, which may have come in any of the forms allowed."""
    __tracebackhide__ = True
    given = gradient(*(_copy(x) for x in args)) if callable(gradient) else gradient
    many = len(case.wrt)
    value = None
    if (
        isinstance(given, tuple)
        and len(given) == 2
        and np.shape(given[0]) == ()
        and (many == 1 or isinstance(given[1], tuple | list | dict))
    ):
        value, given = given
    if isinstance(given, Mapping):
        parts = dict(given)
    elif isinstance(given, tuple) or (isinstance(given, list) and many > 1):
        if len(given) != many:
            raise AssertionError(
                f"{GIVEN} of {case.problem.name} has {len(given)} parts; expected {many}: "
                f"{', '.join(case.wrt)}"
            )
        parts = dict(zip(case.wrt, given, strict=True))
    elif many == 1:
        parts = {case.wrt[0]: given}
    else:
        raise AssertionError(
            f"{GIVEN} of {case.problem.name} is one {type(given).__name__}; expected a tuple of "
            f"{many}: {', '.join(case.wrt)}"
        )
    if value is None:
        value = case.problem.function(**_copied(case.inputs))
    return NamedGradient(GIVEN, GIVEN, value, {n: _array(x) for n, x in parts.items()}, exact)


def _default(case: Case) -> list[Engine]:
    """Return the engines unless the caller names some: quick and independent."""
    names = ["graph", "matrix", "complex-step", _DIFFERENCES]
    if case.parameters <= _MOST_ENTRIES:
        # Only if the formula by whole matrices is not to be had.
        names.insert(2, "adjoint")
    return [ENGINES[n] for n in names if n != "complex-step" or case.problem.analytic]


def _engine(engine: str | Engine) -> Engine:
    return get_engine(engine) if isinstance(engine, str) else engine


def _kind(engine: Engine) -> str:
    """Return the library that an engine is built on; those on NumPy alone share nothing."""
    base = engine.imports[0] if engine.imports else ""
    return engine.name if base in ("", "numpy") else base


def _computed(
    case: Case, engine: Engine, samples: int, budget_s: float | None
) -> tuple[Any, Mapping[str, Any]]:
    """Return value and gradients, in this process or, under a budget, in one of its own."""
    if engine.name == _DIFFERENCES and case.parameters > samples:
        return case.problem.function(**_copied(case.inputs)), sampled_differences(case, samples)
    if budget_s is not None:
        return _isolated(case, engine, budget_s)
    # Values at zero and infinity are compared, not warned of.
    with np.errstate(all="ignore"):
        prepared = engine.prepare(case)
        if prepared.compile:
            prepared.compile()
        return prepared.run(_copied(case.inputs))


def _isolated(case: Case, engine: Engine, budget_s: float) -> tuple[Any, Mapping[str, Any]]:
    # late: only engines that are kept apart need what starts processes
    from compare.process.executor import Budget, Executor

    with Executor(1) as executor:
        outcome = observe_in(executor, case, engine, Budget(budget_s, 2 * 1024**3))
    if outcome.status != "ok":
        raise RuntimeError(f"{outcome.status}: {outcome.message}")
    observed: Observed = outcome.result
    return observed.result


def _copied(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return copies, so that nobody's buffers are overwritten by the next in turn."""
    return {name: _copy(array) for name, array in arrays.items()}


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _array(value: Any) -> Any:
    """Return a gradient as a NumPy array or number, whatever library or list it came from."""
    return _copy(value if isinstance(value, float | np.generic) else np.asarray(value))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    text = f"{type(error).__name__}: {lines[0]}"
    return text if len(text) <= 200 else text[:197] + "..."

"""The gradients that are compared: of engines in this process or their own, and the caller's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.checks.state_check import Observed, observe_in
from compare.checks.tolerance import TOLERANCES, Tolerance, widest
from compare.engines import ENGINES, chosen_engines
from compare.engines.engine import GIVEN, Engine
from compare.engines.numerical import sampled_differences
from compare.problems.arguments import Arguments, Place, converted
from compare.problems.problem import Case

__all__ = ["GIVEN", "NamedGradient", "given_gradient", "gradients_of"]

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
    chosen = _default(case) if engines is None else chosen_engines(case, engines)
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
    case: Case,
    gradient: Any,
    arguments: Arguments,
    wrt: str | Sequence[str] | None,
    exact: Tolerance,
) -> NamedGradient:
    """Return the caller's own gradient, which may have come in any of the forms allowed."""
    __tracebackhide__ = True
    given = gradient
    if callable(gradient):
        given = gradient(*arguments.values(_copied(case.inputs)))
    chosen = [n for n in arguments.templates if arguments.places(n)] if wrt is None else wrt
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    attempts = [(None, given)]
    if isinstance(given, tuple) and len(given) == 2 and np.shape(given[0]) == ():
        # A pair of two numbers may be a value and a gradient, or the gradient of a pair.
        pair = (given[0], given[1])
        attempts.insert(0 if _is_pair(arguments, names, given) else 1, pair)
    errors, found = [], []
    for value, form in attempts:
        try:
            found.append((value, _by_input(case, arguments, names, form)))
        except ValueError as error:
            errors.append(str(error))
    if not found:
        raise AssertionError(f"{GIVEN} of {case.problem.name}: {errors[0]}")
    value, parts = next((each for each in found if _fits(case, each[1])), found[0])
    if value is None:
        value = case.problem.function(**_copied(case.inputs))
    return NamedGradient(GIVEN, GIVEN, value, {n: _array(x) for n, x in parts.items()}, exact)


def _fits(case: Case, parts: Mapping[str, Any]) -> bool:
    """Return whether each part of a gradient has the shape of its input."""
    try:
        return all(np.shape(parts[name]) == np.shape(case.inputs[name]) for name in case.wrt)
    except (KeyError, ValueError):
        return False


def _is_pair(arguments: Arguments, names: Sequence[str], given: tuple[Any, Any]) -> bool:
    """Return whether two parts are first of all a value and a gradient."""
    if len(names) > 1:
        return isinstance(given[1], tuple | list | dict)
    return isinstance(arguments.templates.get(names[0]), Place)


def _by_input(case: Case, arguments: Arguments, names: Sequence[str], given: Any) -> dict[str, Any]:
    """Return the parts of a gradient by input, or say in what its form is another one."""
    if isinstance(given, Mapping) and (set(given) <= set(names) or set(given) <= set(case.inputs)):
        return {k: x for n, part in given.items() for k, x in arguments.parts(n, part).items()}
    if len(names) == 1:
        alone = isinstance(given, tuple) and len(given) == 1
        if alone and isinstance(arguments.templates.get(names[0], Place("")), Place):
            given = given[0]
        return arguments.parts(names[0], given)
    if isinstance(given, Mapping):
        if set(given) & {*names, *case.inputs}:
            return dict(given)  # what it lacks is told with the others
        raise ValueError(f"it has the keys {', '.join(map(str, given))}; {_expected(names)}")
    if not isinstance(given, tuple | list):
        raise ValueError(f"it is one {type(given).__name__}; {_expected(names)}")
    if len(given) != len(names):
        raise ValueError(f"it has {len(given)} parts; {_expected(names)}")
    pairs = zip(names, given, strict=True)
    return {k: x for n, part in pairs for k, x in arguments.parts(n, part).items()}


def _expected(names: Sequence[str]) -> str:
    """Return the form of a gradient by several arguments, and the way to one by one alone."""
    return (
        f"expected a tuple of {len(names)}: {', '.join(names)} (or a dict by these names); "
        f"for {names[0]} alone, pass wrt={names[0]!r}"
    )


def _default(case: Case) -> list[Engine]:
    """Return the engines unless the caller names some: quick and independent."""
    names = ["graph", "matrix", "complex-step", _DIFFERENCES]
    if case.parameters <= _MOST_ENTRIES:
        # Only if the formula by whole matrices is not to be had.
        names.insert(2, "adjoint")
    return [ENGINES[n] for n in names if n != "complex-step" or case.problem.analytic]


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
    value = converted(value, GIVEN)
    return _copy(value if isinstance(value, float | np.generic) else np.asarray(value))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    text = f"{type(error).__name__}: {lines[0]}"
    return text if len(text) <= 200 else text[:197] + "..."

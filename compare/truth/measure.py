"""How exact every engine is on every problem: the rows of ``truth.csv``."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from mpmath.libmp import BACKEND

from compare.checks.difference import Difference, compare_gradients, structure_error
from compare.checks.reference import reference_name, tolerance_between, tolerance_of
from compare.checks.rounding import terms_of
from compare.checks.state_check import Result, observe_in
from compare.engines import get_engine
from compare.engines.engine import Engine
from compare.problems.problem import Case
from compare.process.executor import Budget, Executor, Outcome
from compare.results.schema import SCHEMA_VERSION, TRUTH_COLUMNS
from compare.truth.errors import as_reference, ulp_errors
from compare.truth.gradient import Truth, true_gradient
from compare.truth.numbers import NoTruth
from compare.truth.taylor import TaylorTest, taylor_test

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Found",
    "cases_for_truth",
    "difference_from_truth",
    "find_truth",
    "measure_errors",
]

#: Outcomes of engines on cases, so that they need not be computed again: by name of the
#: problem, size and name of the engine.
Found = dict[tuple[str, int, str], Outcome]

#: What mpmath multiplies with: gmpy2 where it is installed.
_ARITHMETIC = {"gmpy": "gmpy2"}.get(BACKEND, BACKEND)
#: Parameters of the largest cases that are measured beyond the verified ones.
_LARGEST = 256


def cases_for_truth(problems: Iterable[Any], seed: int, *, quick: bool = False) -> list[Case]:
    """Return the cases on which engines are held against the truth."""
    cases = []
    for problem in problems:
        cases.append(problem.case(problem.verify_size, seed))
        larger = [size for size in problem.sizes if size > problem.verify_size]
        if quick or not larger:
            continue
        case = problem.case(larger[0], seed)
        if case.parameters <= _LARGEST:
            cases.append(case)
    return cases


def measure_errors(
    cases: Sequence[Case],
    engines: Iterable[Engine],
    found: Mapping[tuple[str, int, str], Outcome] | None = None,
    *,
    budget_s: float = 5.0,
    budget_bytes: int = 2 * 1024**3,
    truth_s: float = 2.0,
    threads: int = 1,
    on_done: Callable[[Case], None] | None = None,
) -> "pd.DataFrame":
    """Return the errors of every engine on every case, in ULPs of the true gradient.

    Parameters
    ----------
    cases : sequence of Case
        Problems with inputs.
    engines : iterable of Engine
        Engines under test.
    found : mapping, optional
        Outcomes known from verification, by problem, size and engine; what is missing is computed.
    budget_s : float
        Time budget of one gradient in seconds.
    budget_bytes : int
        Memory budget of one gradient in bytes.
    truth_s : float
        Time that the truth of a case may take in seconds; if it does not suffice for all entries,
        a random sample is compared.
    threads : int
        Threads of the linear algebra libraries.
    on_done : callable, optional
        Called with each case when it is done.

    Returns
    -------
    pandas.DataFrame
        Columns as in `TRUTH_COLUMNS`. The status is `mismatch` where an engine is
        further from the truth than its tolerance allows, or its gradient fails the Taylor test.

    Notes
    -----
    Where there is no truth, or only a sample of it, the gradient takes the Taylor test; without
    any truth it is compared with another engine as well.

    Examples
    --------
    >>> from compare.problems import get_problem
    >>> frame = measure_errors([get_problem("neuron").case(1, seed=0)], [get_engine("graph")])
    >>> frame["status"].tolist(), bool(frame["ulp_max"][0] < 10)
    (['ok'], True)
    """
    # Late: pandas takes half a second to import, which a worker does not need.
    from compare.results.reading import as_frame

    budget, engines, rows = Budget(budget_s, budget_bytes), list(engines), []
    with Executor(threads) as executor:
        for case in cases:
            truth, reason = find_truth(case, executor, truth_s, budget_bytes)
            known: Found = dict(found or {})

            def outcome(engine: Engine, case: Case = case, known: Found = known) -> Outcome:
                key = (case.problem.name, case.size, engine.name)
                if key not in known:
                    known[key] = observe_in(executor, case, engine, budget)
                return known[key]

            for engine in engines:
                row: dict[str, Any] = {
                    "schema_version": SCHEMA_VERSION,
                    "problem": case.problem.name,
                    "size": case.size,
                    "label": case.label,
                    "engine": engine.name,
                    "parameters": case.parameters,
                    "entries": 0,
                }
                refusal = engine.refuses(case)
                if refusal:
                    row |= {"status": "unsupported", "message": refusal}
                elif (ended := outcome(engine)).status != "ok":
                    row |= {"status": ended.status, "message": ended.message}
                else:
                    row |= _judged(case, engine, ended.result.result, truth, reason, outcome)
                    if truth is None or truth.sampled:
                        row = _with_taylor(row, case, ended.result.result, executor, budget)
                rows.append(row)
            if on_done:
                on_done(case)
    return as_frame(rows, TRUTH_COLUMNS)


def find_truth(
    case: Case, executor: Executor, seconds: float, budget_bytes: int
) -> tuple[Truth | None, str]:
    """Return the truth of a case, or why there is none, found in a worker."""
    # The truth keeps to its time by itself, but for a last step that it cannot interrupt.
    outcome = executor.call(_truth_of, case, seconds, budget=Budget(20 * seconds, budget_bytes))
    if outcome.status == "ok":
        found: tuple[Truth | None, str] = outcome.result
        return found
    return None, f"no truth: {outcome.message}"


def _truth_of(case: Case, seconds: float) -> tuple[Truth | None, str]:
    """Return the truth of a case, or why there is none: the job of a worker."""
    try:
        truth = true_gradient(
            case.problem.function, case.inputs, case.wrt, seconds=seconds, seed=case.seed
        )
    except NoTruth as error:
        return None, str(error)
    return truth, ""


def _taylor_of(case: Case, gradients: Mapping[str, Any]) -> TaylorTest:
    """Return the Taylor test of a gradient: the job of a worker."""
    return taylor_test(case.problem.function, case.inputs, gradients, seed=case.seed)


def _judged(
    case: Case,
    engine: Engine,
    result: Result,
    truth: Truth | None,
    reason: str,
    outcome: Callable[[Engine], Outcome],
) -> dict[str, Any]:
    """Return the columns that compare a result with the truth, or with another engine."""
    value, gradients = result
    wrong = structure_error(value, gradients, {n: case.inputs[n] for n in case.wrt}, case.inputs)
    if wrong:
        return {"status": "mismatch", "message": wrong}
    precisions = sorted({str(np.asarray(x_bar).dtype) for x_bar in gradients.values()})
    columns: dict[str, Any] = {"precision": precisions[0] if precisions else ""}
    if truth is None:
        return columns | _against_another(case, engine, result, reason, outcome)
    errors = ulp_errors(value, gradients, truth, case.inputs)
    difference = difference_from_truth(case, engine, result, truth)
    remarks = [f"{truth.entries} entries at random"] * truth.sampled
    remarks += [difference.remark] * bool(difference.remark)
    if errors.other_slopes:
        remarks.append(
            f"{errors.other_slopes} entries at a kink, where it chose another of the slopes"
        )
    return columns | {
        "certified": _certificate(truth),
        "entries": errors.entries,
        "value_ulp": errors.value,
        "ulp_median": errors.median,
        "ulp_max": errors.largest,
        "ulp_max_at": errors.at,
        "ulp_of_largest": errors.of_largest,
        "status": "ok" if difference.agrees else "mismatch",
        "message": difference.message or "; ".join(remarks),
    }


def _certificate(truth: Truth) -> str:
    """Return the evidence that a truth is true."""
    balls = "balls of python-flint enclose 50 digits"
    differences = (
        f"central differences at two steps agree to 50 digits, of {truth.digits} computed "
        f"({_ARITHMETIC})"
    )
    if not truth.enclosed:
        return differences
    if truth.enclosed == truth.entries:
        return balls
    return f"{balls} of {truth.enclosed} entries; of the others {differences}"


def difference_from_truth(case: Case, engine: Engine, result: Result, truth: Truth) -> Difference:
    """Return the difference of a result from the truth, by the tolerance of its engine."""
    value, gradients = result
    true_value, reference = as_reference(truth, gradients)
    tolerance = tolerance_of(engine, case)
    found = compare_gradients(
        value, gradients, true_value, reference, tolerance, case.inputs, partial(terms_of, case)
    )
    return dataclasses.replace(found, message=found.message.replace("the reference", "the truth"))


def _against_another(
    case: Case,
    engine: Engine,
    result: Result,
    reason: str,
    outcome: Callable[[Engine], Outcome],
) -> dict[str, Any]:
    """Return the columns that compare a result with another engine's."""
    against = reference_name(case, engine)
    other = outcome(get_engine(against))
    if other.status != "ok":
        return {"status": "ok", "against": against, "message": f"{reason}; {against} has none"}
    tolerance = tolerance_between(engine, against, case)
    value, gradients = result
    other_value, reference = other.result.result
    difference = compare_gradients(
        value,
        gradients,
        other_value,
        reference,
        tolerance,
        case.inputs,
        partial(terms_of, case, against),
    )
    return {
        "certified": f"against {against}, no truth",
        "against": against,
        "max_error": difference.max_error,
        "status": "ok" if difference.agrees else "mismatch",
        "message": difference.message or "; ".join(filter(None, (reason, difference.remark))),
    }


def _with_taylor(
    row: dict[str, Any], case: Case, result: Result, executor: Executor, budget: Budget
) -> dict[str, Any]:
    """Return a row with the verdict of the Taylor test."""
    ended = executor.call(_taylor_of, case, dict(result[1]), budget=budget)
    if ended.status != "ok":
        return {**row, "message": f"{row['message']}; no Taylor test: {ended.message}"}
    test: TaylorTest = ended.result
    row = {**row, "taylor_slope": test.slope}
    row["certified"] = "; ".join(filter(None, [row.get("certified"), "Taylor test"]))
    if not test.right and row["status"] == "ok":
        row |= {"status": "mismatch", "message": test.message}
    return row

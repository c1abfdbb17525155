"""Agreement of gradients: every engine against a reference, entry by entry, and its state."""

import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pandas as pd

from compare.checks.difference import entry_name, structure_error
from compare.checks.reference import reference_name, tolerance_between
from compare.checks.state_check import WRONG_AT_SECOND_INPUTS, Observed, judge_job, observe_in
from compare.engines import chosen_engines, get_engine
from compare.engines.engine import Engine
from compare.problems.own import own_problem
from compare.problems.problem import Case
from compare.process.executor import Budget, Executor, Outcome
from compare.process.threads import pinned_cores
from compare.results.reading import as_frame
from compare.results.schema import AGREEMENT_COLUMNS, SCHEMA_VERSION

if TYPE_CHECKING:
    from compare.truth.gradient import Truth


__all__ = ["verify", "verify_cases"]

#: Time in s for the truth where an engine and its reference differ; it tells which is wrong.
_TRUTH_S = 2.0


def verify_cases(
    cases: Sequence[Case],
    engines: Iterable[Engine],
    *,
    budget_s: float,
    budget_bytes: int,
    threads: int = 1,
    on_done: Callable[[Case, Engine], None] | None = None,
    found: dict[tuple[str, int, str], Outcome] | None = None,
) -> pd.DataFrame:
    """Return the agreement of every engine with its reference on every case.

    Each gradient is computed in a worker process under the budgets; one that hangs or dies
    costs its own row only. Where an engine differs from its reference the truth in 50 digits
    decides which of the two is wrong, if there is one.
    """
    # late: mpmath takes 0.1 s to import, and reports need no truth
    from compare.truth.measure import find_truth

    budget, engines = Budget(budget_s, budget_bytes), list(engines)
    rows = []
    known: dict[tuple[str, int, str], Outcome] = {} if found is None else found
    with Executor(threads) as executor:

        def observed(case: Case, engine: Engine) -> Outcome:
            place = (case.problem.name, case.size, engine.name)
            if place not in known:
                known[place] = observe_in(executor, case, engine, budget)
            return known[place]

        _at_once(cases, engines, threads, observed, on_done)
        for case in cases:
            gradient = functools.partial(observed, case)

            @functools.cache
            def truth(case: Case = case) -> "Truth | None":
                return find_truth(case, executor, _TRUTH_S, budget_bytes)[0]

            for engine in engines:
                against = reference_name(case, engine)
                refusal = _refusal(case, engine)
                if refusal is not None:
                    judged: dict[str, Any] = {"status": refusal.status, "message": refusal.message}
                else:
                    judged = _judge(case, engine, gradient, against, executor, budget)
                    if judged["status"] in ("mismatch", "error"):
                        judged = _revised(judged, case, engine, gradient(engine), against, truth)
                rows.append(
                    {
                        "schema_version": SCHEMA_VERSION,
                        "problem": case.problem.name,
                        "label": case.label,
                        "engine": engine.name,
                        "against": against,
                        **judged,
                    }
                )
    return as_frame(rows, AGREEMENT_COLUMNS)


def _refusal(case: Case, engine: Engine) -> Outcome | None:
    """Return why an engine does not take a case, or None if it does."""
    try:
        reason = engine.refuses(case)
    except Exception as error:
        return Outcome("error", message=f"{type(error).__name__}: {error}")
    return Outcome("unsupported", message=reason) if reason else None


def _at_once(
    cases: Sequence[Case],
    engines: Sequence[Engine],
    threads: int,
    observed: Callable[[Case, Engine], Outcome],
    on_done: Callable[[Case, Engine], None] | None,
) -> None:
    """Observe engines on all cases, as many at a time as there are cores: no clock is running."""
    ended = threading.Event()

    def observe_all(engine: Engine) -> None:
        for case in cases:
            if ended.is_set():
                return
            if _refusal(case, engine) is None:
                observed(case, engine)
            if on_done:
                on_done(case, engine)

    pool = ThreadPoolExecutor(max(1, len(pinned_cores() or [0]) // threads))
    try:
        list(pool.map(observe_all, engines))
    finally:
        # What is under way ends with the processes of the executor.
        ended.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _judge(
    case: Case,
    engine: Engine,
    gradient: Callable[[Engine], Outcome],
    against: str,
    executor: Executor,
    budget: Budget,
) -> dict[str, Any]:
    """Return the status, error and message of one engine against its reference."""
    outcome = gradient(engine)
    if outcome.status != "ok":
        return {"status": outcome.status, "message": outcome.message}
    reference = gradient(get_engine(against))
    if reference.status != "ok":
        return {
            "status": "error",
            "message": f"the reference {against} ended as {reference.status}: {reference.message}",
        }
    seen: Observed = reference.result
    results = (seen.result, seen.at_second_inputs)
    verdict = executor.run(
        judge_job, case, engine, outcome.result, against, *results, budget=budget
    )
    if verdict.status != "ok":
        return {"status": "error", "message": f"it could not be judged: {verdict.message}"}
    columns = {key: value for key, value in verdict.result.items() if key != "reference"}
    return {**columns, "tolerance": tolerance_between(engine, against, case).relative}


def _revised(
    judged: dict[str, Any],
    case: Case,
    engine: Engine,
    outcome: Outcome,
    against: str,
    truth: "Callable[[], Truth | None]",
) -> dict[str, Any]:
    """Return a verdict, or another one where it is the reference that is not true."""
    # late: as in `verify_cases`
    from compare.truth.measure import difference_from_truth

    seen: Observed | None = outcome.result
    if outcome.status != "ok" or seen is None or seen.complaint or seen.failed:
        return judged
    shapes = {name: case.inputs[name] for name in case.wrt}
    if judged["message"].startswith(WRONG_AT_SECOND_INPUTS) or structure_error(
        *seen.result, shapes, case.inputs
    ):
        return judged
    known = truth()
    if known is None or known.sampled:
        return judged
    if known.slopes:  # at a kink there is no derivative that could decide
        here = {entry_name(*place): both for place, both in known.slopes.items()}
        if judged.get("max_error_at") in here:
            low, high = map(float, here[judged["max_error_at"]])
            judged["message"] += f"; at a kink: its slope is {low:g} below and {high:g} above"
        return judged
    difference = difference_from_truth(case, engine, seen.result, known)
    if not difference.agrees:
        return judged
    return {
        "status": "ok",
        "message": f"it is the reference {against} that is wrong: this is the truth in 50 digits",
        "max_error": difference.max_error,
        "max_error_at": difference.at,
        "tolerance": difference.tolerance,
    }


def verify(
    f: Callable[..., Any],
    *args: Any,
    wrt: str | Sequence[str] | None = None,
    engines: Iterable[str | Engine] | None = None,
    analytic: bool = False,
    budget_s: float = 20.0,
    budget_bytes: int = 2 * 1024**3,
) -> pd.DataFrame:
    """Return the agreement of the engines on the gradient of a function.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    *args : float or array, or dict, list, tuple, NamedTuple or dataclass of them
        Its arguments, where the gradients are compared; what has no derivative by its type, such
        as whole numbers and texts, is a constant.
    wrt : str or sequence of str, optional
        Arguments to differentiate with respect to, such as ``"params"`` or ``"params.w1"``; all
        by default.
    engines : iterable of str or Engine, optional
        Engines under test; all that can do the function by default.
    analytic : bool
        Whether `f` is analytic: then a complex step is taken too.
    budget_s : float
        Time budget of each gradient in seconds.
    budget_bytes : int
        Memory budget of each gradient in bytes.

    Returns
    -------
    pandas.DataFrame
        A row an engine: ``engine``, ``against``, ``status``, ``max_error``, ``max_error_at``,
        ``tolerance``, ``message``; the largest error is given also where the engines agree.

    Raises
    ------
    TypeError
        If no argument, or one that `wrt` names, is of floating-point type.
    ValueError
        If an engine is unknown, a budget is not positive, or `f` returns no scalar.

    Notes
    -----
    Each engine runs at the arguments, at others (every entry moved by up to 0.1 %), and at the
    arguments again: a result that changes, that is not repeated bit for bit, or that shares memory
    with an argument is a mismatch as well. Where an engine differs from its reference, the truth
    in 50 digits decides which of the two is wrong, if `f` can be evaluated in so many
    (`compare.truth.true_gradient`).

    Examples
    --------
    >>> import numpy as np
    >>> def loss(w, x):
    ...     return np.sum(np.tanh(w * x) ** 2)
    >>> frame = verify(loss, np.array([0.5, -1.0]), 2.0, engines=["graph", "shared"])
    >>> frame["status"].tolist()
    ['ok', 'ok']
    """
    case = own_problem(f, args, wrt=wrt, analytic=analytic).case(1, seed=0)
    return verify_cases(
        [case], chosen_engines(case, engines), budget_s=budget_s, budget_bytes=budget_bytes
    )

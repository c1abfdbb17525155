"""The suite, run: every library in a process of its own, every answer judged outside of it."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from compare.conformance.case import Case, digits
from compare.conformance.judge import Verdict, verdict_of
from compare.conformance.libraries import Library, installed, nested
from compare.conformance.program import program
from compare.conformance.suite import FAMILIES, cases_of
from compare.process.executor import Budget, Executor, Outcome
from compare.process.jobs import call
from compare.results.reading import as_frame
from compare.results.schema import CONFORMANCE_COLUMNS, SCHEMA_VERSION

__all__ = ["answer", "by_gradient", "conformance"]

_BUDGET = Budget(60.0, 4 * 1024**3)


def conformance(
    engines: Sequence[str] | None = None,
    families: Sequence[str] | None = None,
    gradient: tuple[str, Callable[..., Any]] | None = None,
    on_done: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Return the verdict on every library for every case of the suite.

    Parameters
    ----------
    engines : sequence of str, optional
        Names of libraries; all that are installed by default.
    families : sequence of str, optional
        Families of cases; all by default.
    gradient : tuple of str and callable, optional
        Another library: its name, and ``gradient(f, wrt)``, which returns a function of the
        arguments of `f` that returns the derivatives by those whose numbers are in `wrt`.
    on_done : callable, optional
        ``on_done(name, done, all)`` is called after each case.

    Returns
    -------
    pandas.DataFrame
        A row for each library and case: ``family``, ``case``, ``library``, ``version``,
        ``verdict``, ``value``, ``truth``, ``ulps``, ``message``, ``why``, ``program``.

    Raises
    ------
    ValueError
        If a library or a family is unknown, or `gradient` is no function.

    Examples
    --------
    >>> frame = conformance(["autodiff"], ["masks"])
    >>> frame["verdict"].unique().tolist()
    ['right']
    """
    cases = [case for family in families or FAMILIES for case in cases_of(family)]
    if gradient and not callable(gradient[1]):
        kind = type(gradient[1]).__name__
        raise ValueError(f"{gradient[0]} is of type {kind}; expected a function gradient(f, wrt)")
    chosen: list[Library] = [] if gradient and engines is None else installed(engines)
    if gradient:
        chosen.append(Library(gradient[0], "", partial(by_gradient, gradient[1])))
    rows = []
    with Executor() as executor:
        for library in chosen:
            for done, case in enumerate(cases, 1):
                job = (answer, library.derivative, case.family, case.name)
                outcome = executor.run(call, *job, budget=_BUDGET, of=library.name)
                rows.append(_row(case, library, _judged(case, outcome, library.module)))
                if on_done:
                    on_done(library.name, done, len(cases))
    return as_frame(rows, CONFORMANCE_COLUMNS)


def answer(
    derivative: Callable[[Case], Sequence[Any]], family: str, name: str
) -> tuple[list[Any] | None, str]:
    """Return the derivatives that a library gives for a case, and its warning, or its error."""
    case = next(case for case in cases_of(family) if case.name == name)
    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        for kind in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", kind)  # what they tell of is not the answer
        try:
            found = derivative(case)
        except (Exception, SystemExit) as error:
            return None, f"{type(error).__name__}: {error}"
    numbers = [np.asarray(x) if isinstance(x, np.ndarray | np.generic) else x for x in found]
    return numbers, f"{told[0].category.__name__}: {told[0].message}" if told else ""


def by_gradient(gradient: Callable[..., Any], case: Case) -> Sequence[Any]:
    """Return the derivatives by ``gradient(f, wrt)``, nested for the second order."""
    found: Sequence[Any] = nested(gradient, case, np.sum)
    return found


def _judged(case: Case, outcome: Outcome, module: str) -> Verdict:
    if outcome.status == "ok":
        found, message = outcome.result
        return verdict_of(case, found, message, module)
    if outcome.status in ("timeout", "memory"):
        return Verdict("timeout", outcome.message)
    return Verdict("crashed", outcome.message)


def _row(case: Case, library: Library, verdict: Verdict) -> dict[str, Any]:
    truth = "no derivative" if case.truth is None else "; ".join(map(digits, case.truth))
    return {
        "schema_version": SCHEMA_VERSION,
        "family": case.family,
        "case": case.name,
        "library": library.name,
        "version": library.version,
        "verdict": verdict.verdict,
        "value": verdict.value,
        "truth": truth,
        "ulps": verdict.ulps,
        "message": verdict.message,
        "why": case.why,
        "program": program(case, library),
    }

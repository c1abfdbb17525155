"""The check of an engine for hidden state, before any clock starts.

A gradient that is right once may come from a buffer that the next call overwrites, from inputs that
were baked in, or from a dice. `observe` needs the engine: it runs it at its inputs, at second ones
and at the first again. `judge` needs only the observations and a reference at both inputs.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.ma  # NumPy loads it late, which may fail under what an engine has set

from compare.checks.difference import (
    VALUE,
    Difference,
    compare_gradients,
    part_name,
    unlike_numbers,
)
from compare.checks.reference import tolerance_between
from compare.checks.rounding import terms_of
from compare.checks.tolerance import Tolerance
from compare.engines.engine import Engine
from compare.problems.problem import Case, Inputs
from compare.process.executor import Budget, Executor, Outcome
from compare.process.ipc import numbers_only
from compare.process.jobs import Report

__all__ = [
    "WRONG_AT_SECOND_INPUTS",
    "Observed",
    "Result",
    "digest",
    "input_digests",
    "is_finite",
    "judge",
    "judge_job",
    "kept",
    "moved_inputs",
    "observe",
    "observe_in",
    "result_of",
    "unchecked_reason",
    "unfinished",
    "with_moved_inputs",
    "with_second_inputs",
]

#: Value, and gradients by name.
Result = tuple[Any, Mapping[str, Any]]

#: How far each entry is moved, relative to itself, where a problem has inputs of one seed only.
_MOVED = 2.0**-10
#: How a message begins where the first result was right.
WRONG_AT_SECOND_INPUTS = "right at the inputs it was prepared with, wrong at others"

#: Longest run in s, and most entries of the inputs, that are run again in a sweep; the engine was
#: checked when it was verified, and at the smaller sizes.
_LONGEST_S = 1.0
_LARGEST = 2_000_000

#: Of 80 MB, a gradient of ten million parameters, it takes half the time of BLAKE2 where the
#: processor knows it. It tells accidents; who could forge it could as well replace it.
_digest = partial(hashlib.sha1, usedforsecurity=False)


@dataclasses.dataclass(frozen=True)
class Observed:
    """The runs of an engine at its inputs, at second ones, and at its inputs again.

    Parameters
    ----------
    result : tuple
        Value and gradients of the first run, as they were then.
    at_second_inputs : tuple, optional
        Value and gradients at `with_second_inputs`; None where the engine raised there.
    complaint : str
        The hidden state that was found; empty if none.
    remark : str
        Why there is no result at second inputs; empty if there is one.
    failed : str
        The exception of the repeated run; empty if it had none.
    unchecked : str
        Why the engine was not run again; empty if it was.
    """

    result: Result
    at_second_inputs: Result | None = None
    complaint: str = ""
    remark: str = ""
    failed: str = ""
    unchecked: str = ""


def input_digests(inputs: Mapping[str, Any]) -> dict[str, bytes]:
    """Return a digest of each input, by which a change is noticed without keeping a copy.

    Examples
    --------
    >>> x = np.ones(2)
    >>> before = input_digests({"x": x})
    >>> x[0] = -1.0
    >>> before == input_digests({"x": x})
    False
    """
    return {name: _digest(_bits(value)).digest() for name, value in inputs.items()}


def with_second_inputs(case: Case) -> Case:
    """Return a case of the same shapes with other inputs.

    Examples
    --------
    >>> from compare.problems import get_problem
    >>> with_second_inputs(get_problem("circuit").case(1, seed=0)).seed
    1
    """
    other = Case(case.problem, case.size, case.seed + 1)
    if input_digests(other.inputs) != input_digests(case.inputs):
        return other
    return with_moved_inputs(case, case.seed)


def with_moved_inputs(case: Case, seed: int) -> Case:
    """Return a case whose inputs are those of `moved_inputs`."""
    moved = moved_inputs(case, seed)

    def inputs(size: int, rng: np.random.Generator) -> Inputs:
        return dict(moved)

    return Case(dataclasses.replace(case.problem, inputs=inputs), case.size, case.seed)


def moved_inputs(case: Case, seed: int) -> Inputs:
    """Return the inputs of a case with every entry moved a little."""
    rng = np.random.default_rng(seed)
    return {name: _moved(value, rng) for name, value in case.inputs.items()}


def _moved(value: Any, rng: np.random.Generator) -> Any:
    """Return an input with every entry moved a little; zeros and whole numbers stay."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    factors = (1.0 + _MOVED * rng.uniform(-1.0, 1.0, array.shape)).astype(array.dtype)
    with np.errstate(over="ignore"):
        moved = np.where(np.isfinite(array * factors), array * factors, array)
    return moved if isinstance(value, np.ndarray) else type(value)(moved)


def result_of(returned: Any) -> Result:
    """Return value and gradients that an engine returned, if that is what they are.

    Examples
    --------
    >>> result_of(None)
    Traceback (most recent call last):
    TypeError: the engine returned a NoneType; expected the value and a mapping of gradients by name
    """
    if isinstance(returned, tuple) and len(returned) == 2:
        value, gradients = returned
        if isinstance(gradients, Mapping):
            # Each is asked for by its name: a mapping may compute them only then.
            return value, {name: gradients[name] for name in gradients}
    raise TypeError(
        f"the engine returned {_arrived(returned)}; expected the value and a mapping of gradients "
        "by name"
    )


def _arrived(returned: Any) -> str:
    """Return the kind of what an engine returned."""
    parts = ""
    if isinstance(returned, tuple):
        parts = f" of {', '.join(type(part).__name__ for part in returned) or 'nothing'}"
    return f"a {type(returned).__name__}{parts}"


def unfinished(returned: Any) -> str:
    """Return why a result may still have to be computed; empty where it holds all of its parts."""
    if type(returned) is not tuple or len(returned) != 2 or type(returned[1]) is not dict:
        return f"{_arrived(returned)} arrived; expected a tuple of a value and a dict"
    return _foreign(returned)


def digest(result: Result) -> bytes:
    """Return a digest of value and gradients, by which a difference of one bit is noticed."""
    found = _digest()
    for name, part in sorted(_parts(result).items()):
        array = np.asarray(part)
        found.update(f"{name} {array.dtype} {array.shape}".encode("utf-8", "surrogatepass"))
        found.update(_bits(array))
    return found.digest()


def kept(result: Result) -> Result:
    """Return a copy of a result that no later call can change, and any process can read."""
    value, gradients = result
    return _copied(value), {name: _copied(x_bar) for name, x_bar in gradients.items()}


def _copied(part: Any) -> Any:
    """Return a copy of numbers alone; of what is none the name of its type, and nothing to run."""
    if unlike_numbers("", part):
        return type(part).__name__
    if type(part) is numpy.ma.MaskedArray:
        return part.copy()
    return np.array(part, subok=False) if isinstance(part, np.ndarray) else np.asarray(part)[()]


def observe(
    case: Case,
    run: Callable[[Mapping[str, Any]], Any],
    first: Any,
    before: Mapping[str, bytes],
    threads: int = 1,
    first_run_s: float = 0.0,
) -> Observed:
    """Return the behaviour of an engine after its first run."""
    first = result_of(first)
    result = kept(first)
    complaint = _foreign(first) or _mutated(before, case.inputs) or _aliased(first, case.inputs)
    reason = unchecked_reason(case, first_run_s)
    if reason:
        return Observed(result, None, complaint, f"state not checked: {reason}", "", reason)
    remark, at_second_inputs = "", None
    try:
        there = result_of(run(with_second_inputs(case).inputs))
        at_second_inputs = kept(there)
    except Exception as error:
        # Who refuses other inputs computes no wrong gradient: a graph whose branches change does.
        remark = f"not checked at other inputs: {type(error).__name__}: {error}"
    complaint = complaint or _overwritten(first, result, "the first result")
    try:
        again = result_of(run(case.inputs))
    except Exception as error:
        failed = f"a second run at the same inputs raised {type(error).__name__}: {error}"
        return Observed(result, at_second_inputs, complaint, remark, failed)
    complaint = complaint or _mutated(before, case.inputs)
    if at_second_inputs is not None:
        complaint = complaint or _overwritten(there, at_second_inputs, "the second result")
    if threads == 1:
        complaint = complaint or _unlike_before(result, again)
    return Observed(result, at_second_inputs, complaint, remark)


def unchecked_reason(case: Case, first_run_s: float) -> str:
    """Return the reason why an engine is not run again, or an empty string if it is.

    Examples
    --------
    >>> from compare.problems import get_problem
    >>> unchecked_reason(get_problem("circuit").case(1, 0), 2.5)
    'one run took 2.5 s'
    """
    if first_run_s > _LONGEST_S:
        return f"one run took {first_run_s:.2g} s"
    entries = sum(int(np.size(value)) for value in case.inputs.values())
    return f"the inputs have {entries:,} entries" if entries > _LARGEST else ""


def _foreign(result: Result) -> str:
    """Return a complaint about a part that is no array and no number, whatever it turns into."""
    found = (unlike_numbers(name, part) for name, part in _parts(result).items())
    return next(filter(None, found), "")


def _mutated(before: Mapping[str, bytes], inputs: Mapping[str, Any]) -> str:
    """Return a complaint about inputs that an engine has changed."""
    after = input_digests(inputs)
    changed = [name for name in before if after.get(name) != before[name]]
    return f"it changed its input {', '.join(changed)}: inputs are read-only" if changed else ""


def _aliased(result: Result, inputs: Mapping[str, Any]) -> str:
    """Return a complaint about a gradient that shares memory with an input."""
    for name, x_bar in result[1].items():
        for argument, value in inputs.items():
            if _share(x_bar, value):
                return (
                    f"the gradient of {name} shares memory with the input {argument}: "
                    "whoever changes one changes the other"
                )
    return ""


def _share(a: Any, b: Any) -> bool:
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)):
        return False
    return np.may_share_memory(a, b) and np.shares_memory(a, b)


def _parts(result: Any) -> dict[str, Any]:
    return {VALUE: result[0], **result[1]}


def _bits(part: Any) -> Any:
    """Return the bytes of an array, without a copy where it is contiguous."""
    array = np.ascontiguousarray(part).reshape(-1)
    if array.dtype.hasobject:
        return np.frombuffer(repr(array.tolist()).encode(), np.uint8)
    return array.view(np.uint8)


def _same_bits(a: Any, b: Any) -> bool:
    return np.asarray(a).dtype == np.asarray(b).dtype and np.array_equal(_bits(a), _bits(b))


def _overwritten(given: Result, result: Result, which: str) -> str:
    """Return a complaint about a result that changed when the engine was run again."""
    then = _parts(result)
    for name, part in _parts(given).items():
        if isinstance(part, np.ndarray) and not _same_bits(part, then[name]):
            return f"{which} changed when the engine ran again: {part_name(name)} is a stale buffer"
    return ""


def _unlike_before(result: Result, again: Result) -> str:
    """Return a complaint about a result that came out different at the same inputs."""
    then, now = _parts(result), _parts(again)
    for name in then:
        if name in now and _same_bits(then[name], now[name]):
            continue
        return f"not deterministic: a second run at the same inputs changed {part_name(name)}"
    return ""


def judge(
    case: Case,
    observed: Observed,
    against: str,
    reference: Result,
    reference_at_second_inputs: Result | None,
    tolerance: Tolerance,
) -> dict[str, Any]:
    """Return the verdict on the observations, as columns of a table."""
    difference = compare_gradients(
        *observed.result, *reference, tolerance, case.inputs, partial(terms_of, case, against)
    )
    columns = {"max_error": difference.max_error, "max_error_at": difference.at}
    if observed.failed:
        return {"status": "error", "message": observed.failed}
    if observed.complaint or not difference.agrees:
        message = observed.complaint or difference.message
        return {"status": "mismatch", "message": message, **columns}
    remarks = [difference.remark]
    if observed.at_second_inputs is None:
        remarks.append(observed.remark)
    elif reference_at_second_inputs is None or not is_finite(reference_at_second_inputs):
        remarks.append(f"not checked at other inputs: {against} has no finite gradient there")
    else:
        second = with_second_inputs(case)
        there = compare_gradients(
            *observed.at_second_inputs,
            *reference_at_second_inputs,
            tolerance,
            second.inputs,
            partial(terms_of, second, against),
        )
        if not there.agrees:
            return {"status": "mismatch", "message": _at_others(there), **columns}
    return {"status": "ok", "message": "; ".join(filter(None, remarks)), **columns}


def is_finite(result: Result) -> bool:
    """Return whether all numbers of a result are finite."""
    return all(bool(np.all(np.isfinite(part))) for part in _parts(result).values())


def _at_others(there: Difference) -> str:
    return f"{WRONG_AT_SECOND_INPUTS}: {there.message}"


def judge_job(
    report: Report,
    case: Case,
    engine: Engine,
    observed: Observed,
    against: str,
    reference: Result,
    reference_at_second_inputs: Result | None,
) -> dict[str, Any]:
    """Return the verdict on an engine's observations: a job for a worker that is not its own."""
    report("check", {})
    tolerance = tolerance_between(engine, against, case)
    verdict = judge(case, observed, against, reference, reference_at_second_inputs, tolerance)
    return {**verdict, "reference": against}


def _observe_engine(report: Report, case: Case, engine: Engine) -> Observed:
    """Return the behaviour of an engine on a case, from its preparation on: a job for a worker."""
    threads = int(os.environ.get("OMP_NUM_THREADS", 1))
    before = input_digests(case.inputs)
    engine.configure(threads)
    report("build", {})
    prepared = engine.prepare(case)
    if prepared.compile is not None:
        prepared.compile()
    # The runs that follow count like the first: an engine may hang at any of them.
    report("first run", {})
    observed = observe(case, prepared.run, prepared.run(case.inputs), before, threads)
    report("answer", {})
    return observed


def observe_in(executor: Executor, case: Case, engine: Engine, budget: Budget) -> Outcome:
    """Return the behaviour of an engine on a case, observed in a process of its own."""
    imports = (__name__, *engine.imports)
    return executor.run(
        _observe_engine,
        case,
        engine,
        budget=budget,
        of=engine.name,
        imports=imports,
        loads=numbers_only,
    )

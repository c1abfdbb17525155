"""`assert_gradients_agree`: one call that raises where gradients do not agree."""

import functools
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from compare.checks.difference import Difference, compare_gradients
from compare.checks.rounding import terms_of
from compare.checks.tolerance import TOLERANCES, Tolerance, widest
from compare.engines.engine import Engine
from compare.problems.arguments import arguments_of
from compare.problems.own import name_of, problem_of
from compare.problems.problem import Case
from compare.testing.gradients import NamedGradient, given_gradient, gradients_of
from compare.testing.message import message
from compare.testing.repeat import repetition

__all__ = ["Agreed", "assert_gradients_agree"]


@dataclass(frozen=True)
class Agreed:
    """The gradients that agree.

    Parameters
    ----------
    gradients : tuple of str
        Names of the engines whose gradients were compared, all of which agree; the caller's own
        is called ``"your gradient"``.
    wrt : tuple of str
        Arguments that they were taken with respect to.
    skipped : dict of str
        Engines that could not do the function, and why.
    """

    gradients: tuple[str, ...]
    wrt: tuple[str, ...]
    skipped: dict[str, str] = field(default_factory=dict)


def assert_gradients_agree(
    f: Callable[..., Any],
    *args: Any,
    wrt: str | Sequence[str] | None = None,
    engines: Iterable[str | Engine] | None = None,
    gradient: Any = None,
    rtol: float | None = None,
    atol: float | None = None,
    analytic: bool = False,
    isolate: bool = False,
    samples: int = 256,
    seed: int = 0,
    budget_s: float = 60.0,
    folder: str | os.PathLike[str] | None = None,
) -> Agreed:
    """Return the names of the gradients of a function that agree, or raise where two do not.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar, and the same one whenever it is called.
    *args : float or array, or dict, list, tuple, NamedTuple or dataclass of them
        Its arguments, where the gradients are compared. Whole numbers, booleans, texts, functions
        and arrays of whole numbers are constants. Arrays of JAX and PyTorch, and Series and
        DataFrames, become arrays of NumPy of the same type.
    wrt : str or sequence of str, optional
        Arguments to differentiate with respect to, such as ``"params"`` or ``"params.w1"``; all
        floating-point ones by default.
    engines : iterable of str or Engine, optional
        Engines that compute it. By default the graph, the formula (by whole matrices, else by
        entries), central differences, and a complex step if `f` is analytic. One that cannot do
        `f` is skipped.
    gradient : callable or array or tuple or dict, optional
        Your own gradient. A callable takes the arguments of `f`. What it returns, or what is given
        here, is for one argument an array, or a structure like the argument; for several a tuple
        of these in the order of `wrt`, or a dict by name; or a pair of the value and any of these.
    rtol : float, optional
        Tolerance relative to the larger of two entries, in place of that of
        `compare.checks.tolerance.TOLERANCES`; central differences keep theirs where it is wider.
    atol : float, optional
        Two entries that differ by no more than this agree in any case.
    analytic : bool
        Whether `f` is analytic: then a complex step is taken too.
    isolate : bool
        Whether each engine computes in a process of its own, under `budget_s`: a hundred times
        slower, and safe against engines that hang or die.
    samples : int
        Entries at which central differences are taken; the others are not compared with them.
    seed : int
        Of the choice of these entries: nothing else is random.
    budget_s : float
        Time budget of each engine in seconds, if isolated.
    folder : path, optional
        Where large arguments are saved for the repetition; a new temporary folder by default.

    Returns
    -------
    Agreed
        The names of the gradients that agree, and of the engines that were skipped.

    Raises
    ------
    AssertionError
        If two gradients do not agree. The message shows for each such pair the worst entry, both
        values, how far they are apart, and how many entries are off; who agrees with whom; and a
        program that repeats the comparison.
    TypeError
        If an argument can not be differentiated, or the value of `f` is no real number.
    ValueError
        If `f` returns no scalar or is not deterministic, a name is unknown, a tolerance makes no
        sense, or fewer than two independent gradients are left. Engines of one library share
        code, and may share mistakes: they count as one.

    Notes
    -----
    Where a function has a kink (a tie of maxima, the corner of a ReLU) there is no derivative, and
    engines differ by convention; the message says so if the slopes to the left and to the
    right differ.

    Examples
    --------
    >>> def loss(w, x):
    ...     return np.sum(np.tanh(x @ w) ** 2)
    >>> w, x = np.array([0.5, -0.25]), np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> assert_gradients_agree(loss, w, x).gradients
    ('graph', 'matrix', 'finite-differences')
    >>> def wrong(w, x):
    ...     h = np.tanh(x @ w)
    ...     return x.T @ (2 * h)  # the derivative of tanh is missing
    >>> try:
    ...     assert_gradients_agree(loss, w, x, wrt="w", gradient=wrong)
    ... except AssertionError as error:
    ...     print(str(error).splitlines()[0])
    the gradients of loss do not agree: 3 of 6 pairs differ
    """
    __tracebackhide__ = True
    _check_settings(rtol, atol, samples)
    name = name_of(f)
    arguments = arguments_of(f, args, {}, name)
    case = problem_of(f, arguments, arguments.chosen(wrt, name), analytic=analytic).case(1, seed)
    _check_value(case)
    base = _tolerance(case, rtol)
    gradients, skipped = gradients_of(
        case, engines, base, samples=samples, budget_s=budget_s if isolate else None
    )
    if gradient is not None:
        gradients.insert(0, given_gradient(case, gradient, arguments, wrt, base))
    _check_independence(case, gradients, skipped)
    terms = functools.cache(functools.partial(terms_of, case, "finite-differences"))
    pairs = {
        (a.name, b.name): difference_between(a, b, case.inputs, atol, terms)
        for a, b in combinations(gradients, 2)
    }
    if all(difference.agrees for difference in pairs.values()):
        return Agreed(tuple(gradient.name for gradient in gradients), case.wrt, skipped)
    said = {"wrt": wrt, "engines": engines, "rtol": rtol, "atol": atol}
    said |= {"analytic": analytic, "isolate": isolate, "samples": samples, "seed": seed}
    raise AssertionError(
        message(case, gradients, pairs, skipped)
        + "\n\nTo repeat:\n"
        + repetition(f, args, gradient, said, folder)
    )


def difference_between(
    a: NamedGradient,
    b: NamedGradient,
    inputs: Mapping[str, Any],
    atol: float | None,
    terms: Callable[[Tolerance], Mapping[str, float]] | None = None,
) -> Difference:
    """Return the difference of two gradients, the second one being the reference."""
    reference = b.by_argument if atol is None else _without_near(a.by_argument, b.by_argument, atol)
    tolerance = widest(a.tolerance, b.tolerance)
    return compare_gradients(a.value, a.by_argument, b.value, reference, tolerance, inputs, terms)


def _without_near(
    gradients: Mapping[str, Any], reference: Mapping[str, Any], atol: float
) -> dict[str, Any]:
    """Return a reference without the entries that are as near as that: masked, not compared."""
    masked = {}
    for name, expected in reference.items():
        given: Any = gradients.get(name)
        if np.shape(given) != np.shape(expected) or np.asarray(given).dtype.kind != "f":
            masked[name] = expected
            continue
        with np.errstate(all="ignore"):
            near = np.abs(np.ma.getdata(expected) - given) <= atol
        masked[name] = np.ma.masked_where(near, expected) if np.any(near) else expected
    return masked


def _check_settings(rtol: float | None, atol: float | None, samples: int) -> None:
    if rtol is not None and not 0 < rtol < math.inf:
        raise ValueError(f"assert_gradients_agree: rtol {rtol!r}; expected a positive number")
    if atol is not None and not 0 <= atol < math.inf:
        raise ValueError(f"assert_gradients_agree: atol {atol!r}; expected a number of at least 0")
    if samples < 1:
        raise ValueError(f"assert_gradients_agree: samples {samples!r}; expected at least 1")


def _check_value(case: Case) -> None:
    """Refuse a function that returns another value at each call."""
    function, inputs = case.problem.function, case.inputs
    values = [np.asarray(function(**inputs)) for _ in range(2)]
    if values[0].tobytes() != values[1].tobytes():
        raise ValueError(
            f"{case.problem.name}: it returned {values[0][()]!r} and then {values[1][()]!r} for "
            "the same arguments; draw its random numbers outside, and leave its arguments as they "
            "are"
        )


def _tolerance(case: Case, rtol: float | None) -> Tolerance:
    """Return the tolerance of engines that are exact but for rounding in the type of the inputs."""
    single = any(np.asarray(x).dtype == np.float32 for x in case.inputs.values())
    base = TOLERANCES["float32" if single else "exact"]
    if rtol is None:
        return base
    reason = "asked for by the caller"
    return replace(base, relative=rtol, of_largest=min(base.of_largest, rtol), reason=reason)


def _check_independence(
    case: Case, gradients: Sequence[NamedGradient], skipped: dict[str, str]
) -> None:
    if len({gradient.kind for gradient in gradients}) >= 2:
        return
    found = ", ".join(gradient.name for gradient in gradients) or "none"
    why = "".join(f"\n  {name}: {reason}" for name, reason in skipped.items())
    raise ValueError(
        f"{case.problem.name}: an agreement needs two independent gradients, and there is only "
        f"{found}. Name more engines, give a gradient of your own, or say analytic=True if it is."
        + (f" Skipped:{why}" if why else "")
    )

"""Problems made of a user's own function and arguments."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from compare.problems.arguments import Arguments, arguments_of
from compare.problems.problem import Inputs, Problem

__all__ = ["OWN", "name_of", "own_problem", "problem_of", "value_of"]

#: Family of a user's own function.
OWN = "own"


def own_problem(
    f: Callable[..., Any],
    args: Sequence[Any],
    words: Mapping[str, Any] | None = None,
    *,
    wrt: str | Sequence[str] | None = None,
    analytic: bool = False,
) -> Problem:
    """Return a problem of one size, made of a function and its arguments."""
    name = name_of(f)
    arguments = arguments_of(f, args, words or {}, name)
    return problem_of(f, arguments, arguments.chosen(wrt, name), analytic=analytic)


def problem_of(
    f: Callable[..., Any], arguments: Arguments, wrt: tuple[str, ...], *, analytic: bool = False
) -> Problem:
    """Return a problem of one size, made of a function and its arguments taken apart."""
    name, inputs, function = name_of(f), arguments.inputs, arguments.function(f)
    if not wrt:
        raise ValueError(f"{name}: there is no argument to differentiate with respect to")
    value_of(function, inputs, name, arguments.converted)
    return Problem(
        name=name,
        family=OWN,
        function=function,
        wrt=wrt,
        inputs=lambda size, rng: dict(inputs),
        sizes=(1,),
        quick_sizes=(1,),
        verify_size=1,
        meaning="the user's own function",
        label=_label,
        analytic=analytic,
    )


def name_of(f: Callable[..., Any]) -> str:
    """Return the name of a function."""
    inner = getattr(f, "func", f)  # of a partial function
    return str(getattr(f, "__name__", getattr(inner, "__name__", type(f).__name__)))


def _label(size: int) -> str:
    """Return the label of arguments that do not grow."""
    return "as given"


def value_of(
    function: Callable[..., Any],
    inputs: Inputs,
    name: str,
    converted: Mapping[str, str] | None = None,
) -> float:
    """Return the value of a function at its arguments."""
    try:
        value = function(**inputs)
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace else ""
        was = ", ".join(f"{n} (a {kind})" for n, kind in (converted or {}).items())
        remark = f"; {was} became an array of NumPy before the call" if was else ""
        raise ValueError(
            f"{name} raised {type(error).__name__} at its arguments: {error}{where}{remark}"
        ) from error
    if value is None:
        raise ValueError(f"{name}: it returned nothing; a gradient needs a scalar: return one")
    shape = np.shape(value)
    if shape != ():
        raise ValueError(
            f"{name}: it returned an array of shape {shape}; a gradient needs a scalar: sum it"
        )
    dtype = np.asarray(value).dtype
    if dtype.kind not in "fiub":
        raise TypeError(f"{name}: its value is of dtype {dtype}; expected a real number")
    return float(value)

"""Making a plan: trace → passes → printer."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.pytrees import Structure, dict_keys, flatten
from autodiff.graph.trace import as_primal
from autodiff.plan.check import check
from autodiff.plan.operations import is_quiet
from autodiff.plan.passes.fast_math import half_angles
from autodiff.plan.passes.reassociate import reassociate
from autodiff.plan.passes.relu import relu_by_result
from autodiff.plan.passes.simplify import simplify
from autodiff.plan.plan import Plan
from autodiff.plan.program import Program, loops_on_arrays
from autodiff.plan.to_numpy import tiling
from autodiff.plan.to_numpy.buffers import assign_buffers
from autodiff.plan.to_numpy.placement import check_placed
from autodiff.plan.to_numpy.source import print_arrays
from autodiff.plan.to_python.scalars import is_scalar, print_scalars
from autodiff.plan.tracing.tracing import trace_program

__all__ = ["is_dynamic", "make_plan"]

Pass = Callable[[Program], Program]


def relu(program: Program) -> Program:
    """Return a program whose rectifiers keep no arguments, but of arrays that are tiled."""
    return relu_by_result(program, tiling.LARGE)


#: The recipe: what is applied to the program of a trace before it is printed, in this order.
PASSES: tuple[Pass, ...] = (simplify, half_angles, reassociate, relu)
#: Of these: with and without `fast_math`; and those whose operations have a loop of Numba's.
NUMPY_PASSES = {True: PASSES, False: (simplify, reassociate, relu)}
NUMBA_PASSES = (simplify, reassociate)
#: Operations up to which Numba gets those of loops on arrays one by one: it takes long for each.
MOST_UNROLLED = 5000
#: Whether a program is checked after each of them, as the tests do, not after the last alone.
CHECK_EVERY_PASS = False


def is_dynamic(x: Any, integer: bool) -> bool:
    """Return whether a leaf of the arguments is an input of a plan."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "fc" or (integer and x.dtype.kind in "iub" and x.ndim > 0)
    if isinstance(x, np.generic):
        return x.dtype.kind in "fc"
    return isinstance(x, float | complex)


def make_plan(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    expected: Any,
    *,
    integer: bool = True,
    fast_math: bool = False,
    donate: bool = False,
    backend: str = "numpy",
) -> tuple[Plan, list[Any]]:
    """Return the plan of a call."""
    leaves, structure = flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if is_dynamic(x, integer)]
    wanted, form = flatten(expected)

    def call(tensors: Sequence[Any]) -> Any:
        filled = list(leaves)
        for place, x in zip(places, tensors, strict=True):
            filled[place] = x
        positional, named = structure.unflatten(filled)
        return f(*positional, **named)

    names = _input_names(f, structure, args, kwargs)
    values = [
        x if isinstance(x, np.ndarray) and x.dtype.kind in "iub" else as_primal(x, "compile")
        for x in (leaves[i] for i in places)
    ]
    inputs = [names[i] for i in places]
    trace = trace_program(f, values, inputs, call)
    if trace.structure != form:
        raise TypeError("compile: the function returned another structure when it was traced")
    display, unflatten = _display(form)
    kinds = [type(x) for x in wanted]

    def result(texts: Sequence[str]) -> str:
        converted = [
            f"{kind.__name__}({text})" if kind in (float, complex) else text
            for kind, text in zip(kinds, texts, strict=True)
        ]
        return display(converted)

    name = getattr(f, "__name__", "a function")
    note = ""
    if backend == "numba":
        # late: Numba takes a second to import, and need not be installed.
        from autodiff.plan.to_numba.plan import numba_plan

        unrolled = trace
        if loops_on_arrays(trace.program.nodes) and trace.program.operations <= MOST_UNROLLED:
            unrolled = trace_program(f, values, inputs, call, "numbers")
        program = applied(unrolled.program, NUMBA_PASSES)
        found = numba_plan(name, program, inputs, values, result, (display, unflatten), donate)
        if isinstance(found, Plan):
            return found, trace.outside
        note = found
    program = applied(trace.program, NUMPY_PASSES[fast_math])
    title = f"Plan of {name}: {program.operations} operations."
    constants: dict[str, Any] = {}
    numpy_source, peak_bytes = "", 0
    if is_scalar(program):
        source, numpy_source = print_scalars(program, inputs, display, result, title)
    else:
        units = tiling.group(program)
        buffers = assign_buffers(units, program, donate=donate)
        check_placed(units, buffers, program)
        peak_bytes = buffers.peak_bytes
        source, constants = print_arrays(
            program, units, buffers, inputs, result, title, donate=donate
        )
    plan = Plan(
        source,
        constants,
        peak_bytes,
        program.operations,
        is_quiet(program),
        unflatten,
        len(places),
        numpy_source,
    )
    plan.note = note
    return plan, trace.outside


def applied(program: Program, passes: Sequence[Pass]) -> Program:
    """Return a program after passes, one after the other; it is checked."""
    for number, each in enumerate(passes, 1):
        program = each(program)
        if CHECK_EVERY_PASS or number == len(passes):
            check(program)
    return program


def _input_names(
    f: Callable[..., Any], structure: Structure, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[str]:
    """Return a name for each leaf of the arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    plain += [f"x{i}" for i in range(len(plain), len(args))]
    names: list[str] = []
    for name, arg in zip(plain, args, strict=False):
        names += flatten(arg)[1].paths(name)
    for name, arg in kwargs.items():
        names += flatten(arg)[1].paths(name)
    return names


def _display(form: Structure) -> tuple[Callable[[Sequence[str]], str], Any]:
    """Return how a result is written, and what puts it together where it cannot be written."""
    text = _written(form)
    if text is not None:
        return (lambda texts: _filled(form, iter(texts))), None
    return (lambda texts: f"({', '.join(texts)},)" if texts else "()"), form.unflatten


def _written(form: Structure) -> str | None:
    """Return something if a structure has a source: numbers, tuples, lists and dicts."""
    if form.is_leaf:
        return "x"
    if form.build not in (list, tuple) and dict_keys(form) is None:
        return None
    return None if any(_written(child) is None for child in form.children) else "()"


def _filled(form: Structure, texts: Any) -> str:
    if form.is_leaf:
        return next(texts)  # type: ignore[no-any-return]
    inner = [_filled(child, texts) for child in form.children]
    if form.build is list:
        return f"[{', '.join(inner)}]"
    keys = dict_keys(form)
    if keys is not None:
        items = (f"{key!r}: {text}" for key, text in zip(keys, inner, strict=True))
        return f"{{{', '.join(items)}}}"
    return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"

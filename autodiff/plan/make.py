"""Making a plan: trace → passes → printer."""

import inspect
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

import numpy as np

from autodiff.core.pytrees import Structure, dict_keys, flatten
from autodiff.graph.trace import as_primal
from autodiff.plan.check import check
from autodiff.plan.operations import is_quiet
from autodiff.plan.passes.fast_math import half_angles
from autodiff.plan.passes.nan_checks import after_slopes, guarded_numbers, looked_at_in_results
from autodiff.plan.passes.parts import add_parts
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
from autodiff.plan.tracing.tracing import Arguments, Trace, trace_program

__all__ = ["has_weak_numbers", "inputs_of", "is_dynamic", "make_plan", "unrolled"]

Pass = Callable[[Program], Program]


def relu(program: Program) -> Program:
    """Return a program whose rectifiers keep no arguments, but of arrays that are tiled."""
    return relu_by_result(program, tiling.LARGE)


#: The recipe: what is applied to the program of a trace before it is printed, in this order.
PASSES: tuple[Pass, ...] = (simplify, half_angles, reassociate, relu, add_parts)
#: Of these: with and without `fast_math`; and those whose operations have a loop of Numba's.
NUMPY_PASSES = {True: PASSES, False: (simplify, reassociate, relu, add_parts)}
NUMBA_PASSES = (simplify, reassociate)
#: Whether a program is checked after each of them, as the tests do, not after the last alone.
CHECK_EVERY_PASS = False


def is_dynamic(x: Any, fixed: str) -> bool:
    """Return whether a leaf of the arguments is an input of a plan.

    `fixed` has the first letters of the kinds that are not: integer arrays, numbers, arrays.
    """
    if isinstance(x, np.ndarray) and x.ndim:
        return "a" not in fixed if x.dtype.kind in "fc" else _may_index(x) and "i" not in fixed
    if isinstance(x, np.generic | np.ndarray):
        return x.dtype.kind in "fc" and "n" not in fixed
    return isinstance(x, float | complex) and "n" not in fixed


def _may_index(x: np.ndarray[Any, Any]) -> bool:
    return x.dtype.kind in "iub"


def make_plan(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    expected: Any,
    accept: Callable[[Trace], None],
    *,
    fixed: str = "",
    fast_math: bool = False,
    donate: bool = False,
    backend: str = "numpy",
) -> Plan:
    """Return the plan of a call.

    `accept` may raise for a trace of which no plan is wanted.
    """
    wanted, form = flatten(expected)
    for x, path in zip(wanted, form.paths("result"), strict=True):
        if not _may_be_result(x):
            what = f"array of dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
            raise TypeError(
                f"compile: {path} is a {what}; a plan gives numbers, arrays of numbers and text: "
                "return what it is made of, and put it together outside"
            )
    leaves, arguments, inputs = inputs_of(f, args, kwargs, fixed)
    values = _primals(leaves, fixed)
    trace = trace_program(f, values, inputs, arguments)
    accept(trace)
    if trace.structure != form:
        raise TypeError("compile: the function returned another structure when it was traced")
    display, unflatten = _display(form)
    kinds, types = [_kind(x) for x in wanted], [type(x) for x in leaves]

    def written(texts: Sequence[str]) -> list[str]:
        return [repr(trace.texts[i]) if i in trace.texts else x for i, x in enumerate(texts)]

    def result(texts: Sequence[str], exact: Sequence[bool] = ()) -> str:
        return display(
            [
                x
                if known and not isinstance(kind, str) and issubclass(kind, np.generic)
                else _typed(kind, x)
                for kind, x, known in zip(
                    kinds, written(texts), exact or [False] * len(texts), strict=True
                )
            ]
        )

    def number_result(texts: Sequence[str]) -> str:
        # What Python computes is Python's; to look up np.float64 takes as long as a sum.
        known = {float: "{}", complex: "{}", np.float64: "float64({})"}
        return display(
            [
                known[kind].format(x) if kind in known else _typed(kind, x)
                for kind, x in zip(kinds, written(texts), strict=True)
            ]
        )

    name = getattr(f, "__name__", "a function")
    steep = after_slopes(trace.program)
    note, in_loops = "", []
    if backend == "numba" and any(guard.what == "value" for guard in trace.program.guards):
        note = "numbers that became plain values decide it"
    elif backend == "numba" and not (in_loops := loops_on_arrays(trace.program.nodes)):
        # late: Numba takes a second to import, and need not be installed.
        from autodiff.plan.to_numba.plan import numba_plan

        program = guarded_numbers(applied(trace.program, NUMBA_PASSES), types)
        forms = (result, number_result, (display, unflatten))
        found = numba_plan(name, program, inputs, values, *forms, donate, bool(steep))
        if isinstance(found, Plan):
            return found
        note = found
    program = applied(trace.program, NUMPY_PASSES[fast_math])
    title = f"Plan of {name}: {program.operations} operations."
    constants: dict[str, Any] = {}
    numbers, peak_bytes, compiled = is_scalar(program, elements=True), 0, False
    if numbers:
        source = print_scalars(program, inputs, number_result, title)
    else:
        program, looked_at = looked_at_in_results(guarded_numbers(program, types), steep)
        write_compiled = None
        if in_loops:
            # late: Numba takes a second to import, and need not be installed.
            from autodiff.plan.to_numba.array_loops import compile_loops, write_compiled_loop

            note = compile_loops(program)
            compiled, write_compiled = not note, write_compiled_loop
        units = tiling.group(program)
        buffers = assign_buffers(units, program, donate=donate)
        check_placed(units, buffers, program)
        peak_bytes = buffers.peak_bytes
        source, constants = print_arrays(
            program,
            units,
            buffers,
            inputs,
            result,
            title,
            donate=donate,
            kinds=types,
            looked_at=looked_at,
            write_compiled=write_compiled,
        )
    parts = (source, constants, peak_bytes, program.operations, is_quiet(program), unflatten)
    if not compiled:
        plan = Plan(*parts, len(leaves), numbers)
    else:
        # late: as above.
        from autodiff.plan.to_numba.plan import NumbaPlan, refused

        plan = NumbaPlan(*parts, len(leaves))
        if note := refused(plan, values):
            more = {"fixed": fixed, "fast_math": fast_math, "donate": donate}
            plan = make_plan(f, args, kwargs, expected, accept, **more)  # type: ignore[arg-type]
    plan.note = note
    return plan


def inputs_of(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], fixed: str
) -> tuple[list[Any], Arguments, list[str]]:
    """Return the leaves that are inputs, the arguments of others in their place, their names."""
    leaves, structure = flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if is_dynamic(x, fixed)]

    def arguments(given: Sequence[Any]) -> tuple[Any, Any]:
        filled = list(leaves)
        for place, x in zip(places, given, strict=True):
            filled[place] = x
        positional, named = structure.unflatten(filled)
        return positional, named

    names = _input_names(f, structure, args, kwargs)
    return [leaves[i] for i in places], arguments, [names[i] for i in places]


def unrolled(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], fixed: str
) -> Program:
    """Return the program of a call as it was traced, each operation by itself."""
    leaves, arguments, names = inputs_of(f, args, kwargs, fixed)
    return trace_program(f, _primals(leaves, fixed), names, arguments, "none").program


def has_weak_numbers(leaves: Sequence[Any]) -> bool:
    """Return whether numbers of Python's stand beside arrays of less than double precision."""
    numbers = any(type(x) in (float, complex) for x in leaves)
    return numbers and _precision(leaves) != np.float64


def _precision(leaves: Sequence[Any]) -> Any:
    """Return the real type of what an operation makes of arrays and a number of Python's."""
    types = [x.dtype for x in leaves if isinstance(x, np.ndarray | np.generic)]
    inexact = [dtype for dtype in types if dtype.kind in "fc"]
    return np.finfo(np.result_type(*inexact)).dtype.type if inexact else np.float64


def _primals(leaves: Sequence[Any], fixed: str) -> list[Any]:
    """Return the primals of inputs; with "w" in `fixed`, numbers in the arrays' precision."""
    kind = _precision(leaves) if "w" in fixed else np.float64
    weak = {float: kind, complex: np.result_type(kind, np.complex64).type}
    primals: list[Any] = []
    for x in leaves:
        if isinstance(x, np.ndarray) and x.dtype.kind in "iub":
            primals.append(x)
        elif "w" in fixed and type(x) in weak:
            primals.append(weak[type(x)](x))
        else:
            primals.append(as_primal(x, "compile"))
    return primals


def _may_be_result(x: Any) -> bool:
    """Return whether a plan can give a value: a number, an array of numbers, text."""
    if isinstance(x, np.ndarray | np.generic):
        return x.dtype.kind in "fciubmM" or isinstance(x, str | bytes)
    return isinstance(x, str | bytes | Number)


def _kind(x: Any) -> Any:
    """Return the type of a result: its class; of an array of shape () the text of its dtype."""
    return x.dtype.str if isinstance(x, np.ndarray) and not x.ndim else type(x)


def _typed(kind: Any, text: str) -> str:
    """Return the source of a result as what the function itself returns: of which number type."""
    if isinstance(kind, str):
        return f"np.array({text}, {kind!r})"
    if kind in (float, complex, int, bool):
        return f"{kind.__name__}({text})"
    return f"np.{kind.__name__}({text})" if issubclass(kind, np.generic) else text


def applied(program: Program, passes: Sequence[Pass]) -> Program:
    """Return a program after passes, one after the other; it is checked."""
    for number, each in enumerate(passes, 1):
        program = each(program)
        if each is not simplify:
            for body in loops_on_arrays(program.nodes):
                body.become(each(body.program))
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

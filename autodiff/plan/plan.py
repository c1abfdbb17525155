"""A plan: a function for arguments of given shapes, as a program that is ready to run."""

import builtins
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autodiff.core.pytrees import Structure, dict_keys, flatten
from autodiff.graph.trace import as_primal
from autodiff.plan.passes.fast_math import with_half_angles
from autodiff.plan.passes.reassociate import associated
from autodiff.plan.passes.relu import without_arguments
from autodiff.plan.program import Program
from autodiff.plan.to_numpy.buffers import plan_memory
from autodiff.plan.to_numpy.source import print_arrays
from autodiff.plan.to_numpy.tiling import group
from autodiff.plan.to_python.scalars import is_scalar, print_scalars
from autodiff.plan.tracing.tracing import trace_program

__all__ = ["Plan", "make_plan"]

#: Operations of a backward pass that cannot divide by zero nor leave their domain.
_CALM = frozenset(
    {
        *("add", "subtract", "multiply", "negative", "square", "absolute", "sign"),
        *("exp", "sin", "cos", "tanh", "maximum", "minimum", "less", "greater", "equal"),
        *("matmul", "sum", "sum of rows", "vdot", "where", "relu_pull", "nothing times"),
        *("odd share", "stepped"),
        *("transpose", "reshape", "broadcast_to", "getitem"),
    }
)


#: Lines of a plan on numbers up to which it is part of the function that checks its arguments.
_WITHIN = 500


class Plan:
    """A function for arguments of given shapes, as a program that is ready to run.

    Made by `autodiff.compile`.

    Attributes
    ----------
    source : str
        Python source: a module that defines ``run``, which runs on its own when pasted into a file.
    peak_bytes : int
        Bytes of its buffers, known before anything runs. What it returns comes on top.
    operations : int
        Number of its operations.
    backend : str
        What runs it: ``"numpy"`` or ``"numba"``.
    note : str
        Why that is not the backend that was asked for, if it is not.
    """

    backend = "numpy"
    note = ""

    def __init__(
        self,
        source: str,
        constants: dict[str, Any],
        peak_bytes: int,
        operations: int,
        quiet: bool,
        unflatten: Callable[[Any], Any] | None,
        count: int,
        otherwise: str = "",
    ) -> None:
        self.source = source
        self._count = count
        # Of a plan in plain Python arithmetic: the same in NumPy, for when Python raises.
        self._otherwise = otherwise
        self.peak_bytes = peak_bytes
        self.operations = operations
        self._constants = constants
        self._quiet = quiet
        self._unflatten = unflatten
        self._begin()

    def _begin(self) -> None:
        # Compiled once; each thread that runs it at the same time gets buffers of its own.
        self._code = builtins.compile(self.source, "<plan>", "exec")
        self._idle: list[Callable[..., Any]] = []
        self._changed: Any = None
        self._careful_run: Callable[..., Any] | None = None
        self._idle.append(self._make())

    def _make(self) -> Callable[..., Any]:
        """Return the function with buffers of its own."""
        namespace: dict[str, Any] = dict(self._constants)
        if self._changed is not None:
            exec(self._code, namespace)
            namespace["changed"] = self._changed
        else:
            exec(self._code, namespace)
            self._changed = namespace.get("changed", self)
        run: Callable[..., Any] = namespace["run"]
        return run

    def _careful(self, leaves: Sequence[Any]) -> Any:
        """Return the result where Python raised: infinite or NaN, as NumPy has it."""
        if self._careful_run is None:
            namespace: dict[str, Any] = {**self._constants, "changed": self._changed}
            exec(builtins.compile(self._otherwise, "<plan>", "exec"), namespace)
            namespace["changed"] = self._changed
            self._careful_run = namespace["run"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._careful_run(*map(np.float64, leaves))

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_code", "_idle", "_changed", "_careful_run"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def __repr__(self) -> str:
        return f"<Plan: {self.operations} operations, {self.peak_bytes:,} bytes of buffers>"

    def __call__(self, *leaves: Any) -> Any:
        """Return the result for the floating-point leaves of the arguments, in their order."""
        done, result = self.attempt(leaves)
        if not done:
            from autodiff.errors import BranchChanged

            raise BranchChanged(
                "plan: the traced function would take another branch for these arguments: call "
                "the compiled function, which traces it again"
            )
        return result

    def attempt(self, leaves: Sequence[Any]) -> tuple[bool, Any]:
        """Return whether the plan is for these numbers, and the result if it is.

        Parameters
        ----------
        leaves : sequence of float or array
            The floating-point leaves of the arguments, in their order.

        Returns
        -------
        tuple of bool and object
            False where the function would have decided a branch otherwise.
        """
        try:
            run = self._idle.pop()
        except IndexError:
            run = self._make()
        try:
            if self._otherwise:
                try:
                    result = run(*map(float, leaves))
                except (ArithmeticError, ValueError):
                    result = self._careful(leaves)
            elif self._quiet:
                with np.errstate(divide="ignore", invalid="ignore"):
                    result = run(*leaves)
            else:
                result = run(*leaves)
        finally:
            self._idle.append(run)
        if result is self._changed:
            return False, None
        return True, result if self._unflatten is None else self._unflatten(result)

    def entry(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        changed: Callable[[], bool] | None,
        tag: str,
    ) -> tuple[str, dict[str, Any]] | None:
        """Return the source of a function ``run`` that checks its arguments and runs the plan.

        It falls back to ``general(args, kwargs)`` where the plan is not for them.

        Parameters
        ----------
        f : callable
            The function that was compiled.
        args : sequence
            Arguments like those that it is for.
        changed : callable, optional
            Must be asked first: whether what the function reads from outside has changed.
        tag : str
            End of the names that the source needs.

        Returns
        -------
        tuple or None
            The source and names that it needs; None if an argument is anything but an array, a
            float, or a plain dict, list or tuple of them.
        """
        names: dict[str, Any] = {"ndarray": np.ndarray}
        parameters = _plain_parameters(f, len(args), tag)
        arguments = parameters or [f"a{i}" for i in range(len(args))]
        conditions: list[str] = []
        leaves: list[tuple[str, Any]] = []
        for a, x in zip(arguments, args, strict=True):
            if not _unpack(a, x, tag, conditions, leaves, names):
                return None
        if len(leaves) != self._count:
            return None
        given = [a for a, _ in leaves]
        conditions += self._conditions(given, [x for _, x in leaves], tag, names)
        if changed is not None:
            names[f"changed{tag}"] = changed
            conditions.append(f"not changed{tag}()")
        condition = " and ".join(conditions) or "True"
        if self._otherwise and given == parameters and self._fits_within(parameters):
            body = self._scalar_entry(parameters)
            names |= {name: f for name, f in vars(math).items() if callable(f)}
        elif self._otherwise:
            body = self._scalar_call(given, tag)
            names |= {
                f"scalar{tag}": self._make(),
                f"is_changed{tag}": self._changed,
                f"unflatten{tag}": self._unflatten,
            }
        else:
            body = self._array_entry(given, tag)
            names |= {
                "errstate": np.errstate,
                f"pop{tag}": self._idle.pop,
                f"push{tag}": self._idle.append,
                f"make{tag}": self._make,
                f"is_changed{tag}": self._changed,
                f"unflatten{tag}": self._unflatten,
            }
        together = f"({', '.join(arguments)}{',' if len(arguments) == 1 else ''})"
        if parameters is not None:
            head = [f"def run({', '.join(arguments)}):", f"    if {condition}:"]
            tail = [f"    return general({together}, {{}})"]
        else:
            head = [
                "def run(*args, **kwargs):",
                f"    if len(args) == {len(args)} and not kwargs:",
                f"        {together} = args",
                f"        if {condition}:",
            ]
            body = [f"    {line}" for line in body]
            tail = ["    return general(args, kwargs)"]
        return "\n".join([*head, *body, *tail]) + "\n", names

    def _conditions(
        self, arguments: Sequence[str], args: Sequence[Any], tag: str, names: dict[str, Any]
    ) -> list[str]:
        """Return what must hold of arguments like these, and add the names that it needs."""
        conditions = []
        for i, (a, x) in enumerate(zip(arguments, args, strict=True)):
            if type(x) is float:
                conditions.append(f"{a}.__class__ is float")
                continue
            names |= {f"dtype_{i}{tag}": x.dtype, f"shape_{i}{tag}": x.shape}
            conditions += [
                f"type({a}) is ndarray",
                f"{a}.shape == shape_{i}{tag}",
                f"{a}.dtype is dtype_{i}{tag}",
            ]
        return conditions

    def _fits_within(self, parameters: Sequence[str]) -> bool:
        """Return whether the statements of the plan can stand in a function of parameters."""
        head = f"def run({', '.join(parameters)}):"
        alone = head in self.source and self.source.count("\ndef ") == 1
        return alone and self._unflatten is None and self.source.count("\n") <= _WITHIN

    def _scalar_call(self, arguments: Sequence[str], tag: str) -> list[str]:
        """Return statements that run the plan, which has no buffers."""
        done = "result" if self._unflatten is None else f"unflatten{tag}(result)"
        return [
            "        try:",
            f"            result = scalar{tag}({', '.join(arguments)})",
            f"            if result is not is_changed{tag}:",
            f"                return {done}",
            "        except (ArithmeticError, ValueError):",
            "            pass",
        ]

    def _scalar_entry(self, parameters: Sequence[str]) -> list[str]:
        """Return the statements of the plan itself: a call would double the time."""
        _, body = self.source.split("\ndef run(", 1)
        statements = [line[4:] for line in body.splitlines()[1:]]
        again = f"return general(({', '.join(parameters)},), {{}})"
        lines = [
            line.replace("return changed", again) if line.strip() == "return changed" else line
            for line in statements
        ]
        return [
            "        try:",
            *(f"            {line}" for line in lines),
            "        except (ArithmeticError, ValueError):",
            "            pass",
        ]

    def _array_entry(self, arguments: Sequence[str], tag: str) -> list[str]:
        """Return statements that run the plan with buffers of its own."""
        call = f"result = run({', '.join(arguments)})"
        if self._quiet:
            calls = [
                '        with errstate(divide="ignore", invalid="ignore"):',
                f"            {call}",
            ]
        else:
            calls = [f"        {call}"]
        done = "result" if self._unflatten is None else f"unflatten{tag}(result)"
        return [
            "        try:",
            f"            run = pop{tag}()",
            "        except IndexError:",
            f"            run = make{tag}()",
            *calls,
            f"        push{tag}(run)",
            f"        if result is not is_changed{tag}:",
            f"            return {done}",
        ]


def _unpack(
    expression: str,
    x: Any,
    tag: str,
    conditions: list[str],
    leaves: list[tuple[str, Any]],
    names: dict[str, Any],
) -> bool:
    """Add what takes an argument apart: conditions, and a name for each leaf with its value."""
    if type(x) in (np.ndarray, float):
        leaves.append((expression, x))
        return True
    items: Iterable[tuple[Any, Any]]
    if type(x) is dict and all(type(key) is str for key in x):
        names[keys := f"keys_{len(names)}{tag}"] = dict.fromkeys(x).keys()
        conditions += [f"type({expression}) is dict", f"{expression}.keys() == {keys}"]
        items = x.items()
    elif type(x) in (list, tuple):
        conditions += [
            f"type({expression}) is {type(x).__name__}",
            f"len({expression}) == {len(x)}",
        ]
        items = enumerate(x)
    else:
        return False
    for key, value in items:
        part = f"part_{len(conditions)}{tag}"
        conditions.append(f"(({part} := {expression}[{key!r}]) is {part})")
        if not _unpack(part, value, tag, conditions, leaves, names):
            return False
    return True


def _plain_parameters(f: Callable[..., Any], count: int, tag: str) -> list[str] | None:
    """Return the names of a function's parameters, if they are all positional ones."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return None
    plain = all(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in parameters)
    names = [p.name for p in parameters]
    taken = {
        "general",
        "run",
        "result",
        "ndarray",
        "errstate",
        "float",
        "type",
        "dict",
        "list",
        "tuple",
        "len",
    }
    odd = any(n in taken or n.endswith(tag) for n in names)
    return names if plain and len(names) == count and not odd else None


def is_dynamic(x: Any, whole: bool) -> bool:
    """Return whether a leaf of the arguments is an input of a plan."""
    if isinstance(x, np.ndarray):
        return x.dtype.kind in "fc" or (whole and x.dtype.kind in "iub" and x.ndim > 0)
    if isinstance(x, np.generic):
        return x.dtype.kind in "fc"
    return isinstance(x, float | complex)


def make_plan(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    expected: Any,
    *,
    whole: bool = True,
    fast_math: bool = False,
    donate: bool = False,
    backend: str = "numpy",
) -> tuple[Plan, Any]:
    """Return the plan of a call."""
    leaves, structure = flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if is_dynamic(x, whole)]
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
    trace = trace_program(f, values, [names[i] for i in places], call)
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

    inputs = [names[i] for i in places]
    name = getattr(f, "__name__", "a function")
    note = ""
    if backend == "numba":
        from autodiff.plan.to_numba.plan import numba_plan

        program = associated(trace.program)
        found = numba_plan(name, program, inputs, values, result, (display, unflatten), donate)
        if isinstance(found, Plan):
            return found, trace
        note = found
    program = with_half_angles(trace.program) if fast_math else trace.program
    title = f"Plan of {name}: {program.operations} operations."
    constants: dict[str, Any] = {}
    otherwise, peak_bytes = "", 0
    if is_scalar(program):
        source, otherwise = print_scalars(program, inputs, display, result, title)
    else:
        program = without_arguments(associated(program))
        units = group(program)
        memory = plan_memory(units, program, donate=donate)
        peak_bytes = memory.peak_bytes
        source, constants = print_arrays(
            program, units, memory, inputs, result, title, donate=donate
        )
    plan = Plan(
        source,
        constants,
        peak_bytes,
        program.operations,
        is_quiet(program),
        unflatten,
        len(places),
        otherwise,
    )
    plan.note = note
    return plan, trace


def is_quiet(program: Program) -> bool:
    """Return whether a backward pass may divide by zero, which is no concern of the user's."""
    return any(node.rule and node.op not in _CALM for node in program.nodes)


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

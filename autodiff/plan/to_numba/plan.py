"""Plans that Numba compiles, and which programs are left to NumPy."""

import builtins
import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.pytrees import flatten
from autodiff.plan.operations import is_quiet
from autodiff.plan.passes.nan_checks import NO_NAN, hides_nan
from autodiff.plan.plan import Plan, unless
from autodiff.plan.program import FINITE, LOOP, PICK, Program
from autodiff.plan.to_numba.kernels import KERNEL_KINDS
from autodiff.plan.to_numba.numbers import has_loops_of_numbers, print_numbers
from autodiff.plan.to_numba.source import NotCompiled, print_kernels
from autodiff.plan.to_python.scalars import is_scalar, print_scalars

__all__ = ["NumbaPlan", "numba_plan", "refused"]

#: Numbers: fewer operations take less time in plain Python than a call of what Numba compiled.
_FEWEST_SCALARS, _MOST_SCALARS = 30, 1000


class NumbaPlan(Plan):
    """A plan whose operations Numba compiled: called, pickled and shown as any other."""

    backend = "numba"
    #: Whether ``run`` itself compares shapes and types, and whether it has no memory of its own.
    checks_shapes = False
    is_free = False

    def _begin(self) -> None:
        # Compiled once; each thread that runs it at the same time gets memory of its own.
        self._namespace: dict[str, Any] = dict(self.constants)
        exec(builtins.compile(self.source, "<plan>", "exec"), self._namespace)
        self._idle = [self._namespace["run"]]
        self._changed = self._namespace.get("changed", self)

    def _make(self) -> Callable[..., Any]:
        make: Callable[[], Callable[..., Any]] | None = self._namespace.get("make")
        if make is None:
            run: Callable[..., Any] = self._namespace["run"]
            return run
        return make()

    def entry(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        outside: tuple[Sequence[str], dict[str, Any]],
        tag: str,
        distinct: Callable[[Any], bool] | None,
    ) -> tuple[str, dict[str, Any]] | None:
        """Return the source of a function ``run``, as of `Plan.entry`."""
        found = super().entry(f, args, outside, tag, distinct)
        if found is not None:
            found[1][f"alone{tag}"] = self._namespace["run"]
        return found

    def _conditions(
        self, arguments: Sequence[str], args: Sequence[Any], tag: str, names: dict[str, Any]
    ) -> list[str]:
        if not self.checks_shapes or any(np.ndim(x) == 0 and type(x) is not float for x in args):
            return super()._conditions(arguments, args, tag, names)
        # Compiled functions look at the rest.
        kinds = ["float" if type(x) is float else "ndarray" for x in args]
        return [f"type({a}) is {kind}" for a, kind in zip(arguments, kinds, strict=True)]

    def _array_entry(self, arguments: Sequence[str], tag: str) -> list[str]:
        if not self.is_free:
            return super()._array_entry(arguments, tag)
        # There is no memory to take turns with.
        done = "result" if self._unflatten is None else f"unflatten{tag}(result)"
        return [f"result = alone{tag}({', '.join(arguments)})", *unless(tag, done)]

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("_namespace", "_idle", "_changed"):
            del state[name]
        return state


def numba_plan(
    name: str,
    program: Program,
    inputs: Sequence[str],
    leaves: Sequence[Any],
    result: Callable[..., str],
    number_result: Callable[..., str],
    form: tuple[Callable[..., str], Callable[[Any], Any] | None],
    donate: bool,
    steep: bool,
) -> Plan | str:
    """Return the plan of a program, or why it is better left to NumPy.

    Results that come of `steep` slopes may be infinite where the function has none.
    """
    count = len(program.nodes)
    title = f"Plan of {name}: {count} operations, compiled by Numba."
    display, unflatten = form
    loops = has_loops_of_numbers(program) and is_scalar(program, elements=True)
    lost = loops or any(node.op == NO_NAN for node in program.nodes)
    if lost and hides_nan(program):
        return "of its results none tells where zero times infinity is zero"
    if lost or steep:
        unflatten = functools.partial(_raise_unless_finite, unflatten)
    if not loops and any(node.op in (LOOP, PICK) for node in program.nodes):
        return "its loops are those of plain Python"
    printed, size = None, 0
    if loops:
        try:
            source, size = print_numbers(program, inputs, number_result, title)
        except NotCompiled as reason:
            return str(reason)
    elif is_scalar(program):
        if any(guard.what != FINITE for guard in program.guards):
            return "numbers that decide branches are plain Python arithmetic"
        if not _FEWEST_SCALARS <= count <= _MOST_SCALARS:
            return "so many numbers take less time as plain Python arithmetic"
        results = [f"r{i}" for i in range(len(program.outputs))]
        typed, plain = number_result(results), display(results)
        if typed == plain:
            source = _scalar_source(print_scalars(program, inputs, display, title))
        else:
            source = _scalar_source(print_scalars(program, inputs, _together, title), "numbers")
            source += _typed_results(results, typed)
    else:
        try:
            printed = print_kernels(program, inputs, result, title, donate=donate)
        except NotCompiled as reason:
            return str(reason)
        source, size = printed.source, printed.size
        steps = printed.fused.steps
        kinds = [step.kind for step in steps]
        nodes = sum(len(s.nodes) for s in steps if s.kind in KERNEL_KINDS)
        if kinds.count("numpy") > nodes / 2:
            return "most of its operations are none that Numba compiles"
    constants = {} if printed is None else printed.constants
    plan = NumbaPlan(source, constants, size, count, is_quiet(program), unflatten, len(inputs))
    plan.is_free = printed is None or printed.is_free
    plan.checks_shapes = printed is not None and printed.checks_shapes
    return refused(plan, leaves) or plan


def refused(plan: NumbaPlan, leaves: Sequence[Any]) -> str:
    """Have Numba compile a plan, by running it; return why it does not, if so."""
    from numba.core.errors import NumbaError

    try:
        with contextlib.suppress(FloatingPointError):
            plan.attempt(leaves)
    except NumbaError as error:
        return f"Numba refused it: {str(error).splitlines()[0]}"
    return ""


def _raise_unless_finite(unflatten: Callable[[Any], Any] | None, result: Any) -> Any:
    """Return a result, or raise where it is not finite: that may be of an infinite slope."""
    for x in flatten(result)[0]:
        total = x.dot(x) if type(x) is np.ndarray and x.ndim == 1 else np.sum(x)
        if total - total != 0 and not np.all(np.isfinite(x)):
            raise FloatingPointError("what is not finite the function itself finds")
    return result if unflatten is None else unflatten(result)


def _together(texts: Sequence[str]) -> str:
    return f"({', '.join(texts)},)"


def _typed_results(results: Sequence[str], typed: str) -> str:
    """Return the source of the function that gives compiled numbers their types."""
    lines = [f"{_together(results)[1:-1]} = numbers(*args)", f"return {typed}"]
    body = "\n".join(f"    {line}" for line in lines)
    head = "import numpy as np\nfrom numpy import float64\n"
    return f"\n\n{head}\n\ndef run(*args):\n{body}\n"


def _scalar_source(source: str, name: str = "run") -> str:
    """Return the source of a program of numbers as one that Numba compiles."""
    head, body = source.split("\ndef run(", 1)
    title, rest = head.split("\n", 1)
    imported = "from autodiff.plan.to_numba.math import compiled"
    return f"{title}\n{rest.rstrip()}\n\n{imported}\n\n\n@compiled\ndef {name}({body}"

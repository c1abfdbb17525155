"""Plans that Numba compiles, and which programs are left to NumPy."""

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.plan.operations import is_quiet
from autodiff.plan.plan import Plan
from autodiff.plan.program import LOOP, PICK, Program
from autodiff.plan.to_numba.source import NotCompiled, print_kernels
from autodiff.plan.to_python.scalars import is_scalar, print_scalars

__all__ = ["NumbaPlan", "numba_plan"]

#: Numbers: fewer operations take less time in plain Python than a call of what Numba compiled.
_FEWEST_SCALARS, _MOST_SCALARS = 30, 1000

#: Arrays that Python looks at in less time than a call takes.
_FEW = 3


class NumbaPlan(Plan):
    """A plan whose operations Numba compiled: called, pickled and shown as any other."""

    backend = "numba"

    def _begin(self) -> None:
        # Compiled once; each thread that runs it at the same time gets memory of its own.
        self._namespace: dict[str, Any] = dict(self._constants)
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
        changed: Callable[[], bool] | None,
        tag: str,
    ) -> tuple[str, dict[str, Any]] | None:
        """Return the source of a function ``run``, as of `Plan.entry`."""
        found = super().entry(f, args, changed, tag)
        if found is not None and "make" not in self._namespace:
            found[1][f"scalar_run{tag}"] = self._namespace["run"]
        return found

    def _conditions(
        self, arguments: Sequence[str], args: Sequence[Any], tag: str, names: dict[str, Any]
    ) -> list[str]:
        arrays = [(a, x) for a, x in zip(arguments, args, strict=True) if type(x) is not float]
        if len(arrays) < _FEW:
            return super()._conditions(arguments, args, tag, names)
        from autodiff.plan.to_numba.math import alike, forms

        wanted = forms([x for _, x in arrays])
        names |= {f"alike{tag}": alike, f"wanted{tag}": wanted}
        together = ", ".join(a for a, _ in arrays)
        return [
            *(
                f"type({a}) is float"
                for a, x in zip(arguments, args, strict=True)
                if type(x) is float
            ),
            f"alike{tag}(id(arrays_ := ({together})), {len(arrays)}, {wanted.ctypes.data})",
        ]

    def _array_entry(self, arguments: Sequence[str], tag: str) -> list[str]:
        if "make" in self._namespace:
            return super()._array_entry(arguments, tag)
        # Of numbers: there is no memory to take turns with.
        call = f"scalar_run{tag}({', '.join(arguments)})"
        return [f"        return {call if self._unflatten is None else f'unflatten{tag}({call})'}"]

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
    form: tuple[Callable[..., str], Callable[[Any], Any] | None],
    donate: bool,
) -> Plan | str:
    """Return the plan of a program, or why it is better left to NumPy."""
    from autodiff.plan.to_numba.math import layout_is_known

    if not layout_is_known():
        return "this Python or NumPy keeps its arrays in memory in another way than is known"
    count = len(program.nodes)
    title = f"Plan of {name}: {count} operations, compiled by Numba."
    display, unflatten = form
    size = 0
    constants: dict[str, Any] = {}
    if any(node.op in (LOOP, PICK) for node in program.nodes):
        return "its loops are those of plain Python"
    if is_scalar(program):
        if program.guards:
            return "numbers that decide branches are plain Python arithmetic"
        if not _FEWEST_SCALARS <= count <= _MOST_SCALARS:
            return "so many numbers take less time as plain Python arithmetic"
        source = _scalar_source(print_scalars(program, inputs, display, result, title)[0])
    else:
        if any(node.dtype.kind == "c" for node in program.inputs):
            return "it computes with complex numbers"
        try:
            source, constants, size, fused = print_kernels(
                program, inputs, result, title, donate=donate
            )
        except NotCompiled as reason:
            return str(reason)
        kinds = [step.kind for step in fused.steps]
        nodes = sum(len(s.nodes) for s in fused.steps if s.kind in ("loop", "product"))
        if kinds.count("numpy") > nodes / 2:
            return "most of its operations are none that Numba compiles"
    from numba.core.errors import NumbaError

    plan = NumbaPlan(source, constants, size, count, is_quiet(program), unflatten, len(inputs))
    try:
        plan.attempt(leaves)
    except NumbaError as error:
        return f"Numba refused it: {str(error).splitlines()[0]}"
    return plan


def _scalar_source(source: str) -> str:
    """Return the source of a program of numbers as one that Numba compiles."""
    head, body = source.split("\ndef run(", 1)
    title, rest = head.split("\n", 1)
    imported = "from autodiff.plan.to_numba.math import compiled"
    return f"{title}\n{rest.rstrip()}\n\n{imported}\n\n\n@compiled\ndef run({body}"

"""Functions of the user with the tensors that they close over made arguments.

What SciPy solves with a function, such as a root or a differential equation, depends on every
tensor that the function uses, if only from outside. The function is traced at a point; what its
trace uses of other traces are its parameters. Run again on other numbers, the trace is the function
at other parameters, as batches and compiled plans need it, and on tensors its derivatives.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from autodiff.core.primitive import Primitive
from autodiff.core.stores import current
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, assembled, leaf, record
from autodiff.errors import BranchChanged, Undifferentiable
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import has_tensor

__all__ = ["Lifted", "plain", "solved", "traced"]


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"bool": bool, "index": int, "shape": np.shape}


class _MoreParameters(Exception):
    """At another point the function used a tensor that was no parameter until then."""


class _Trace:
    """One run of the function: its operations in order, and the branches that it took."""

    def __init__(self, f: Callable[..., Any], points: Sequence[Any]) -> None:
        tape = Tape(replayable=True)
        inputs = [leaf(tape, np.asarray(x, np.result_type(x, np.float32))[()]) for x in points]
        with tape:
            out = f(*inputs)
            out = as_array(out) if has_tensor(out) else np.asarray(out)[()]
            if type(out) is np.ndarray and out.dtype == object:
                out = assembled(out)
            # Of an array that was written into, what it holds now.
            out = current(out)
        guards, written = tape.guards, tape.written
        nodes = tape.end()
        if written:
            raise Undifferentiable(
                "a function that SciPy solves with changes an array in place (a += b): write "
                "a = a + b"
            )
        needed = {id(out), *(id(node) for node, _, _ in guards)}
        kept: list[Any] = []
        for node in reversed(nodes):
            if id(node) in needed and node.primitive is not None:
                kept.append(node)
                needed.update(id(x) for x in node.operands if type(x) is Tensor)
        kept.reverse()
        own = {id(x) for x in nodes}
        used = [x for node in kept for x in node.operands] + [out]
        outside = {id(x): x for x in used if type(x) is Tensor and id(x) not in own}
        #: The tensors of other traces that it uses.
        self.parameters = list(outside.values())
        #: The numbers that are the same in every run, each in its place; None elsewhere.
        self._values: list[Any] = [None] * (len(inputs) + len(outside))
        self._places = {id(x): i for i, x in enumerate([*inputs, *self.parameters])}
        checks: dict[int, list[tuple[str, Any]]] = {}
        for node, what, outcome in guards:
            checks.setdefault(id(node), []).append((what, outcome))
        self._first = [(self._places[id(x)], checks[id(x)]) for x in inputs if id(x) in checks]
        self._steps: list[Any] = []
        for node in kept:
            places = [self._place(x) for x in node.operands]
            checked = checks.get(id(node), ())
            self._places[id(node)] = place = len(self._values)
            self._values.append(None)
            self._steps.append((node.primitive, places, node.params or {}, checked, place))
        self._result = self._place(out)

    def _place(self, x: Any) -> int:
        """Return the place of a value among those of a run."""
        if type(x) is Tensor:
            return self._places[id(x)]
        self._values.append(x)
        return len(self._values) - 1

    def run(self, xs: Sequence[Any], parameters: dict[int, Any], quiet: bool) -> Any:
        """Return the result at other points and parameters, None if a branch would be another."""
        values = [*self._values]
        values[: len(xs)] = xs
        start = len(xs)
        for i, x in enumerate(self.parameters):
            values[start + i] = parameters[id(x)]
        tensors = any([type(x) is Tensor for x in values])
        for place, checked in self._first:
            if not _as_before(values[place], checked):
                return None
        state = np.errstate(divide="ignore", invalid="ignore") if quiet else nullcontext()
        with state:
            for primitive, places, params, checked, place in self._steps:
                operands = [values[i] for i in places]
                if tensors:
                    value = record(primitive, tuple(operands), params or None)
                else:
                    value = primitive.function(*operands, **params)
                if checked and not _as_before(value, checked):
                    return None
                values[place] = value
        return values[self._result]


def _as_before(value: Any, checked: Sequence[tuple[str, Any]]) -> bool:
    return all(_CONVERSIONS[what](value) == outcome for what, outcome in checked)


class Lifted:
    """A function of points and parameters: ``lifted(*points, *parameters)``."""

    def __init__(self, f: Callable[..., Any], points: Sequence[Any], quiet: bool = False) -> None:
        self.f = f
        self.count = len(points)
        #: Whether what divides by zero is no concern of the user's.
        self.quiet = quiet
        #: Tensors that the function closes over, in the order in which they were met.
        self.parameters: list[Any] = []
        self.traces: list[_Trace] = []
        self._trace(points)

    def _trace(self, points: Sequence[Any]) -> _Trace:
        trace = _Trace(self.f, points)
        known = {id(x) for x in self.parameters}
        new = [x for x in trace.parameters if id(x) not in known]
        self.parameters += new
        self.traces.insert(0, trace)
        if new and len(self.traces) > 1:
            raise _MoreParameters
        return trace

    def __call__(self, *given: Any) -> Any:
        """Return the result at points and, after them, parameters."""
        xs, rest = given[: self.count], given[self.count :]
        values = {id(x): value for x, value in zip(self.parameters, rest, strict=False)}
        for trace in self.traces:
            found = trace.run(xs, values, self.quiet)
            if found is not None:
                return found
        if len(self.traces) >= 64:
            raise BranchChanged(
                "a function that SciPy solves with takes another branch at every point: choose "
                "values with np.where"
            )
        found = self._trace([plain(x) for x in xs]).run(xs, values, self.quiet)
        if found is None:
            raise BranchChanged(
                "a function that SciPy solves with takes another branch at other parameters than "
                "those it was traced at: choose values with np.where"
            )
        return found

    def differentiable(self) -> list[int]:
        """Return the numbers of the parameters that are of floating-point type."""
        return [i for i, x in enumerate(self.parameters) if x.dtype.kind in "fc"]


def traced(f: Callable[..., Any], points: Sequence[Any]) -> Callable[..., Any]:
    """Return a function that runs the trace of another, which is short of its derivatives' cost."""
    floats = [plain(x) for x in points]
    if any(np.asarray(x).dtype.kind not in "fc" for x in floats):
        return f
    return Lifted(f, floats, quiet=True)


def plain(x: Any) -> Any:
    """Return the numbers of a tensor of any level; of a batch those of the first element."""
    while type(x) is Tensor:
        x = x.value
        if hasattr(x, "array"):
            x = x.array[0]
    return x


def solved(
    lifted: Lifted, primitive: Callable[[Lifted], Primitive], operands: Sequence[Any]
) -> Any:
    """Return the result of a primitive, of operands and of the parameters of a function.

    The parameters may become more while it is computed: then it is made anew.
    """
    while True:
        try:
            return record(primitive(lifted), (*operands, *lifted.parameters))
        except _MoreParameters:
            continue

"""Functions of the user with the tensors that they close over made arguments.

What SciPy solves with a function, such as a root or a differential equation, depends on every
tensor that the function uses, if only from outside. The function is traced at a point; what its
trace uses of other traces are its parameters. Run again on other numbers, the trace is the function
at other parameters, as batches and compiled plans need it, and on tensors its derivatives.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, assembled, leaf, record
from autodiff.errors import BranchChanged, Undifferentiable
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import has_tensor

__all__ = ["Lifted", "plain", "solved"]


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
        guards, written = tape.guards, tape.written
        nodes = tape.end()
        if written:
            raise Undifferentiable(
                "a function that SciPy solves with changes an array in place (a += b): write "
                "a = a + b"
            )
        self.inputs, self.out = inputs, out
        needed = {id(out), *(id(node) for node, _, _ in guards)}
        self.nodes: list[Any] = []
        for node in reversed(nodes):
            if id(node) in needed and node.primitive is not None:
                self.nodes.append(node)
                needed.update(id(x) for x in node.operands if type(x) is Tensor)
        self.nodes.reverse()
        used = [x for node in self.nodes for x in node.operands] + [out]
        own = {id(x) for x in nodes}
        outside = {id(x): x for x in used if type(x) is Tensor and id(x) not in own}
        #: The tensors of other traces that it uses.
        self.parameters = list(outside.values())
        self.guards: dict[int, list[tuple[str, Any]]] = {}
        for node, what, outcome in guards:
            self.guards.setdefault(id(node), []).append((what, outcome))

    def run(self, values: dict[int, Any], xs: Sequence[Any]) -> Any:
        """Return the result at other points and parameters, None if a branch would be another."""
        for node, x in zip(self.inputs, xs, strict=True):
            values[id(node)] = x
        for key in self.guards.keys() & values.keys():
            if not self._same(key, values[key]):
                return None
        for node in self.nodes:
            operands = tuple([values[id(x)] if type(x) is Tensor else x for x in node.operands])
            values[id(node)] = value = record(node.primitive, operands, node.params)
            if id(node) in self.guards and not self._same(id(node), value):
                return None
        return values[id(self.out)] if type(self.out) is Tensor else self.out

    def _same(self, key: int, value: Any) -> bool:
        return all(_CONVERSIONS[what](value) == outcome for what, outcome in self.guards[key])


class Lifted:
    """A function of points and parameters: ``lifted(*points, *parameters)``."""

    def __init__(self, f: Callable[..., Any], points: Sequence[Any]) -> None:
        self.f = f
        self.count = len(points)
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
        xs, given = given[: self.count], given[self.count :]
        for trace in self.traces:
            found = trace.run(self._values(given), xs)
            if found is not None:
                return found
        points = [plain(x) for x in xs]
        if len(self.traces) >= 64:
            raise BranchChanged(
                "a function that SciPy solves with takes another branch at every point: choose "
                "values with np.where"
            )
        found = self._trace(points).run(self._values(given), xs)
        if found is None:
            raise BranchChanged(
                "a function that SciPy solves with takes another branch at other parameters than "
                "those it was traced at: choose values with np.where"
            )
        return found

    def _values(self, given: Sequence[Any]) -> dict[int, Any]:
        return {id(x): value for x, value in zip(self.parameters, given, strict=False)}

    def differentiable(self) -> list[int]:
        """Return the numbers of the parameters that are of floating-point type."""
        return [i for i, x in enumerate(self.parameters) if x.dtype.kind in "fc"]


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
    """Return what a primitive makes of operands and of the parameters of a function.

    The parameters may become more while it is computed: then it is made anew.
    """
    while True:
        try:
            return record(primitive(lifted), (*operands, *lifted.parameters))
        except _MoreParameters:
            continue

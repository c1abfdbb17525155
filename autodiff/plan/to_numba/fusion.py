"""Fusing the operations of a program into loops: which run together, and what each loop reads.

A loop runs over one shape; all operations of that shape whose operands are there in time share it,
and what only they use never reaches memory. Reductions end in the loop that computes what they add.
Views are no steps: a loop reads through them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autodiff.plan.operation import Takes
from autodiff.plan.operations import (
    MATRIX_VECTOR,
    VECTOR_MATRIX,
    operation_of,
    reduced_axes,
)
from autodiff.plan.program import CONSTANT, Guard, Node, Program, is_number
from autodiff.plan.to_numba.kinds import (
    KNOWN,
    is_complex,
    is_known_number,
    is_short_product,
    is_simple_variance,
    is_small_matrix,
    leading,
    step_kind,
)

__all__ = [
    "Fused",
    "Step",
    "View",
    "as_view",
    "is_reduction",
    "layout",
    "loop_shape",
    "open_index",
    "operand_types",
    "target",
]

#: Weight of the operations of a loop: longer ones need more registers than there are.
_WEIGHT = 96
#: Times that a product is as large as the transposed matrix on its right, if that is copied.
_SPARED = 8
#: Loops of a shape that are looked at for one that an operation can join.
_OPEN = 4
#: Elements up to which the product of a matrix and a vector is a loop: a call of BLAS costs 0.1 µs.
_SMALL = 2048


@dataclass
class Step:
    """Operations that run in one go."""

    #: ``"loop"``, ``"product"``, ``"pieces"``, ``"gather"`` or ``"matrix"`` where it is a kernel;
    #: ``"numpy"`` or ``"guard"``.
    kind: str
    #: Of a loop, the shape that it runs over, and how long its body is.
    shape: tuple[int, ...]
    nodes: list[Node] = field(default_factory=list)
    weight: int = 0


@dataclass(frozen=True)
class View:
    """How a value shows the memory of another, its root, which lies there in C order.

    Strides, and the place of the first element, are counted in elements.
    """

    root: Node
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    def broadcast(self, shape: tuple[int, ...]) -> "View":
        """Return it as an operand of an operation of a shape."""
        if shape == self.shape:
            return self
        missing = len(shape) - len(self.shape)
        strides = [0] * missing + [
            0 if length == 1 else stride
            for length, stride in zip(self.shape, self.strides, strict=True)
        ]
        return View(self.root, shape, tuple(strides), self.offset)

    def changed(self, change: Any) -> "View | None":
        """Return the view that a function of NumPy's makes of it, or None if that takes a copy."""
        # One byte stands for each element; none of them is read.
        byte = np.empty(1, np.int8)
        before = np.lib.stride_tricks.as_strided(byte, self.shape, self.strides)
        try:
            after = change(before)
        except ValueError:
            return None
        assert isinstance(after, np.ndarray)
        moved = _address(after) - _address(before)
        return View(self.root, after.shape, after.strides, self.offset + moved)

    @property
    def first(self) -> int:
        """The least place that it shows; 0 if it shows nothing."""
        return 0 if 0 in self.shape else self.offset + sum(min(0, end) for end in self._ends)

    @property
    def is_within(self) -> bool:
        """Whether it shows the memory of its root only."""
        last = self.offset + sum(max(0, end) for end in self._ends)
        return 0 in self.shape or 0 <= self.first <= last < self.root.size

    @property
    def _ends(self) -> list[int]:
        return [(n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True)]


def _address(array: Any) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, size = [], 1
    for length in reversed(shape):
        strides.append(size)
        size *= length
    return tuple(strides[::-1])


def as_view(node: Node) -> View:
    """Return a value as a view of itself."""
    return View(node, node.shape, _strides(node.shape), 0)


class Fused:
    """A program as steps. The program stays as it is.

    With `matrices` small ones are solved, inverted and factorised by kernels.
    """

    def __init__(self, program: Program, matrices: bool = False) -> None:
        self._matrices = matrices
        self.steps: list[Step] = []
        #: Each has memory of its own, or is a number.
        self.outputs: list[Node] = []
        self._views: dict[int, View] = {}
        self._kinds: dict[int, str] = {}
        self._besides: dict[int, Node] = {}
        self._places: dict[int, int] = {}
        self._nodes: list[Node] = []
        self._own: dict[int, Node] = {}
        self._guards: dict[int, list[Guard]] = {}
        self._prepare(program)
        self._group()
        #: The nodes that need memory, in the order in which they are computed.
        self.stored = self._find_stored()

    def seen(self, node: Node) -> View:
        """Return the view of the memory in which a value lies."""
        found = self._views.get(id(node))
        return as_view(node) if found is None else found

    def kind(self, node: Node) -> str:
        """Return ``"leaf"``, ``"view"``, or the kind of the step that computes it."""
        return self._kinds.get(id(node), "leaf")

    def beside(self, node: Node) -> Node:
        """Return a further value of an operation: memory for a matrix, or a table of positions.

        Positions are those in the memory of the operand that is taken from, or of the result; of
        the axes that are taken whole those of the first items.
        """
        known = self._besides.get(id(node))
        if known is not None:
            return known
        (x, *_) = node.args
        if self.kind(node) == "matrix":
            known = Node("work", [], {}, x.shape, x.dtype)
        else:
            view = self.seen(x) if node.op == "getitem" else as_view(node)
            parts, count = leading(node.params["index"], len(view.shape))
            places = np.arange(view.root.size)[view.offset :]
            strides = [8 * stride for stride in view.strides[:count]]
            shown = np.lib.stride_tricks.as_strided(places, view.shape[:count], strides)
            found = np.ascontiguousarray(shown[parts])
            known = Node(CONSTANT, [], {}, found.shape, found.dtype, found)
        self._besides[id(node)] = known
        return known

    def place(self, node: Node) -> int:
        """Return the number of the step that computes a node, or -1."""
        return self._places.get(id(node), -1)

    def _add(self, op: str, args: Sequence[Node], node: Node, kind: str) -> Node:
        new = Node(op, args, node.params, node.shape, node.dtype, node.function)
        new.name, new.rule = node.name, node.rule
        self._kinds[id(new)] = kind
        self._nodes.append(new)
        return new

    def _prepare(self, program: Program) -> None:
        """Copy the operations, with real copies where something cannot be read in place."""
        for leaf in program.inputs:
            self._own[id(leaf)] = leaf
        for guard in program.guards:
            self._guards.setdefault(id(guard.node), []).append(guard)
        for leaf in program.inputs:
            self._decide(leaf)
        for node in program.nodes:
            args = [self._own.get(id(x), x) for x in node.args]
            self._own[id(node)] = self._prepared(node, args)
            self._decide(node)
        given: set[int] = set()
        for old in program.outputs:
            node = self._own.get(id(old), old)
            plain = node.op == CONSTANT and not node.shape
            others = self.kind(node) in ("leaf", "view") or id(node) in given
            if others and not plain:
                node = self._copied(node)
            given.add(id(node))
            self.outputs.append(node)

    def _decide(self, node: Node) -> None:
        for guard in self._guards.get(id(node), ()):
            own = self._own[id(node)]
            if guard.what == "shape":
                if self.kind(own) != "numpy":
                    continue
                own.params = {**own.params, "needed_shape": guard.outcome}
                continue
            marker = Node("guard", [own], {"guard": guard}, (), own.dtype)
            self._kinds[id(marker)] = "guard"
            self._nodes.append(marker)

    def _prepared(self, node: Node, args: list[Node]) -> Node:
        kind = step_kind(node)
        if node.op == "var" and is_simple_variance(node):
            return self._variance(node, args[0])
        if node.op == "multiply" and all(x.dtype == bool for x in (node, *args)):
            return self._add("logical_and", args, node, "loop")
        if kind == "numpy" and self._matrices and is_small_matrix(node):
            return self._add(node.op, args, node, "matrix")
        if kind == "view":
            new = Node(node.op, args, node.params, node.shape, node.dtype, node.function)
            new.name, new.rule = node.name, node.rule
            view = self.seen(args[0]).changed(_function_of(node))
            if view is None:
                return self._add("flat_copy", args, node, "loop")
            self._kinds[id(new)], self._views[id(new)] = "view", view
            return new
        if kind == "product":
            shorter = self._as_sums(node, args)
            if shorter is not None:
                return shorter
            if is_short_product(node):
                args = [self._copied(x) if is_known_number(self.seen(x).root) else x for x in args]
                return self._add(node.op, args, node, kind)
            x, y = [x if self._is_matrix(x) else self._copied(x) for x in args]
            if len(y.shape) > 1 and _SPARED * y.size <= node.size:
                # BLAS takes half as long again for a transposed one, and a copy next to nothing.
                y = self._copied(y) if layout(self.seen(y)) == "F" else y
            args = [x, y]
        return self._add(node.op, args, node, kind)

    def _variance(self, node: Node, x: Node) -> Node:
        """Return a variance as the operations that it is made of."""

        def made(op: str, args: Sequence[Node], shape: tuple[int, ...], **params: Any) -> Node:
            found = self._add(op, args, node, "loop")
            found.shape, found.params = shape, params
            return found

        axis, keepdims = node.params["axis"], node.params["keepdims"]
        kept = np.sum(np.empty(x.shape, bool), axis, keepdims=True).shape
        count = x.size // max(math.prod(kept), 1)
        total = made("sum", [x], kept, axis=axis, keepdims=True)
        mean = made("divide", [total, _number_like(count, x)], kept)
        off = made("subtract", [x, mean], x.shape)
        squares = made("multiply", [off, off], x.shape)
        total = made("sum", [squares], node.shape, axis=axis, keepdims=keepdims)
        left = _number_like(count - node.params["ddof"], x)
        return made("divide", [total, left], node.shape)

    def _as_sums(self, node: Node, args: list[Node]) -> Node | None:
        """Return a product as sums if it is of two vectors, or small."""
        x, y = args
        for number, other, axis in ((y, x, -1), (x, y, -2)):
            if is_number(number, 1.0) and number.dtype == node.dtype and len(other.shape) > 1:
                if len(number.shape) > 2 or (
                    len(number.shape) == 2 and number.shape[1 if axis == -1 else 0] != 1
                ):
                    continue  # there are several rows or columns of sums, all alike
                total = self._add("sum", [other], node, "loop")
                total.params = {"axis": axis, "keepdims": len(number.shape) == 2}
                return total
        if len(x.shape) == len(y.shape) == 1:
            return self._add("vdot", args, node, "loop")
        if x.size * y.size == 0 or max(x.size, y.size) > _SMALL or max(map(_ndim, args)) > 2:
            return None
        rows = x.shape[0] if len(x.shape) == 2 else 1
        columns = y.shape[1] if len(y.shape) == 2 else 1
        if len(x.shape) == 1 or (rows == 1 and columns != 1):
            kind, vector, matrix = VECTOR_MATRIX, x, y
        elif columns == 1:
            kind, vector, matrix = MATRIX_VECTOR, y, x
        else:
            return None
        flat = self.seen(vector).changed(lambda v: v.reshape(-1, copy=False))
        if flat is None:
            return None
        if kind == VECTOR_MATRIX:
            flat = flat.changed(lambda v: v[:, None])
        assert flat is not None
        shown = Node("reshape", [vector], {}, flat.shape, vector.dtype)
        self._kinds[id(shown)], self._views[id(shown)] = "view", flat
        return self._add(kind, [matrix, shown], node, "loop")

    def _copied(self, node: Node) -> Node:
        copied = self._add("copy", [node], node, "loop" if node.dtype in KNOWN else "numpy")
        copied.params, copied.function = {}, np.copy
        return copied

    def _is_matrix(self, node: Node) -> bool:
        """Return whether a product can read an operand where it lies."""
        view = self.seen(node)
        if is_known_number(view.root):
            return False
        if len(view.shape) == 1:
            return view.strides[0] == 1 or view.shape[0] < 2
        return layout(view) is not None

    def _group(self) -> None:
        """Put the operations into steps, from the last to the first.

        Each goes where it is used: so what few operations give is not kept for later. What only
        the result needs, and sums, go where their operand is computed.
        """
        steps: list[Step] = []
        need: dict[int, int] = {}
        loops: dict[tuple[int, ...], list[int]] = {}
        waiting: dict[int, list[Node]] = {}
        #: Of each step, what its operations read: whose memory, from where on.
        reads: list[set[tuple[int, int]]] = []

        def begin(kind: str, shape: tuple[int, ...]) -> int:
            steps.append(Step(kind, shape))
            reads.append(set())
            return len(steps) - 1

        def read_by(node: Node) -> set[tuple[int, int]]:
            views = [self.seen(x) for x in node.args]
            return {(id(view.root), view.offset) for view in views if view.root.op != CONSTANT}

        def joined(node: Node, least: int, weight: int) -> int:
            """Return the number of the loop that an operation goes into."""
            shape = loop_shape(node)
            known = loops.setdefault(shape, [])
            nearest = [least] if least in known else []
            # Numbers that have nothing to do with each other stay apart: they gain nothing, and the
            # layers of a network share a kernel.
            near = read_by(node) | {(id(node), 0)} if not shape else set()
            for place in [*nearest, *known[: -_OPEN - 1 : -1]]:
                fits = place >= least and steps[place].weight + weight <= _WEIGHT
                if fits and (shape or near & reads[place]):
                    return place
            known.append(begin("loop", shape))
            return known[-1]

        def put(node: Node, place: int, weight: int) -> None:
            steps[place].nodes.append(node)
            steps[place].weight += weight
            reads[place] |= read_by(node)
            self._places[id(node)] = place
            for x in node.args:
                root = self.seen(x).root
                at = place if self.is_fused(x, node) else place + 1
                need[id(root)] = max(need.get(id(root), 0), at)

        order = {id(node): place for place, node in enumerate(self._nodes)}
        used = {id(self.seen(x).root) for node in self._nodes for x in node.args}
        for node in reversed(self._nodes):
            kind = self.kind(node)
            least = need.get(id(node), 0)
            if kind != "loop":
                put(node, begin(kind, node.shape), 1)
                continue
            weight = 6 if operation_of(node).slow else 1
            if is_reduction(node) or id(node) not in used:
                last = max(node.args, key=lambda x: order.get(id(self.seen(x).root), -1))
                # Not the first element, the transpose or a slice of it as well: see `is_fused`.
                read = [x for x in node.args if self.seen(x).root is last]
                if read and all(self.is_fused(x, node) for x in read):
                    waiting.setdefault(id(last), []).append(node)
                    need[id(last)] = max(need.get(id(last), 0), least)
                    continue
            place = joined(node, least, weight)
            put(node, place, weight)
            stack = waiting.pop(id(node), [])
            for waiter in stack:
                put(waiter, place, 1)
        last_place = len(steps) - 1
        self._places = {key: last_place - place for key, place in self._places.items()}
        self.steps = steps[::-1]
        for step in self.steps:
            step.nodes.sort(key=lambda node: order[id(node)])

    def is_fused(self, x: Node, node: Node) -> bool:
        """Return whether an operation can take an operand from the same turn of a loop.

        It reads each element where the loop writes it: no view of it, broadcast or sum has this.
        """
        return (
            self.kind(x) == self.kind(node) == "loop"
            and not is_reduction(x)
            and x.op != "flat_copy"
            and x.shape == loop_shape(node)
        )

    def _find_stored(self) -> list[Node]:
        wanted = {id(node) for node in self.outputs}
        for node in self._nodes:
            for x in node.args:
                if not (self.is_fused(x, node) and self.place(x) == self.place(node)):
                    wanted.add(id(self.seen(x).root))
        return [
            node
            for step in self.steps
            for node in step.nodes
            if id(node) in wanted and step.kind != "guard"
        ]


def loop_shape(node: Node) -> tuple[int, ...]:
    """Return the shape that the loop of an operation runs over."""
    if is_reduction(node) or node.op == "flat_copy":
        return node.args[0].shape
    return node.shape


def is_reduction(node: Node) -> bool:
    """Return whether an operation takes together what a loop runs over."""
    return bool(operation_of(node).combine)


def target(node: Node) -> View:
    """Return where a reduction puts each element of its loop."""
    own, shape = as_view(node), loop_shape(node)
    if node.op == "scatter":
        found = own.changed(lambda x: x[open_index(node.params["index"])])
        assert found is not None
        assert found.is_within
        return found
    if node.op in (VECTOR_MATRIX, MATRIX_VECTOR):
        stride = (0, 1) if node.op == VECTOR_MATRIX else (1, 0)
        return View(node, shape, stride, 0)
    axes, strides = reduced_axes(node), iter(own.strides)
    if node.params.get("keepdims"):
        return View(node, shape, tuple(0 if i in axes else s for i, s in enumerate(strides)), 0)
    kept = tuple(0 if i in axes else next(strides) for i in range(len(shape)))
    return View(node, shape, kept, 0)


def _ndim(node: Node) -> int:
    return len(node.shape)


def layout(view: View) -> str | None:
    """Return the order of the last two axes: ``"C"``, ``"F"`` or nothing."""
    (rows, columns), (down, right) = view.shape[-2:], view.strides[-2:]
    if (right == 1 or columns == 1) and (down == columns or rows == 1):
        return "C"
    if (down == 1 or rows == 1) and (right == rows or columns == 1):
        return "F"
    return None


def _function_of(node: Node) -> Any:
    """Return the function of an array that a view is."""
    if node.op == "transpose":
        axes = node.params["axes"]
        return lambda x: x.transpose(axes)
    if node.op == "reshape":
        return lambda x: x.reshape(node.shape, copy=False)
    if node.op == "broadcast_to":
        return lambda x: np.broadcast_to(x, node.shape)
    if node.op == "flip":
        return lambda x: np.flip(x, node.params["axis"])
    return lambda x: x[open_index(node.params["index"])]


def open_index(index: Any) -> tuple[Any, ...]:
    """Return an index that takes a view of an element too, not a number."""
    parts = index if isinstance(index, tuple) else (index,)
    return parts if any(part is Ellipsis for part in parts) else (*parts, Ellipsis)


def _number_like(value: float, x: Node) -> Node:
    return Node(CONSTANT, (), {}, (), x.dtype, x.dtype.type(value))


def operand_types(node: Node) -> list[np.dtype[Any]]:
    """Return the data types to which an operation converts its operands."""
    takes, dtype = operation_of(node).takes, node.dtype
    if takes in (Takes.LOGICAL, Takes.MASKS):
        dtype = np.dtype(bool)
    elif takes is Takes.COMPARED:
        # A number of Python's has no type of its own.
        typed = [
            x.dtype for x in node.args if not (is_known_number(x) and type(x.function) is float)
        ]
        weak = [0.0] if len(typed) < len(node.args) else []
        dtype = np.result_type(*typed, *([0.0] if weak else []))
    elif takes is Takes.CHOICE:
        return [np.dtype(bool), dtype, dtype]
    elif is_complex(node):
        dtype = np.dtype(complex)  # also where the result is real
    return [dtype] * len(node.args)

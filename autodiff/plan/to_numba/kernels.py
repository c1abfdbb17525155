"""Kernels that Numba compiles: loops over the elements of arrays, and matrix products.

Kernels take arrays of one axis, of which they know the place of each element; what they are called
with is no part of their text, so that steps of the same form share one.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from autodiff.plan.literals import literal
from autodiff.plan.operations import OPERATIONS, operation_of
from autodiff.plan.program import CONSTANT, Node, is_number
from autodiff.plan.to_numba.fusion import (
    Fused,
    Step,
    View,
    as_view,
    is_reduction,
    layout,
    open_index,
    operand_types,
    target,
)
from autodiff.plan.to_numba.kinds import is_complex, is_short_product, leading
from autodiff.plan.to_numba.pieces import PIECES

__all__ = ["KERNEL_KINDS", "Part", "is_known", "kernel_text", "type_name"]

#: Terms of a sum that are added in one go: the partial sums are then added.
_BLOCK = 1024
#: The data types that kernels take, by the end of their text.
TYPES = {"c16": "complex128", "f8": "float64", "f4": "float32", "i8": "int64", "b1": "bool"}


def is_known(dtype: np.dtype[Any]) -> bool:
    """Return whether kernels take arrays of a data type."""
    return dtype.isnative and dtype.str[1:] in TYPES


def type_name(dtype: np.dtype[Any]) -> str:
    """Return the name of a data type."""
    return TYPES[dtype.str[1:]]


class Part(NamedTuple):
    """Memory that a kernel takes: that of a value, from an item on."""

    root: Node
    start: int = 0


def kernel_text(fused: Fused, step: Step, stored: set[int]) -> tuple[str, list[Part]]:
    """Return the source of the kernel of a step, whose name is KERNEL, and the memory it takes.

    `stored` are the identities of the nodes that need memory.
    """
    if step.kind == "loop":
        loop = _LoopKernel(fused, step, stored)
        return loop.text("KERNEL"), loop.parts
    body, parts = _KERNELS[step.kind](fused, step.nodes[0])
    parameters = ", ".join(f"x{i}" for i in range(len(parts)))
    return f"@kernel\ndef KERNEL({parameters}):\n{body}", parts


class _LoopKernel:
    """The kernel of a loop: `stored` are the identities of the nodes that need memory."""

    def __init__(self, fused: Fused, step: Step, stored: set[int]) -> None:
        self._fused = fused
        self._step = step
        self._stored = stored
        #: Whose memory the arrays are, in their order.
        self._roots: list[Node] = []
        self._arrays: dict[int, str] = {}
        self._values: dict[Any, str] = {}
        self._loads: list[tuple[str, View]] = []
        self._stores: list[tuple[str, View]] = []
        self._sums: list[tuple[str, View]] = []
        self._body: list[str] = []
        self._far: list[str] = []
        self._angles: list[str] = []
        self._within = {id(node) for node in step.nodes if not is_reduction(node)}
        for node in step.nodes:
            self._write(node)

    def _array(self, node: Node) -> str:
        known = self._arrays.get(id(node))
        if known is None:
            known = self._arrays[id(node)] = f"x{len(self._roots)}"
            self._roots.append(node)
        return known

    def _operand(self, node: Node, wanted: np.dtype[Any]) -> str:
        """Return an operand: a local variable or a literal of the wanted type."""
        value: str
        view = self._fused.seen(node)
        root = view.root
        if root.op == CONSTANT and not isinstance(root.function, np.ndarray):
            number = wanted.type(root.function)
            if isinstance(number, np.float32):
                return f"float32({_number(float(number))})"
            return _number(number.item() if isinstance(number, np.generic) else number)
        if id(node) in self._within and self._fused.is_fused(node, self._user):
            value = self._values[id(node)]
        else:
            view = view.broadcast(self._step.shape)
            key = (id(root), view.strides, view.offset)
            if key not in self._values:
                self._values[key] = f"a{len(self._loads)}"
                self._array(root)
                self._loads.append((self._values[key], view))
            value = self._values[key]
        if wanted == node.dtype:
            return value
        return f"({value} != 0)" if wanted.kind == "b" else f"{TYPES[wanted.str[1:]]}({value})"

    def _write(self, node: Node) -> None:
        self._user = node
        row = operation_of(node)
        types = operand_types(node)
        operands = [self._operand(x, dtype) for x, dtype in zip(node.args, types, strict=True)]
        name = f"v{len(self._values)}"
        self._values[id(node)] = name
        text = row.complex if is_complex(node) else row.numba
        self._body.append(f"{name} = {_expression(node, operands, text)}")
        self._far.append(f"{name} = {_expression(node, operands, row.far or text)}")
        if row.far:
            self._angles.append(operands[0])
        if is_reduction(node):
            self._array(node)
            self._sums.append((name, target(node)))
        elif id(node) in self._stored:
            self._array(node)
            view = self._fused.seen(node)
            own = View(node, self._step.shape, _c_strides(self._step.shape), 0)
            self._stores.append((name, own if node.op == "flat_copy" else view))

    @property
    def parts(self) -> list[Part]:
        """The memory that the kernel takes, of each value from the first item on that it reads.

        So the layers of a network share a kernel, whose weights lie one behind the other.
        """
        # A reduction begins with all of its result.
        starts = {id(view.root): 0 for _, view in self._sums}
        for view in self._views:
            starts[id(view.root)] = min(view.first, starts.get(id(view.root), view.first))
        return [Part(root, starts[id(root)]) for root in self._roots]

    @property
    def _views(self) -> list[View]:
        return [view for _, view in (*self._loads, *self._stores, *self._sums)]

    def text(self, name: str) -> str:
        """Return the source of the kernel under a name."""
        parameters = ", ".join(self._arrays.values())
        far = f"{name}_far" if self._angles else ""
        lines = self._function(name, parameters, self._body, far)
        if far:
            lines = [*self._function(far, parameters, self._far, ""), "", "", *lines]
        return "\n".join(lines)

    def _function(self, name: str, parameters: str, body: list[str], far: str) -> list[str]:
        views, starts = self._views, {id(part.root): part.start for part in self.parts}
        extents, strides = _merged(self._step.shape, [view.strides for view in views])
        depth = len(extents)
        places = {
            id(view): _unsigned(_index(stride, view.offset - starts[id(view.root)]))
            for view, stride in zip(views, strides, strict=True)
        }
        inner = {id(v) for v, s in zip(views, strides, strict=True) if not depth or s[-1] == 0}
        lines = ["@kernel", f"def {name}({parameters}):", "    separate()"]
        for _, view in self._sums:
            lines.append(f"    for i in range({view.root.size}):")
            lines.append(f"        {self._arrays[id(view.root)]}[i] = {_start(view.root)}")
        if far:
            lines.append("    far = 0")
        indent = "    "
        blocked = (
            bool(self._sums)
            and depth
            and extents[-1] > 2 * _BLOCK
            and any(id(view) in inner for _, view in self._sums)
        )
        for level, extent in enumerate(extents):
            last = level == depth - 1
            if last and blocked:
                lines.append(f"{indent}for start in range(0, {extent}, {_BLOCK}):")
                indent += "    "
            if last:
                lines += [indent + line for line in self._begin_sums(inner)]
            bounds = f"start, min(start + {_BLOCK}, {extent})" if last and blocked else f"{extent}"
            lines.append(f"{indent}for i{level} in range({bounds}):")
            indent += "    "
        if not depth:
            lines += [indent + line for line in self._begin_sums(inner)]
        for value, view in self._loads:
            array = self._arrays[id(view.root)]
            test = " != 0" if view.root.dtype == bool else ""
            lines.append(f"{indent}{value} = {array}[{places[id(view)]}]{test}")
        lines += [indent + line for line in body]
        if far:
            angles = " | ".join(f"(abs({x}) > HUGE)" for x in dict.fromkeys(self._angles))
            lines.append(f"{indent}far |= int64({angles})")
        for value, view in self._stores:
            lines.append(f"{indent}{self._arrays[id(view.root)]}[{places[id(view)]}] = {value}")
        for value, view in self._sums:
            if id(view) not in inner:
                lines.append(indent + self._taken_in(view, places[id(view)], value))
            else:
                lines.append(indent + self._taken_in_local(view, value))
        outer = indent[4:] if depth else indent
        for _, view in self._sums:
            if id(view) in inner:
                lines.append(outer + self._taken_in(view, places[id(view)], self._local(view)))
        if far:
            lines += ["    if far:", f"        {far}({parameters})"]
        return lines

    def _local(self, view: View) -> str:
        return f"s_{self._arrays[id(view.root)]}"

    def _begin_sums(self, inner: set[int]) -> list[str]:
        lines = []
        for _, view in self._sums:
            if id(view) in inner:
                lines.append(f"{self._local(view)} = {_start(view.root)}")
        return lines

    def _taken_in_local(self, view: View, value: str) -> str:
        name = self._local(view)
        if view.root.dtype.kind in "ic":
            return f"{name} += {value}"
        text = operation_of(view.root).combine
        wide = f"float64({value})" if view.root.dtype == np.float32 else value
        return f"{name} = {text.format(name, wide)}"

    def _taken_in(self, view: View, place: str, value: str) -> str:
        item = f"{self._arrays[id(view.root)]}[{place}]"
        combine = operation_of(view.root).combine
        if combine == OPERATIONS["sum"].combine:
            return f"{item} += {value}"
        return f"{item} = {combine.format(item, value)}"


def _start(node: Node) -> str:
    """Return the number that a reduction starts from."""
    return {"i": "0", "c": "0j"}.get(node.dtype.kind, operation_of(node).start)


def _number(value: Any) -> str:
    """Return a number as source that Numba reads."""
    if isinstance(value, complex):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if value != value else "np.inf" if value > 0 else "(-np.inf)"
    return literal(value)


def _expression(node: Node, operands: list[str], text: str) -> str:
    """Return the expression of an element, of its own type."""
    if node.dtype != np.float32:
        return text.format(*operands)
    if _calls(text):
        operands = [f"float64({x})" for x in operands]
    # A literal in the expression has made it float64.
    return f"float32({text.format(*operands)})"


def _calls(text: str) -> bool:
    """Return whether an expression is made of functions of float64."""
    return any(part in text for part in ("exp", "log", "sin", "cos", "tan", "sigmoid"))


def _c_strides(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def _merged(
    shape: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """Return as few loops as reach every element, and the strides of each operand in them."""
    extents: list[int] = []
    found: list[list[int]] = [[] for _ in strides]
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        if extents and all(
            own[-1] == stride[axis] * length for own, stride in zip(found, strides, strict=True)
        ):
            extents[-1] *= length
            for own, stride in zip(found, strides, strict=True):
                own[-1] = stride[axis]
            continue
        extents.append(length)
        for own, stride in zip(found, strides, strict=True):
            own.append(stride[axis])
    return extents, found


def _unsigned(place: str) -> str:
    """Return a place as Numba uses it without asking whether it counts from the end."""
    return place if place.isdecimal() else f"uint64({place})"


def _index(strides: Sequence[int], offset: int) -> str:
    """Return the place of an element, of the variables of the loops."""
    terms = [
        f"i{level}" if stride == 1 else f"{stride} * i{level}"
        for level, stride in enumerate(strides)
        if stride
    ]
    if offset or not terms:
        terms.append(str(offset))
    return " + ".join(terms)


class _Parameters:
    """The arrays that a kernel takes: each shows the memory of a value from an item on."""

    def __init__(self, *roots: Node) -> None:
        self.parts = [Part(root) for root in roots]

    def of(self, root: Node, start: int = 0) -> str:
        """Return the name of the array of a value, which is a new one if there is none."""
        known = [(id(part.root), part.start) for part in self.parts]
        if (id(root), start) not in known:
            known.append((id(root), start))
            self.parts.append(Part(root, start))
        return f"x{known.index((id(root), start))}"

    def shown(self, view: View) -> str:
        """Return the name of the array that begins with the first item that a view shows."""
        return self.of(view.root, view.first)

    def read(self, view: View, strides: Sequence[int], ahead: int = 0) -> str:
        """Return the text of an item of a view, by the variables of the loops."""
        place = _index(strides, view.offset - view.first + ahead)
        return f"{self.shown(view)}[{_unsigned(place)}]"

    def value(self, view: View, strides: Sequence[int], dtype: np.dtype[Any]) -> str:
        """Return the same, or a number that is known, of a data type."""
        if is_number(view.root):
            return _number(dtype.type(view.root.function).item())
        return self.read(view, strides)


def _product_kernel(fused: Fused, node: Node) -> tuple[str, list[Part]]:
    """Return the body of the kernel of a matrix product, and the memory it takes."""
    x, y = (fused.seen(operand) for operand in node.args)
    if len(x.shape) == 1:
        x = View(x.root, (1, *x.shape), (x.shape[0], 1), x.offset)
    if len(y.shape) == 1:
        y = View(y.root, (*y.shape, 1), (1, 1), y.offset)
    m, k, n = x.shape[-2], x.shape[-1], y.shape[-1]
    if is_short_product(node):
        return _short_product(node, x, y)
    orders = (layout(x), layout(y), "C")
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x, y = x.broadcast((*batch, m, k)), y.broadcast((*batch, k, n))
    steps = [x.strides[:-2], y.strides[:-2], tuple(s * m * n for s in _c_strides(batch))]
    extents, strides = _merged(batch, steps)
    given = _Parameters()
    if node.size == 0 or k == 0:
        return f"    for i in range({node.size}):\n        {given.of(node)}[i] = 0.0", given.parts
    lines, indent = _opened(extents)
    matrices = []
    sizes = ((m, k), (k, n), (m, n))
    views = (x, y, as_view(node))
    for view, size, order, stride in zip(views, sizes, orders, strides, strict=True):
        place = _index(stride, view.offset - view.first)
        part = f"{given.shown(view)}[{place} : {place} + {prod(size)}]"
        part = part.replace("[0 : 0 + ", "[:")
        if order == "C":
            matrices.append(f"shaped({part}, {size})")
        else:
            matrices.append(f"shaped({part}, {size[::-1]}).T")
    lines.append(f"{indent}multiply({', '.join(matrices)})")
    return "\n".join(lines), given.parts


def _short_product(node: Node, x: View, y: View) -> tuple[str, list[Part]]:
    """Return the body of the kernel of a product whose elements are sums of few terms."""
    given = _Parameters()
    (*batch, m, n), k = node.shape, x.shape[-1]
    x, y = x.broadcast((*batch, m, k)), y.broadcast((*batch, k, n))
    to = as_view(node)
    strides = [(*x.strides[:-1], 0), (*y.strides[:-2], 0, y.strides[-1]), to.strides]
    extents, (row, column, place) = _merged(to.shape, strides)
    heads, indent = _opened(extents)
    terms = [
        f"{given.read(x, row, i * x.strides[-1])} * {given.read(y, column, i * y.strides[-2])}"
        for i in range(k)
    ]
    text = f"{indent}{given.read(to, place)} = {' + '.join(terms)}"
    return "\n".join(["    separate()", *heads, text]), given.parts


def _pieces_kernel(fused: Fused, node: Node) -> tuple[str, list[Part]]:
    """Return the body of the kernel that copies pieces, and the memory it takes."""
    pieces = PIECES[node.op](node)
    assert pieces is not None
    given = _Parameters(node)
    lines = ["    separate()"]
    for piece in pieces:
        x = _ZERO if piece.operand is None else node.args[piece.operand]
        source = fused.seen(x).changed(_part(piece.source))
        to = as_view(node).changed(_part(piece.target))
        assert source is not None
        assert to is not None
        lines += _copied(source.broadcast(to.shape), to, given, "+=" if piece.adds else "=")
    return "\n".join(lines), given.parts


_ZERO = Node(CONSTANT, (), {}, (), np.dtype(float), 0.0)


def _part(index: Any) -> Any:
    return lambda x: x[open_index(index)]


def _copied(source: View, to: View, given: _Parameters, sign: str = "=") -> list[str]:
    """Return the loops that copy a view into another one of the same shape."""
    extents, (down, right) = _merged(to.shape, [source.strides, to.strides])
    lines, indent = _opened(extents)
    place = _unsigned(_index(right, to.offset))
    value = given.value(source, down, to.root.dtype)
    return [*lines, f"{indent}{given.of(to.root)}[{place}] {sign} {value}"]


def _opened(extents: Sequence[int]) -> tuple[list[str], str]:
    """Return the heads of nested loops, and the indent of their body."""
    heads = [f"{'    ' * (i + 1)}for i{i} in range({n}):" for i, n in enumerate(extents)]
    return heads, "    " * (len(heads) + 1)


def _gather_kernel(fused: Fused, node: Node) -> tuple[str, list[Part]]:
    """Return the body of the kernel that takes, adds or puts at positions; the memory it takes."""
    table, own = fused.beside(node), as_view(node)
    given = _Parameters(node, table)
    whole, part = own, fused.seen(node.args[-1])
    if node.op == "getitem":
        whole, part = part, own
        before = []
    elif node.op == "update":
        before = _copied(fused.seen(node.args[0]), own, given)
    else:
        before = [f"    for i in range({node.size}):", "        x0[i] = 0.0"]
    _, inner = leading(node.params["index"], len(whole.shape))
    rest = whole.shape[inner:]
    part = part.broadcast(shape := (*table.shape, *rest))
    strides = [
        part.strides,
        (*_c_strides(table.shape), *(0 for _ in rest)),
        (*(0 for _ in table.shape), *whole.strides[inner:]),
    ]
    extents, (at, row, beyond) = _merged(shape, strides)
    heads, indent = _opened(extents)
    position = _unsigned(f"x1[{_unsigned(_index(row, 0))}] + {_index(beyond, 0)}")
    chosen, other = f"{given.of(whole.root)}[{position}]", given.value(part, at, node.dtype)
    signs = {"getitem": f"{other} = {chosen}", "update": f"{chosen} = {other}"}
    text = signs.get(node.op, f"{chosen} += {other}")
    return "\n".join(["    separate()", *before, *heads, f"{indent}{text}"]), given.parts


def _matrix_kernel(fused: Fused, node: Node) -> tuple[str, list[Part]]:
    """Return the body of the kernel of a small matrix, and the memory it takes.

    Among that is memory for a copy of the matrix. It returns whether the matrix has what is wanted.
    """
    a, *others = node.args
    given = _Parameters(node, work := fused.beside(node))
    lines = _copied(fused.seen(a), as_view(work), given)
    for x in others:
        lines += _copied(fused.seen(x), as_view(node), given)
    more = "".join(f", {value}" for value in node.params.values())
    call = f"{operation_of(node).matrix}(x1, x0, {a.shape[0]}{more})"
    return "\n".join(["    separate()", *lines, f"    return {call}"]), given.parts


#: Of kinds of steps other than loops, what prints the body of their kernels.
_KERNELS = {
    "gather": _gather_kernel,
    "matrix": _matrix_kernel,
    "pieces": _pieces_kernel,
    "product": _product_kernel,
}
#: Kinds of steps that are kernels.
KERNEL_KINDS = frozenset(["loop", *_KERNELS])

"""Blocking: operations on large arrays in runs that go through all of them chunk by chunk.

A chain of operations on a million elements reads and writes memory for each of them. In a block
the whole chain is applied to some rows at a time, about 8192 elements, which stay in the cache;
what is used within the block alone needs memory for one chunk. Sums at the end of the chain are
added up over the chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autodiff.plan.operations import Kind, kind_of
from autodiff.plan.program import Node, Program

__all__ = ["Block", "group"]

#: Elements of a chunk; twice as many and half as many took longer.
CHUNK = 8192
#: Elements from which an array is worth it: below, all values of a chain stay in the cache anyway.
_LARGE = 4 * CHUNK
#: A shared factor of a product of matrices must not outweigh the chunk.
_FACTOR = 4096


@dataclass(eq=False)
class Block:
    """Operations that are applied to some rows of their operands at a time.

    Parameters
    ----------
    nodes : list of Node
        The operations in their order.
    length : int
        Number of rows of all of them.
    step : int
        Rows of one chunk.
    totals : set of int
        Identities of the nodes that are sums over all rows.
    full : set of int
        Identities of the other nodes that are needed after the block, for all rows.
    """

    nodes: list[Node]
    length: int
    step: int
    totals: set[int]
    full: set[int]

    @property
    def operands(self) -> list[Node]:
        """What the operations use from outside the block, each once."""
        inside = {id(node) for node in self.nodes}
        found = {id(x): x for node in self.nodes for x in self.sources(node)}
        return [x for x in found.values() if id(x) not in inside]

    def sources(self, node: Node) -> tuple[Node, ...]:
        """Return the operands of an operation: of a product of columns, what was transposed."""
        return sources(node, self.length)

    def is_sliced(self, x: Node, node: Node) -> bool:
        """Return whether an operation takes of an operand from outside the rows of the chunk."""
        if node.op == "matmul":
            return x is not node.args[1] or id(node) in self.totals
        if node.op in ("vdot", "sum", "sum of rows", "row dots") or kind_of(node) is Kind.VIEW:
            return True
        return _aligned(x, self.length, len(node.shape))


def sources(node: Node, length: int) -> tuple[Node, ...]:
    """Return the operands of an operation in a block of so many rows.

    Parameters
    ----------
    node : Node
        The operation.
    length : int
        Rows of the block.

    Returns
    -------
    tuple of Node
        For the product of the transpose of rows with rows, which is a sum over them, the rows.
    """
    if node.op == "matmul" and node.args[0].op == "transpose":
        turned = node.args[0].args[0]
        if turned.shape[0] == length == node.args[1].shape[0] and len(turned.shape) == 2:
            return (turned, node.args[1])
    return node.args


def group(program: Program) -> list[Node | Block]:
    """Return the operations of a program, those that can be blocked together in blocks.

    Parameters
    ----------
    program : Program
        Its nodes in an order in which they can run.

    Returns
    -------
    list of Node and Block
        In an order in which they can run.
    """
    units: list[Node | Block] = []
    rest: Sequence[Node] = program.nodes
    while True:
        start = next((i for i, node in enumerate(rest) if _starts(node)), None)
        if start is None:
            units += rest
            break
        units += rest[:start]
        before, block, rest = _collected(rest[start:])
        units += before
        # A single operation gains nothing.
        units += [block] if len(block.nodes) > 1 else block.nodes
    return _finished(units, program)


def _starts(node: Node) -> bool:
    """Return whether a block may begin with an operation."""
    if kind_of(node) is not Kind.ELEMENTWISE or not node.shape or node.size < _LARGE:
        return False
    return node.shape[0] * CHUNK >= 2 * node.size


def _collected(nodes: Sequence[Node]) -> tuple[list[Node], Block, list[Node]]:
    """Return what runs before a block that begins with the first node, the block, and the rest."""
    first = nodes[0]
    length = first.shape[0]
    step = max(1, CHUNK * length // first.size)
    before: list[Node] = []
    after: list[Node] = []
    block = Block([], length, step, set(), set())
    rows: set[int] = set()
    late: set[int] = set()
    for node in nodes:
        if any(id(x) in late for x in sources(node, length)):
            after.append(node)
            late.add(id(node))
            continue
        role = _role(node, length, rows)
        if role == "row":
            block.nodes.append(node)
            rows.add(id(node))
        elif role == "total":
            block.nodes.append(node)
            block.totals.add(id(node))
            # A sum is known when the block is done.
            late.add(id(node))
        elif any(id(x) in rows for x in sources(node, length)):
            after.append(node)
            late.add(id(node))
        else:
            before.append(node)
    return before, block, after


def _aligned(x: Node, length: int, ndim: int) -> bool:
    """Return whether the rows of an operand are those of a result with so many axes."""
    return len(x.shape) == ndim and x.shape[0] == length


def _shared(x: Node, length: int, ndim: int) -> bool:
    """Return whether an operand is the same for all rows of a result with so many axes."""
    return len(x.shape) < ndim or x.shape[0] == 1 != length


def _role(node: Node, length: int, rows: set[int]) -> str:
    """Return how an operation takes part in a block: a row at a time, as a total, or not."""
    op, shape, ndim = node.op, node.shape, len(node.shape)
    kind = kind_of(node)
    operands = sources(node, length)
    inside = [id(x) in rows for x in operands]
    aligned = bool(ndim) and shape[0] == length
    if kind is Kind.ELEMENTWISE and aligned:
        fits = [
            _aligned(x, length, ndim) or (not within and _shared(x, length, ndim))
            for x, within in zip(node.args, inside, strict=True)
        ]
        small = node.size // length <= CHUNK
        return "row" if small and all(fits) and any(inside) | _starts(node) else ""
    if not any(inside):
        return ""
    if kind is Kind.VIEW and aligned and node.args[0].shape[0] == length:
        return "row" if _keeps_rows(node) else ""
    if op in ("sum", "sum of rows") and node.dtype == np.float64:
        (x,) = node.args
        axis = (0,) if op == "sum of rows" else node.params["axis"]
        axes = (axis,) if isinstance(axis, int) else axis
        if axes is not None and all(i % len(x.shape) for i in axes):
            return "row"
        return "" if node.params.get("keepdims") else "total"
    if op == "row dots":
        return "row" if aligned and all(x.shape[0] == length for x in node.args) else ""
    if op == "vdot":
        return "total" if all(x.shape and x.shape[0] == length for x in node.args) else ""
    if op == "matmul" and kind is Kind.COMPUTED:
        x, y = operands
        if x is not node.args[0]:
            return "total" if node.size <= _FACTOR else ""
        if len(x.shape) == 2 == len(y.shape) and y.size <= _FACTOR:
            return "row" if aligned and inside[0] and not inside[1] else ""
    return ""


def _keeps_rows(node: Node) -> bool:
    """Return whether a view shows of each row of its operand one row of the result."""
    if node.op == "transpose":
        return bool(node.params["axes"][0] == 0)
    if node.op == "getitem":
        index = node.params["index"]
        return isinstance(index, tuple) and index[0] == slice(None)
    return node.op == "reshape" or len(node.args[0].shape) == len(node.shape)


def _finished(units: Sequence[Node | Block], program: Program) -> list[Node | Block]:
    """Return the units that are needed, each block knowing which of its rows are."""
    needed = {id(x) for x in program.roots}
    kept: list[Node | Block] = []
    for unit in reversed(units):
        if isinstance(unit, Block):
            for x in reversed(unit.nodes):
                # A view shows all rows if what it is a view of has them.
                if id(x) in needed and kind_of(x) is Kind.VIEW:
                    needed.add(id(x.args[0]))
            unit.full = {id(x) for x in unit.nodes if id(x) in needed} - unit.totals
            needed |= {id(x) for x in unit.operands}
        elif id(unit) in needed:
            needed |= {id(x) for x in unit.args}
        else:
            continue
        kept.append(unit)
    return kept[::-1]

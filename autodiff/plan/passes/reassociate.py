"""Products of three matrices in the order that multiplies least.

A sum over the rows of a product, for example, is the product of the sum: ``1ᵀ (A B) = (1ᵀ A) B``.
And in a stack of matrices that differ by the factors f of their columns alone, as the tangents of
one matrix along many directions do, these wait: ``(A f) v = (A v) f``, one product for all.
"""

import math
from collections import Counter

import numpy as np

from autodiff.plan.operation import Kind
from autodiff.plan.operations import kind_of
from autodiff.plan.program import CONSTANT, Node, Program, is_number

__all__ = ["reassociate"]


def reassociate(program: Program) -> Program:
    """Return a program whose products of products are taken in the cheaper order."""
    uses = Counter(id(x) for x in program.roots)
    uses.update(id(x) for node in program.nodes for x in node.args)
    nodes: list[Node] = []
    for node in program.nodes:
        *before, last = _reordered(node, uses) or _without_stack(node, uses) or [node]
        nodes += before
        if last is not node:
            # The node keeps its identity: what uses it need not know.
            node.op, node.args, node.params = last.op, last.args, last.params
            node.function, node.kind = last.function, None
        nodes.append(node)
    used = {id(x) for x in program.roots} | {id(x) for node in nodes for x in node.args}
    return Program(
        program.inputs, program.outputs, program.guards, [x for x in nodes if id(x) in used]
    )


def _is_product(node: Node) -> bool:
    return node.op == "matmul" and kind_of(node) is Kind.REDUCTION


def _product(x: Node, y: Node, like: Node) -> Node:
    """Return the node of a product of matrices or of stacks of them."""
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    node = Node("matmul", (x, y), {}, (*stack, x.shape[-2], y.shape[-1]), like.dtype, like.function)
    node.rule = like.rule
    return node


def _cost(node: Node) -> int:
    """Return how many multiplications a product takes."""
    return math.prod(node.shape) * node.args[0].shape[-1]


def _reordered(node: Node, uses: Counter[int]) -> list[Node] | None:
    """Return nodes that give ``x (a b)`` as ``(x a) b`` if that is cheaper."""
    if not _is_product(node):
        return None
    x, inner = node.args
    if not _is_product(inner) or uses[id(inner)] > 1:
        return None
    a, b = inner.args
    if min(len(a.shape), len(b.shape)) < 2:
        return None
    made: list[Node] = []
    if len(x.shape) == 1:
        # A row, which is a matrix until the end.
        x = _reshaped(x, (1, *x.shape), node.rule)
        made += [x] if x.op != CONSTANT else []
    first = _product(x, a, node)
    second = _product(first, b, node)
    if math.prod(second.shape) != node.size:
        return None
    if _cost(first) + _cost(second) >= _cost(inner) + node.size * inner.shape[-2]:
        return None
    made += [first, second]
    return made if second.shape == node.shape else [*made, _reshaped(second, node.shape, node.rule)]


def _without_stack(node: Node, uses: Counter[int]) -> list[Node] | None:
    """Return nodes that give ``(f A) v``, with f of shape (b, 1, k), as ``f (A v)ᵀ``."""
    if not _is_product(node) or node.dtype != np.float64:
        return None
    stack, v = node.args
    if len(stack.shape) != 3 or len(v.shape) != 1 or stack.op != "multiply":
        return None
    count, rows, columns = stack.shape
    factors = _factors(stack, uses)
    own = [x for x in factors if x.shape == (count, 1, columns)]
    shared = [x for x in factors if x.shape in ((rows, columns), (rows, 1), (columns,))]
    if len(own) != 1 or len(own) + len(shared) < len(factors) or min(count, rows) < 2:
        return None
    made: list[Node] = []
    product = v
    for x in reversed(shared):
        shape = np.broadcast_shapes(x.shape, product.shape)
        product = Node("multiply", (x, product), {}, shape, node.dtype, np.multiply)
        made.append(product)
    if product.shape != (rows, columns):
        return None
    turned = Node(
        "transpose", (product,), {"axes": (1, 0)}, (columns, rows), node.dtype, np.transpose
    )
    scale = _reshaped(own[0], (count, columns), node.rule)
    made += [turned] if scale.op == CONSTANT else [turned, scale]
    made.append(_product(scale, turned, node))
    for x in made:
        x.rule = node.rule
    return made


def _factors(x: Node, uses: Counter[int]) -> list[Node]:
    """Return the factors of a product, of those of factors that nothing else uses."""
    found, stack = [], [x]
    while stack:
        x = stack.pop()
        if x.op == "multiply" and uses[id(x)] == 1 and x.dtype == np.float64:
            stack += reversed(x.args)
        else:
            found.append(x)
    return found


def _reshaped(x: Node, shape: tuple[int, ...], rule: str) -> Node:
    """Return a node of the same elements in another shape."""
    if x.op == CONSTANT:
        value = x.function if is_number(x) else np.reshape(x.function, shape)
        return Node(CONSTANT, (), {}, shape, x.dtype, value)
    node = Node("reshape", (x,), {"shape": shape}, shape, x.dtype, np.reshape)
    node.rule = rule
    return node

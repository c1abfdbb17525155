"""Einstein sums of traced matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdiff.matrix import construct
from symdiff.matrix.array import as_node
from symdiff.matrix.construct import make
from symdiff.matrix.node import Graph, Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import Length, shown

__all__ = ["einsum"]


def einsum(graph: Graph, subscripts: Any, *operands: Any, optimize: Any = False) -> Node:
    """Return an Einstein sum, as a matrix product where it is one."""
    if not isinstance(subscripts, str):
        refuse("np.einsum with lists of indices", "write the indices as a string, 'ij,jk->ik'")
    nodes = [as_node(graph, operand) for operand in operands]
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(nodes):
        raise ValueError(f"einsum: {subscripts!r} names {len(inputs)} operands, not {len(nodes)}")
    if "..." in subscripts:
        inputs, output = _without_ellipsis(inputs, output, nodes)
    elif not arrow:
        everything = "".join(inputs)
        output = "".join(sorted(c for c in set(everything) if everything.count(c) == 1))
    for k, (node, letters) in enumerate(zip(nodes, inputs, strict=True)):
        if len(letters) != node.ndim:
            raise ValueError(
                f"einsum: operand {k} of shape {shown(node.shape)} does not have the "
                f"{len(letters)} indices of {letters!r}"
            )
        if len(set(letters)) == 2 == node.ndim or len(set(letters)) == len(letters):
            continue
        if node.ndim != 2:
            refuse(f"np.einsum with the repeated index in {letters!r}", "use np.diagonal")
        nodes[k], inputs[k] = make("diagonal", node), letters[0]
    lengths: dict[str, Length] = {}
    for node, letters in zip(nodes, inputs, strict=True):
        for letter, n in zip(letters, node.shape, strict=True):
            if 1 in (n, lengths.setdefault(letter, n)) and lengths[letter] != n:
                refuse(f"np.einsum with the index {letter!r} repeated from length 1", "sum first")
    return _contracted(nodes, inputs, output)


def _without_ellipsis(
    inputs: Sequence[str], output: str, nodes: Sequence[Node]
) -> tuple[list[str], str]:
    """Return indices with letters in place of dots; stacks must have as many axes."""
    used = set("".join(inputs) + output)
    free = [c for c in "abcdefghijklmnopqrstuvwxyz" if c not in used]
    ranks = {
        node.ndim - len(letters.replace("...", ""))
        for node, letters in zip(nodes, inputs, strict=True)
        if "..." in letters
    }
    if len(ranks) != 1 or not output:
        refuse("np.einsum with dots for different numbers of axes", "write the indices out")
    dots = "".join(free[: ranks.pop()])
    return [letters.replace("...", dots) for letters in inputs], output.replace("...", dots)


def _pairwise(nodes: list[Node], inputs: list[str], output: str) -> Node | None:
    """Return an Einstein sum of many as products of two at a time, vectors first, or None."""
    terms = list(zip(inputs, nodes, strict=True))
    while len(terms) > 1:
        pairs = [
            (j, k) for k in range(len(terms)) for j in range(k) if _is_product(terms, j, k, output)
        ]
        if not pairs:
            return None
        j, k = min(pairs, key=lambda pair: sum(len(terms[i][0]) for i in pair))
        (left, a), (right, b) = terms[j], terms[k]
        kept = "".join(c for c in left + right if (c in left) != (c in right))
        del terms[k], terms[j]
        terms.append((kept, _contracted([a, b], [left, right], kept)))
    [(letters, node)] = terms
    return _contracted([node], [letters], output)


def _is_product(terms: list[tuple[str, Node]], j: int, k: int, output: str) -> bool:
    """Return whether two operands share indices that nothing else has, and leave two at most."""
    left, right = terms[j][0], terms[k][0]
    rest = output + "".join(letters for i, (letters, _) in enumerate(terms) if i not in (j, k))
    shared = {c for c in left if c in right}
    few = max(len(left), len(right)) <= 2 and (len(shared) == 1 or set(left) == set(right))
    distinct = len(set(left)) == len(left) and len(set(right)) == len(right)
    return few and distinct and bool(shared) and not shared & set(rest)


def _contracted(nodes: list[Node], inputs: list[str], output: str) -> Node:
    """Return an Einstein sum, as a matrix product, a trace or a plain sum where it is one."""
    if len(nodes) == 1:
        (a,), (letters,) = nodes, inputs
        axes = tuple(k for k, c in enumerate(letters) if c not in output)
        kept = [c for c in letters if c in output]
        summed = construct.total(a, axes, False) if axes else a
        return construct.transpose(summed, [kept.index(c) for c in output])
    if len(nodes) == 2:
        (a, b), (left, right) = nodes, inputs
        if left == right and not output and a.shape == b.shape:
            return construct.dot(a, b)
        if left == right and a is b:  # squares, of which the root is a length
            return _contracted([construct.multiply(a, b)], [left], output)
        if left == right[::-1] and not output and len(left) == 2:
            return construct.dot(a, construct.transpose(b))
        if len(left) < len(right):
            (a, b), (left, right) = (b, a), (right, left)
        shared = [c for c in left if c in right and c not in output]
        if len(left) == 2 == len(right) and len(shared) == 1 and len(set(left + right)) == 3:
            c = shared[0]
            a = a if left[1] == c else construct.transpose(a)
            b = b if right[0] == c else construct.transpose(b)
            product = construct.matmul(a, b)
            rows = left.replace(c, "")
            return product if output[0] == rows else construct.transpose(product)
        if len(left) == 2 and len(right) == 1 and shared == [right] and len(output) == 1:
            return construct.matmul(a if left[1] == right else construct.transpose(a), b)
        if len(left) == 1 == len(right) and len(output) == 2:
            return construct.outer(a, b) if output == left + right else construct.outer(b, a)
    chained = _pairwise(nodes, inputs, output) if len(nodes) > 2 else None
    return chained or make("einsum", *nodes, params=(tuple(inputs), output))

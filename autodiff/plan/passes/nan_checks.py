"""Where infinity or NaN of a plan may be another result of the function, which is called then.

Where a cotangent of zero meets a partial derivative of infinity the derivative is zero. To look for
NaN once, in the results, takes less time than at each product that may be 0·∞: NaN stays NaN up to
there, unless an operation hides it. And of numbers of Python's arithmetic raises or is complex.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.operations import OPERATIONS
from autodiff.plan.program import (
    CONSTANT,
    FINITE,
    LOOP,
    PICK,
    Guard,
    Node,
    Program,
    body_of,
    loops_on_arrays,
)

__all__ = ["NO_NAN", "guarded_numbers", "hides_nan", "is_partial", "looked_at_in_results"]

NO_NAN = "multiply_no_nan"
#: Operations whose result may be a number though an operand is NaN, by what the others are.
_HIDING = frozenset(("fmax", "fmin", "hypot", "power", "float_power", "copysign", "logaddexp"))
#: Of numbers of Python's these raise or are complex where NumPy's are infinity or NaN.
_QUOTIENTS = frozenset(("divide", "floor_divide", "remainder", "reciprocal"))
_POWERS = frozenset(("power", "sqrt"))


def guarded_numbers(program: Program, kinds: Sequence[type]) -> Program:
    """Return a program that raises where numbers of Python's may raise or become complex.

    `kinds` are the types of the inputs.
    """
    found = {
        id(x) for x, kind in zip(program.inputs, kinds, strict=True) if kind in (float, complex)
    }
    guards = list(program.guards)
    for node in program.nodes if found else ():
        own = [id(x) in found or x.op == CONSTANT for x in node.args]
        if node.shape or node.dtype not in (np.float64, np.complex128) or not all(own):
            continue
        found.add(id(node))
        # A rule computes with NumPy's numbers.
        if is_partial(node) and not node.rule:
            guards.append(Guard(node, FINITE, None))
    return Program(program.inputs, program.outputs, guards, program.nodes)


def is_partial(node: Node) -> bool:
    """Return whether Python raises, or has a complex number, for some operands."""
    last = node.args[-1]
    known = float(last.function) if last.op == CONSTANT and last.dtype.kind in "fiub" else None
    if node.op in _QUOTIENTS:
        return not known
    return node.op in _POWERS and (known is None or known < 0 or known % 1 != 0)


def looked_at_in_results(program: Program) -> tuple[Program, list[Node]]:
    """Return a program without looks at products, and the results to look at in their place.

    The bodies of its loops on arrays lose theirs too. Where NaN may be hidden products are looked
    at as well.
    """
    sources = _sources(program)
    if not sources:
        return program, []
    after = _after(program.nodes, sources)
    floats = [i for i, x in enumerate(program.outputs) if id(x) in after and x.dtype.kind in "fc"]
    if not hides_nan(program):
        for body in loops_on_arrays(program.nodes):
            body.become(_without_looks(body.program))
        program = _without_looks(program)
    return program, [program.outputs[i] for i in floats]


def hides_nan(program: Program) -> bool:
    """Return whether NaN of a product may be missing in the results of a program."""
    after = _after(program.nodes, _sources(program))
    decided = any(id(g.node) in after for g in program.guards if g.what != FINITE)
    return decided or any(id(node) in after and _may_hide(node) for node in program.nodes)


def _sources(program: Program) -> list[int]:
    """Return the identities of looks at products, and of loops if there are some within them."""
    looks = [id(node) for node in program.nodes if node.op == NO_NAN]
    loops = [node for node in program.nodes if node.op == LOOP]
    if any(x.op == NO_NAN for loop in loops for x in body_of(loop).needed()):
        # What one loop saves another takes.
        looks += map(id, loops)
    return looks


def _without_looks(program: Program) -> Program:
    products = {
        id(node): node.args[1]
        for node in program.nodes
        if node.op == NO_NAN and _is_its_product(node)
    }
    for node in program.nodes:
        # Those that use them keep their identity.
        node.args = tuple([_followed(x, products) for x in node.args])
    outputs = [_followed(x, products) for x in program.outputs]
    nodes = [node for node in program.nodes if id(node) not in products]
    return Program(program.inputs, outputs, program.guards, nodes)


def _is_its_product(node: Node) -> bool:
    product = node.args[1]
    return (product.shape, product.dtype) == (node.shape, node.dtype)


def _followed(x: Node, products: dict[int, Node]) -> Node:
    while id(x) in products:
        x = products[id(x)]
    return x


def _after(nodes: Iterable[Node], sources: Iterable[int]) -> set[int]:
    """Return the identities of nodes and of all that is computed from them."""
    found = set(sources)
    for node in nodes:
        if any([id(x) in found for x in node.args]):
            found.add(id(node))
    return found


def _may_hide(node: Node) -> bool:
    if node.op == LOOP:
        body = body_of(node)
        return bool(body.guards) or any(map(_may_hide, body.needed()))
    # Functions of the user's own may do anything.
    known = node.op in PRIMITIVES or node.op in OPERATIONS or node.op == PICK
    hides = node.op in _HIDING or node.op.startswith("nan") or not known
    return hides or node.dtype.kind not in "fc"

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

__all__ = [
    *("NO_NAN", "after_slopes", "guarded_numbers", "hides_nan", "is_partial"),
    "looked_at_in_results",
]

NO_NAN = "multiply_no_nan"
#: Operations whose result may be a number though an operand is NaN, by what the others are.
_HIDING = frozenset(("fmax", "fmin", "hypot", "power", "float_power", "copysign", "logaddexp"))
#: Of numbers of Python's these raise or are complex where NumPy's are infinity or NaN.
_QUOTIENTS = frozenset(("divide", "floor_divide", "remainder", "reciprocal"))
_POWERS = frozenset(("power", "sqrt"))
#: Operations whose result is positive where their operands are; some are where one of them is.
_POSITIVE = frozenset(
    [
        *("multiply", "divide", "reciprocal", "sqrt", "cbrt", "power", "sum", "mean", "minimum"),
        *("reshape", "broadcast_to", "transpose", "getitem", "astype", "copy", "positive"),
    ]
)
_ALWAYS = frozenset(("exp", "exp2", "cosh"))
#: Operations that are infinite, or none, where their first operand is zero.
_STEEP = frozenset(("power", "float_power", "log", "log2", "log10", "log1p"))
_NOT_NEGATIVE = frozenset(("square", "absolute", "fabs", "squared_modulus"))


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


def after_slopes(program: Program) -> list[int]:
    """Return the places of the results that come of slopes which may be infinite.

    This is for a program as it was traced: where the cotangent is a constant other than zero, no
    look at the product is left.
    """
    found: list[int] = []
    positive: set[int] = set()
    signed: set[int] = set()
    infinite: set[int] = set()
    for node in program.nodes:
        _note_sign(node, positive, signed)
        if _may_be_infinite(node, positive, infinite):
            infinite.add(id(node))
            if node.op == NO_NAN:
                found.append(id(node))
    after = _after(program.nodes, found) if found else set()
    return [i for i, x in enumerate(program.outputs) if id(x) in after and x.dtype.kind in "fc"]


def _note_sign(node: Node, positive: set[int], signed: set[int]) -> None:
    """Note whether a value is positive, or at least never negative, whatever the inputs are."""

    def known(x: Node, least: set[int], strict: bool) -> bool:
        if x.op != CONSTANT or x.dtype.kind not in "fiub":
            return id(x) in least
        return bool(
            np.all(np.greater(x.function, 0) if strict else np.greater_equal(x.function, 0))
        )

    own = [known(x, positive, True) for x in node.args]
    rest = [known(x, signed, False) for x in node.args]
    both = node.op in _POSITIVE or node.op in ("add", "maximum")
    square = node.op == "multiply" and node.args[0] is node.args[1]
    if any(own) and (node.op == "maximum" or (node.op == "add" and all(rest))):
        positive.add(id(node))
    if node.op in _ALWAYS or (node.op in _POSITIVE and all(own)):
        positive.add(id(node))
    if id(node) in positive or node.op in _NOT_NEGATIVE or square or (both and all(rest)):
        signed.add(id(node))


def _may_be_infinite(node: Node, positive: set[int], infinite: set[int]) -> bool:
    """Return whether a value may be infinite, or none, but by overflow."""
    if any([id(x) in infinite for x in node.args]):
        return True
    if node.op in _QUOTIENTS:
        return node.args[-1].op != CONSTANT and id(node.args[-1]) not in positive
    steep = node.op in _STEEP or node.op not in OPERATIONS
    return steep and not (node.args and id(node.args[0]) in positive)


def looked_at_in_results(
    program: Program, places: Sequence[int] = ()
) -> tuple[Program, list[Node]]:
    """Return a program without looks at products, and the results to look at in their place.

    `places` are those of results that are looked at besides.
    The bodies of its loops on arrays lose theirs too. Where NaN may be hidden products are looked
    at as well.
    """
    sources = _sources(program)
    after = _after(program.nodes, sources)
    looked_at = [
        i
        for i, x in enumerate(program.outputs)
        if (id(x) in after and x.dtype.kind in "fc") or (i in places and x.op != CONSTANT)
    ]
    if sources and not hides_nan(program):
        for body in loops_on_arrays(program.nodes):
            body.become(_without_looks(body.program))
        program = _without_looks(program)
    return program, [program.outputs[i] for i in looked_at]


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
        # Those that use them keep their identity; whether they are views may be another.
        node.args, node.kind = tuple([_followed(x, products) for x in node.args]), None
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

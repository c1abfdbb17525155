"""Rules of what is smooth on either side of a tie, and of conditions.

Where two values tie in a maximum, they share the adjoint evenly, so that the derivative of
``maximum(z, 0)`` at 0 is 1/2; that of ``abs`` at 0 is 0. The other strategies do the same.
"""

from __future__ import annotations

from collections.abc import Callable

from symdiff.matrix.construct import make, multiply, subtract, unbroadcast
from symdiff.matrix.emitter import ADDED, Code, Emitter, numpy_call
from symdiff.matrix.form import ATOM, SUM, Piece, Typesetter, lifted_form
from symdiff.matrix.node import Node
from symdiff.matrix.rules.elementwise import common_shape, fitted, one
from symdiff.matrix.table import Adjoints, Rule, register


def _step_form(setter: Typesetter, node: Node) -> Piece:
    """Return the unit step."""
    return setter.call("step", setter.piece(node.args[0]), latex=r"\mathbf{1}_{>0}")


def _step_source(emitter: Emitter, node: Node) -> Code:
    return Code(f"{emitter.helper('step')}({emitter.text(node.args[0])})")


def _extreme_adjoint(sign: int) -> Callable[[Node, Node], Adjoints]:
    """Return the adjoints of a maximum (1) or a minimum (-1) of two."""

    def adjoint(node: Node, bar: Node) -> Adjoints:
        a, b = node.args
        ahead = subtract(a, b) if sign > 0 else subtract(b, a)
        first = make("step", ahead)
        return fitted((multiply(bar, first), a), (multiply(bar, subtract(one(bar), first)), b))

    return adjoint


def _where_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return the adjoints of the branches, each where it was chosen."""
    condition, a, b = node.args
    zero = bar.graph.number(0)
    return [
        None,
        unbroadcast(make("where", condition, bar, zero), a.shape),
        unbroadcast(make("where", condition, zero, bar), b.shape),
    ]


def _where_form(setter: Typesetter, node: Node) -> Piece:
    condition, a, b = (setter.full(setter.lifted(arg, node.shape)) for arg in node.args)
    word = r"\text{if } " if setter.style.latex else "if "
    other = r"\text{otherwise}" if setter.style.latex else "otherwise"
    return setter.choice([(a, word + condition), (b, other)])


#: NumPy's name, its operator in source, LaTeX and text.
_COMPARISONS = {
    "greater": (">", ">", ">"),
    "greater_equal": (">=", r"\geq", "≥"),
    "less": ("<", "<", "<"),
    "less_equal": ("<=", r"\leq", "≤"),
    "equal": ("==", "=", "="),
    "not_equal": ("!=", r"\neq", "≠"),
    "logical_and": ("&", r"\wedge", "∧"),
    "logical_or": ("|", r"\vee", "∨"),
}


def _comparison(op: str) -> Rule:
    """Return the rule of a comparison, which has no derivative."""
    operator, latex, text = _COMPARISONS[op]
    logical = op.startswith("logical")

    def form(setter: Typesetter, node: Node) -> Piece:
        a, b = (setter.enclosed(setter.lifted(arg, node.shape), SUM) for arg in node.args)
        sign = latex if setter.style.latex else text
        brackets = (r"\left[", r"\right]") if setter.style.latex else ("[", "]")
        return Piece(f"{brackets[0]}{a} {sign} {b}{brackets[1]}", ATOM)

    def source(emitter: Emitter, node: Node) -> Code:
        a, b = (emitter.text(arg, ADDED) for arg in node.args)
        if logical:
            return Code(f"np.{op}({a}, {b})")
        return Code(f"({a} {operator} {b})")

    return Rule(
        op,
        shape=common_shape,
        form=form,
        source=source,
        adjoint=None,
        cited="piecewise constant: Griewank & Walther 2008, 14",
    )


register(
    Rule(
        "relu",
        common_shape,
        lifted_form("relu"),
        lambda emitter, node: Code(f"np.maximum({emitter.text(node.args[0])}, 0)"),
        lambda node, bar: [multiply(bar, make("step", node.args[0]))],
        "piecewise linear; a tie at 0 is shared evenly",
    ),
    Rule("step", common_shape, _step_form, _step_source, None, "piecewise constant"),
    Rule(
        "maximum",
        common_shape,
        lifted_form("max"),
        numpy_call("maximum"),
        _extreme_adjoint(1),
        "piecewise linear; a tie is shared evenly",
    ),
    Rule(
        "minimum",
        common_shape,
        lifted_form("min"),
        numpy_call("minimum"),
        _extreme_adjoint(-1),
        "piecewise linear; a tie is shared evenly",
    ),
    Rule(
        "where",
        common_shape,
        _where_form,
        numpy_call("where"),
        _where_adjoint,
        "piecewise; the condition has no derivative",
    ),
    Rule(
        "logical_not",
        common_shape,
        lifted_form("¬", r"\neg"),
        numpy_call("logical_not"),
        None,
        "piecewise constant",
    ),
    *map(_comparison, _COMPARISONS),
)

"""Rules of what has no operands: inputs, numbers, constant arrays, lengths, the identity."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symdiff.matrix.emitter import ATOMIC, SIGNED, Code, Emitter
from symdiff.matrix.form import ATOM, Piece, Typesetter
from symdiff.matrix.lengths import replaced
from symdiff.matrix.node import Node
from symdiff.matrix.table import Rule, register
from symdiff.printing.names import spelled


def _number_form(_: Typesetter, node: Node) -> Piece:
    """Return a number as a factor without a body; infinities and NaN in words."""
    value = node.params[0]
    if value != value or value in (float("inf"), -float("inf")):
        return Piece(str(value), ATOM)
    exact = Fraction(value)
    short = exact.limit_denominator(1000)
    return Piece("", ATOM, short if float(short) == value else exact)


def _number_source(_: Emitter, node: Node) -> Code:
    """Return a literal that reads back exactly."""
    value = node.params[0]
    if value != value or value in (float("inf"), -float("inf")):
        return Code(f'float("{value}")')
    return Code(repr(value), SIGNED if str(value).startswith("-") else ATOMIC)


def _input_form(_: Typesetter, node: Node) -> Piece:
    """Return the name of an input."""
    return Piece(str(node.params[0]), ATOM)


def _array_form(setter: Typesetter, node: Node) -> Piece:
    """Return the name of a constant array."""
    return Piece(setter.constant(node.params[0]), ATOM)


def _length_form(setter: Typesetter, node: Node) -> Piece:
    """Return a length as a scalar factor."""
    text = replaced(node.params[0], lambda name: spelled(name, setter.style.latex))
    return Piece("", ATOM, Fraction(1), (text,))


def _leaf(
    op: str,
    form: Callable[[Typesetter, Node], Piece],
    source: Callable[[Emitter, Node], Code],
    cited: str = "constant",
) -> Rule:
    """Return the rule of what has no operands: the graph is told its shape."""
    return Rule(op, None, form, source, None, cited, "free")


register(
    _leaf(
        "input",
        _input_form,
        lambda emitter, node: Code(str(node.params[0])),
        "the seed: the adjoint of a value with respect to itself is 1",
    ),
    _leaf("number", _number_form, _number_source),
    _leaf("array", _array_form, lambda emitter, node: Code(emitter.array(node.params[0]))),
    _leaf("length", _length_form, lambda emitter, node: Code(emitter.length(node.params[0]))),
    _leaf(
        "eye",
        lambda setter, node: Piece(setter.style.eye, ATOM),
        lambda emitter, node: Code(f"np.eye({emitter.length(node.params[0])})"),
    ),
)

"""Rules of functions of each element."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from symdiff.matrix.construct import (
    add,
    divide,
    elementwise,
    is_flat,
    make,
    multiply,
    negate,
    sigmoid,
    subtract,
)
from symdiff.matrix.emitter import Code, Emitter, numpy_call
from symdiff.matrix.form import ATOM, Piece, Typesetter, lifted_form
from symdiff.matrix.node import Node
from symdiff.matrix.rules.elementwise import common_shape, fitted, one, scaled
from symdiff.matrix.table import Rule, register

_Slope = Callable[[Node, Node, Node], Node]  # of the adjoint, the result, the operand


def _one_minus_square(y: Node) -> Node:
    """Return 1 - y**2."""
    return subtract(one(y), elementwise("square", y))


def _plus_one_square(y: Node) -> Node:
    """Return 1 + y**2."""
    return add(one(y), elementwise("square", y))


def _function(op: str, slope: _Slope | None, name: str = "", numpy: str = "") -> Rule:
    """Return the rule of a function of one operand; its names if they are not those of `op`."""
    return Rule(
        op,
        shape=common_shape,
        form=lifted_form(name or op),
        source=numpy_call(numpy or op),
        adjoint=None if slope is None else (lambda node, bar: [slope(bar, node, node.args[0])]),
        cited="Giles 2008, 2.1 with a scalar function; Griewank & Walther 2008, table 4.2",
    )


def _between(left: str, right: str, start: str, end: str) -> Callable[[Typesetter, Node], Piece]:
    """Return the form of what stands between signs, given as LaTeX and as text."""

    def form(setter: Typesetter, node: Node) -> Piece:
        inside = setter.full(setter.piece(node.args[0]))
        latex = setter.style.latex
        return Piece(f"{left}{inside}{right}" if latex else f"{start}{inside}{end}", ATOM)

    return form


def _erf_slope(bar: Node, y: Node, x: Node) -> Node:
    """Return the adjoint times 2/sqrt(pi) exp(-x**2)."""
    bell = elementwise("exp", negate(elementwise("square", x)))
    return multiply(bar, scaled(2 / math.sqrt(math.pi), bell))


def _sigmoid_source(emitter: Emitter, node: Node) -> Code:
    return Code(f"{emitter.helper('sigmoid')}({emitter.text(node.args[0])})")


def _sqrt_slope(bar: Node, y: Node, x: Node) -> Node:
    """Return the adjoint over 2 y; where y is a length, 0 where that is 0."""
    if y.index in y.graph.harmless or is_flat(x, 0.5):
        return multiply(scaled(0.5, bar), make("reciprocal", y))
    return divide(bar, scaled(2, y))


def _cbrt_slope(bar: Node, y: Node, x: Node) -> Node:
    """Return the adjoint over 3 y**2; 0 where y is 0 if it is flat there."""
    square = elementwise("square", y)
    if y.index in y.graph.harmless or is_flat(x, 1 / 3):
        return multiply(scaled(1 / 3, bar), make("reciprocal", square))
    return divide(bar, scaled(3, square))


register(
    _function("exp", lambda g, y, x: multiply(g, y)),
    _function("expm1", lambda g, y, x: multiply(g, make("exp", x))),
    _function("log", lambda g, y, x: divide(g, x)),
    _function("log1p", lambda g, y, x: divide(g, add(one(x), x))),
    replace(_function("sqrt", _sqrt_slope), form=_between(r"\sqrt{", "}", "sqrt(", ")")),
    _function("cbrt", _cbrt_slope),
    _function("tanh", lambda g, y, x: multiply(g, _one_minus_square(y))),
    _function("sin", lambda g, y, x: multiply(g, make("cos", x))),
    _function("cos", lambda g, y, x: negate(multiply(g, make("sin", x)))),
    _function("tan", lambda g, y, x: multiply(g, _plus_one_square(y))),
    _function("sinh", lambda g, y, x: multiply(g, make("cosh", x))),
    _function("cosh", lambda g, y, x: multiply(g, make("sinh", x))),
    _function("arctan", lambda g, y, x: divide(g, _plus_one_square(x))),
    _function("arcsin", lambda g, y, x: divide(g, elementwise("sqrt", _one_minus_square(x)))),
    _function(
        "arccos", lambda g, y, x: negate(divide(g, elementwise("sqrt", _one_minus_square(x))))
    ),
    _function(
        "arcsinh", lambda g, y, x: divide(g, elementwise("sqrt", _plus_one_square(x))), "arsinh"
    ),
    _function(
        "arccosh",
        lambda g, y, x: divide(g, elementwise("sqrt", subtract(elementwise("square", x), one(x)))),
        "arcosh",
    ),
    _function("arctanh", lambda g, y, x: divide(g, _one_minus_square(x)), "artanh"),
    replace(
        _function("absolute", lambda g, y, x: multiply(g, make("sign", x)), numpy="abs"),
        form=_between(r"\left|", r"\right|", "|", "|"),
    ),
    _function("sign", None),
    _function("erf", _erf_slope, numpy="scipy.special.erf"),
    _function("erfc", lambda g, y, x: negate(_erf_slope(g, y, x)), numpy="scipy.special.erfc"),
    _function(
        "gammaln", lambda g, y, x: multiply(g, make("digamma", x)), numpy="scipy.special.gammaln"
    ),
    Rule(
        "sigmoid",
        common_shape,
        lifted_form("σ", r"\sigma"),
        _sigmoid_source,
        lambda node, bar: [multiply(multiply(bar, node), subtract(one(node), node))],
        "Bishop 2006, (4.88)",
        "sigmoid",
    ),
    Rule(
        "softplus",
        common_shape,
        lifted_form("softplus"),
        lambda emitter, node: Code(f"np.logaddexp(0, {emitter.text(node.args[0])})"),
        lambda node, bar: [multiply(bar, sigmoid(node.args[0]))],
        "Bishop 2006, (4.88), integrated",
        "sigmoid",
    ),
    Rule(
        "logaddexp",
        common_shape,
        lifted_form("logaddexp"),
        numpy_call("logaddexp"),
        lambda node, bar: fitted(
            (multiply(bar, sigmoid(subtract(node.args[0], node.args[1]))), node.args[0]),
            (multiply(bar, sigmoid(subtract(node.args[1], node.args[0]))), node.args[1]),
        ),
        "Bishop 2006, 4.3.4",
        "sigmoid",
    ),
)

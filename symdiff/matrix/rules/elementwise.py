"""Rules of operations on each element; a scalar, a row or a column is repeated as NumPy does.

Where two values tie in a maximum, they share the adjoint evenly, so that the derivative of
``maximum(z, 0)`` at 0 is 1/2; that of ``abs`` at 0 is 0. The other strategies do the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdiff.matrix.construct import (
    add,
    divide,
    elementwise,
    make,
    multiply,
    negate,
    power,
    sigmoid,
    subtract,
    unbroadcast,
)
from symdiff.matrix.emitter import (
    ADDED,
    ATOMIC,
    MULTIPLIED,
    POWERED,
    SIGNED,
    Code,
    Emitter,
    numpy_call,
)
from symdiff.matrix.form import ATOM, HADAMARD, PRODUCT, Piece, Typesetter
from symdiff.matrix.node import Node
from symdiff.matrix.shapes import Shape, broadcast_shapes
from symdiff.matrix.table import Adjoints, Rule, register


def common_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    """Return the shape of operands, broadcast."""
    return broadcast_shapes(*[arg.shape for arg in args], operation="an elementwise operation")


def _one(node: Node) -> Node:
    return node.graph.number(1)


def _two(node: Node) -> Node:
    return node.graph.number(2)


def _scaled(n: float, x: Node) -> Node:
    return multiply(x.graph.number(n), x)


def one_minus_square(y: Node) -> Node:
    """Return 1 - y**2."""
    return subtract(_one(y), elementwise("square", y))


def plus_one_square(y: Node) -> Node:
    """Return 1 + y**2."""
    return add(_one(y), elementwise("square", y))


# Sums and products ------------------------------------------------------------------------------


def _sum_form(negative: bool) -> Callable[[Typesetter, Node], Piece]:
    def form(setter: Typesetter, node: Node) -> Piece:
        a, b = (setter.lifted(arg, node.shape) for arg in node.args)
        return setter.sum(a, b, negative)

    return form


def is_scalar(node: Node) -> bool:
    """Return whether a node has one entry, whatever its number of axes."""
    return all(n == 1 for n in node.shape)


def _product_form(setter: Typesetter, node: Node) -> Piece:
    """Return a product: a scalar at the front, a Hadamard product of matrices."""
    a, b = pieces = [setter.lifted(arg, node.shape) for arg in node.args]
    if is_scalar(node):
        return setter.product(a, b)
    for k, arg in enumerate(node.args):
        if is_scalar(arg):
            return setter.product(setter.scalar(pieces[k]), pieces[1 - k])
    return setter.product(a, b, joint=setter.style.hadamard, binding=HADAMARD)


def _quotient_form(setter: Typesetter, node: Node) -> Piece:
    """Return a quotient: a scalar below a bar, of matrices entry by entry."""
    a, b = node.args
    if is_scalar(b):
        return setter.product(setter.under(setter.piece(b)), setter.lifted(a, node.shape))
    above, below = (setter.lifted(arg, node.shape) for arg in node.args)
    left, right = setter.enclosed(above, PRODUCT), setter.enclosed(below, PRODUCT)
    return Piece(f"{left}{setter.style.over}{right}", HADAMARD)


def _infix(symbol: str, binding: int, left: int, right: int) -> Callable[[Emitter, Node], Code]:
    def source(emitter: Emitter, node: Node) -> Code:
        a, b = node.args
        return Code(f"{emitter.text(a, left)} {symbol} {emitter.text(b, right)}", binding)

    return source


def _product_source(emitter: Emitter, node: Node) -> Code:
    """Return a product; scalars of which one is a quotient are multiplied first."""
    a, b = node.args
    if a.number == 1:  # a factor that makes numbers of truth values
        return Code(f"1.0 * {emitter.text(b, SIGNED)}", MULTIPLIED)
    return Code(f"{emitter.text(a, MULTIPLIED)} * {emitter.text(b, SIGNED)}", MULTIPLIED)


def _fitted(*pairs: tuple[Node, Node]) -> Adjoints:
    """Return adjoints summed to the shapes of their operands."""
    return [unbroadcast(bar, arg.shape) for bar, arg in pairs]


def _product_adjoint(node: Node, bar: Node) -> Adjoints:
    a, b = node.args
    return _against(bar, b, a), _against(bar, a, b)


def _against(bar: Node, other: Node, arg: Node) -> Node:
    """Return the adjoint of a factor: an inner product if the factor is a scalar."""
    return unbroadcast(multiply(bar, other), arg.shape)


def _quotient_adjoint(node: Node, bar: Node) -> Adjoints:
    a, b = node.args
    by_a = divide(bar, b)
    return _fitted((by_a, a), (negate(multiply(by_a, node)), b))


def _power_adjoint(node: Node, bar: Node) -> Adjoints:
    x, n = node.args
    lower = n.graph.number(n.number - 1) if n.number is not None else subtract(n, _one(n))
    by_x = multiply(bar, multiply(n, power(x, lower)))
    if n.number is not None:
        return [unbroadcast(by_x, x.shape), None]
    return _fitted((by_x, x), (multiply(bar, multiply(node, elementwise("log", x))), n))


def _power_form(setter: Typesetter, node: Node) -> Piece:
    """Return a power, of a matrix entry by entry."""
    base = setter.lifted(node.args[0], node.shape)
    exponent = setter.full(setter.piece(node.args[1]))
    ring = "" if is_scalar(node) else r"\circ "
    return setter.raised(base, ring + exponent, f"^{'∘' if ring else ''}({exponent})")


def _square_form(setter: Typesetter, node: Node) -> Piece:
    """Return a square, of a matrix entry by entry."""
    ring = "" if is_scalar(node) else r"\circ "
    return setter.raised(setter.piece(node.args[0]), f"{ring}2", "∘²" if ring else "²")


def _negative_form(setter: Typesetter, node: Node) -> Piece:
    piece = setter.piece(node.args[0])
    return piece._replace(number=-piece.number)


# Functions --------------------------------------------------------------------------------------


def _called(latex: str, text: str) -> Callable[[Typesetter, Node], Piece]:
    def form(setter: Typesetter, node: Node) -> Piece:
        return setter.call(latex, text, *(setter.lifted(arg, node.shape) for arg in node.args))

    return form


_Slope = Callable[[Node, Node, Node], Node]  # adjoint, result, operand


def _function(
    op: str, numpy: str, latex: str, text: str, adjoint: _Slope | None, flops: str = "elementwise"
) -> Rule:
    """Return the rule of a function of one operand."""
    return Rule(
        op,
        shape=lambda args, params: args[0].shape,
        form=_called(latex, text),
        source=numpy_call(numpy),
        adjoint=None if adjoint is None else (lambda node, bar: [adjoint(bar, node, node.args[0])]),
        cited="Giles 2008, 2.1 with a scalar function; Griewank & Walther 2008, table 4.2",
        flops=flops,
    )


def _operator(name: str) -> str:
    return rf"\operatorname{{{name}}}"


_FUNCTIONS = (
    _function("exp", "exp", r"\exp", "exp", lambda g, y, x: multiply(g, y)),
    _function(
        "expm1", "expm1", _operator("expm1"), "expm1", lambda g, y, x: multiply(g, make("exp", x))
    ),
    _function("log", "log", r"\log", "log", lambda g, y, x: divide(g, x)),
    _function(
        "log1p", "log1p", _operator("log1p"), "log1p", lambda g, y, x: divide(g, add(_one(x), x))
    ),
    _function(
        "sqrt", "sqrt", _operator("sqrt"), "sqrt", lambda g, y, x: divide(g, multiply(_two(y), y))
    ),
    _function("tanh", "tanh", r"\tanh", "tanh", lambda g, y, x: multiply(g, one_minus_square(y))),
    _function("sin", "sin", r"\sin", "sin", lambda g, y, x: multiply(g, make("cos", x))),
    _function("cos", "cos", r"\cos", "cos", lambda g, y, x: negate(multiply(g, make("sin", x)))),
    _function("tan", "tan", r"\tan", "tan", lambda g, y, x: multiply(g, plus_one_square(y))),
    _function("sinh", "sinh", r"\sinh", "sinh", lambda g, y, x: multiply(g, make("cosh", x))),
    _function("cosh", "cosh", r"\cosh", "cosh", lambda g, y, x: multiply(g, make("sinh", x))),
    _function(
        "arctan", "arctan", r"\arctan", "arctan", lambda g, y, x: divide(g, plus_one_square(x))
    ),
    _function(
        "arcsin",
        "arcsin",
        r"\arcsin",
        "arcsin",
        lambda g, y, x: divide(g, elementwise("sqrt", one_minus_square(x))),
    ),
    _function(
        "arccos",
        "arccos",
        r"\arccos",
        "arccos",
        lambda g, y, x: negate(divide(g, elementwise("sqrt", one_minus_square(x)))),
    ),
    _function(
        "arcsinh",
        "arcsinh",
        _operator("arsinh"),
        "arsinh",
        lambda g, y, x: divide(g, elementwise("sqrt", plus_one_square(x))),
    ),
    _function(
        "arccosh",
        "arccosh",
        _operator("arcosh"),
        "arcosh",
        lambda g, y, x: divide(g, elementwise("sqrt", subtract(elementwise("square", x), _one(x)))),
    ),
    _function(
        "arctanh",
        "arctanh",
        _operator("artanh"),
        "artanh",
        lambda g, y, x: divide(g, one_minus_square(x)),
    ),
    _function(
        "cbrt",
        "cbrt",
        _operator("cbrt"),
        "cbrt",
        lambda g, y, x: divide(g, _scaled(3, elementwise("square", y))),
    ),
    _function(
        "absolute", "abs", _operator("abs"), "abs", lambda g, y, x: multiply(g, make("sign", x))
    ),
    _function("sign", "sign", _operator("sign"), "sign", None),
)


def _sigmoid_source(emitter: Emitter, node: Node) -> Code:
    """Return 1 / (1 + exp(-z))."""
    (z,) = node.args
    if z.op == "negate" and z.index not in emitter.names:
        exponent = emitter.text(z.args[0])
    else:
        exponent = f"-{emitter.text(z, POWERED)}"
    return Code(f"1 / (1 + np.exp({exponent}))", MULTIPLIED)


def _step_form(setter: Typesetter, node: Node) -> Piece:
    """Return the unit step."""
    bold = r"\mathbf{1}_{>0}"
    return setter.call(bold, "step", setter.piece(node.args[0]))


def _step_source(emitter: Emitter, node: Node) -> Code:
    return Code(f"{emitter.helper('step')}({emitter.text(node.args[0])})")


def _reciprocal_form(setter: Typesetter, node: Node) -> Piece:
    """Return 1/n, which is 0 where n is."""
    (n,) = node.args
    if is_scalar(n):
        return setter.under(setter.piece(n))
    one = setter.repeated(Piece(setter.style.one, ATOM), (1,), node.shape)
    body = f"{one.body}{setter.style.over}{setter.enclosed(setter.piece(n), PRODUCT)}"
    return Piece(body, HADAMARD)


def _reciprocal_source(emitter: Emitter, node: Node) -> Code:
    (n,) = node.args
    if node.shape == ():
        name = emitter.text(n, ATOMIC)
        return Code(f"(1 / {name} if {name} else 0.0)")
    return Code(f"{emitter.helper('reciprocal')}({emitter.text(n)})")


def _extreme_adjoint(sign: int) -> Callable[[Node, Node], Adjoints]:
    """Return the adjoints of a maximum (1) or a minimum (-1) of two."""

    def adjoint(node: Node, bar: Node) -> Adjoints:
        a, b = node.args
        ahead = subtract(a, b) if sign > 0 else subtract(b, a)
        first = make("step", ahead)
        return _fitted((multiply(bar, first), a), (multiply(bar, subtract(_one(bar), first)), b))

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
COMPARISONS = {
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
    operator, latex, text = COMPARISONS[op]
    logical = op.startswith("logical")

    def form(setter: Typesetter, node: Node) -> Piece:
        a, b = (setter.enclosed(setter.lifted(arg, node.shape), 0) for arg in node.args)
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
        "add",
        common_shape,
        _sum_form(False),
        _infix("+", ADDED, ADDED, MULTIPLIED),
        lambda node, bar: _fitted(*((bar, arg) for arg in node.args)),
        "Giles 2008, 2.2.1",
    ),
    Rule(
        "subtract",
        common_shape,
        _sum_form(True),
        _infix("-", ADDED, ADDED, MULTIPLIED),
        lambda node, bar: _fitted((bar, node.args[0]), (negate(bar), node.args[1])),
        "Giles 2008, 2.2.1",
    ),
    Rule(
        "negate",
        common_shape,
        _negative_form,
        lambda emitter, node: Code(f"-{emitter.text(node.args[0], POWERED)}", SIGNED),
        lambda node, bar: [negate(bar)],
        "Giles 2008, 2.2.1",
    ),
    Rule(
        "multiply",
        common_shape,
        _product_form,
        _product_source,
        _product_adjoint,
        "Magnus & Neudecker 2019, 3.6 (Hadamard product)",
    ),
    Rule(
        "divide",
        common_shape,
        _quotient_form,
        _infix("/", MULTIPLIED, MULTIPLIED, SIGNED),
        _quotient_adjoint,
        "Griewank & Walther 2008, table 4.2",
    ),
    Rule(
        "power",
        common_shape,
        _power_form,
        lambda emitter, node: Code(
            f"{emitter.text(node.args[0], ATOMIC)}**{emitter.text(node.args[1], ATOMIC)}", POWERED
        ),
        _power_adjoint,
        "Griewank & Walther 2008, table 4.2",
    ),
    Rule(
        "square",
        common_shape,
        _square_form,
        lambda emitter, node: Code(f"{emitter.text(node.args[0], ATOMIC)}**2", POWERED),
        lambda node, bar: [multiply(_scaled(2, bar), node.args[0])],
        "Griewank & Walther 2008, table 4.2",
    ),
    *_FUNCTIONS,
    Rule(
        "sigmoid",
        common_shape,
        _called(r"\sigma", "σ"),
        _sigmoid_source,
        lambda node, bar: [multiply(multiply(bar, node), subtract(_one(node), node))],
        "Bishop 2006, (4.88)",
        "sigmoid",
    ),
    Rule(
        "softplus",
        common_shape,
        _called(_operator("softplus"), "softplus"),
        lambda emitter, node: Code(f"np.logaddexp(0, {emitter.text(node.args[0])})"),
        lambda node, bar: [multiply(bar, sigmoid(node.args[0]))],
        "Bishop 2006, (4.88), integrated",
        "sigmoid",
    ),
    Rule(
        "logaddexp",
        common_shape,
        _called(_operator("logaddexp"), "logaddexp"),
        numpy_call("logaddexp"),
        lambda node, bar: _fitted(
            (multiply(bar, sigmoid(subtract(node.args[0], node.args[1]))), node.args[0]),
            (multiply(bar, sigmoid(subtract(node.args[1], node.args[0]))), node.args[1]),
        ),
        "Bishop 2006, 4.3.4",
        "sigmoid",
    ),
    Rule(
        "relu",
        common_shape,
        _called(_operator("relu"), "relu"),
        lambda emitter, node: Code(f"np.maximum({emitter.text(node.args[0])}, 0)"),
        lambda node, bar: [multiply(bar, make("step", node.args[0]))],
        "piecewise linear; a tie at 0 is shared evenly",
    ),
    Rule("step", common_shape, _step_form, _step_source, None, "piecewise constant"),
    Rule(
        "reciprocal",
        common_shape,
        _reciprocal_form,
        _reciprocal_source,
        lambda node, bar: [negate(multiply(bar, elementwise("square", node)))],
        "Griewank & Walther 2008, table 4.2; 0 at 0 by convention",
    ),
    Rule(
        "maximum",
        common_shape,
        _called(r"\max", "max"),
        numpy_call("maximum"),
        _extreme_adjoint(1),
        "piecewise linear; a tie is shared evenly",
    ),
    Rule(
        "minimum",
        common_shape,
        _called(r"\min", "min"),
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
    *(_comparison(op) for op in COMPARISONS),
    Rule(
        "logical_not",
        common_shape,
        _called(r"\neg", "¬"),
        numpy_call("logical_not"),
        None,
        "piecewise constant",
    ),
)

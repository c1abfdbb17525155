"""Rules of arithmetic on each element; a scalar, a row or a column is repeated as NumPy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdiff.matrix.construct import (
    complement,
    divide,
    elementwise,
    is_flat,
    make,
    multiply,
    negate,
    power,
    subtract,
    unbroadcast,
)
from symdiff.matrix.emitter import ADDED, ATOMIC, MULTIPLIED, POWERED, SIGNED, Code, Emitter
from symdiff.matrix.form import ATOM, HADAMARD, PRODUCT, Piece, Typesetter
from symdiff.matrix.node import Node
from symdiff.matrix.rewriting.terms import Factor, Reader
from symdiff.matrix.shapes import Shape, broadcast_shapes
from symdiff.matrix.table import Adjoints, Rule, register


def common_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    """Return the shape of operands, broadcast."""
    return broadcast_shapes(*[arg.shape for arg in args], operation="an elementwise operation")


def is_scalar(node: Node) -> bool:
    """Return whether a node has one entry, whatever its number of axes."""
    return all(n == 1 for n in node.shape)


def fitted(*pairs: tuple[Node, Node]) -> Adjoints:
    """Return adjoints summed to the shapes of their operands."""
    return [unbroadcast(bar, arg.shape) for bar, arg in pairs]


def one(node: Node) -> Node:
    """Return the number 1 in the graph of a node."""
    return node.graph.number(1)


def scaled(n: float, x: Node) -> Node:
    """Return a multiple."""
    return multiply(x.graph.number(n), x)


def _sum_form(negative: bool) -> Callable[[Typesetter, Node], Piece]:
    def form(setter: Typesetter, node: Node) -> Piece:
        a, b = (setter.lifted(arg, node.shape) for arg in node.args)
        return setter.sum(a, b, negative)

    return form


def _product_form(setter: Typesetter, node: Node) -> Piece:
    """Return a product: a scalar at the front, a Hadamard product of matrices."""
    a, b = pieces = [setter.lifted(arg, node.shape) for arg in node.args]
    if is_scalar(node):
        return setter.product(setter.scalar(a), b)
    for k, arg in enumerate(node.args):
        if is_scalar(arg):
            return setter.product(setter.scalar(pieces[k]), pieces[1 - k])
    return setter.product(a, b, joint=setter.style.hadamard, binding=HADAMARD)


def _quotient_form(setter: Typesetter, node: Node) -> Piece:
    """Return a quotient: a scalar below a bar, of matrices entry by entry."""
    a, b = node.args
    if is_scalar(b):
        return setter.product(setter.under(setter.piece(b)), setter.lifted(a, node.shape))
    if a.number is not None and not float(a.number).is_integer():
        whole = divide(a.graph.number(1), b)
        return setter.product(setter.piece(a), setter.piece(whole))
    above, below = (setter.lifted(arg, node.shape) for arg in node.args)
    left, right = setter.enclosed(above, PRODUCT), setter.enclosed(below, PRODUCT)
    return Piece(f"{left}{setter.style.over}{right}", HADAMARD)


def _infix(symbol: str, binding: int, left: int, right: int) -> Callable[[Emitter, Node], Code]:
    def source(emitter: Emitter, node: Node) -> Code:
        a, b = node.args
        return Code(f"{emitter.text(a, left)} {symbol} {emitter.text(b, right)}", binding)

    return source


def _difference_source(emitter: Emitter, node: Node) -> Code:
    """Return a difference; 1 - sigmoid(z) as sigmoid(-z), which does not round to 0."""
    z = complement(node)
    if z is None:
        return _infix("-", ADDED, ADDED, MULTIPLIED)(emitter, node)
    return Code(f"{emitter.helper('sigmoid')}(-{emitter.text(z, POWERED)})")


def _product_source(emitter: Emitter, node: Node) -> Code:
    """Return a product; scalars of which one is a quotient are multiplied first."""
    a, b = node.args
    whole = _cofactors(emitter, a, b)
    if whole is not None:
        return whole
    if a.number == 1:  # a factor that makes numbers of truth values
        return Code(f"1.0 * {emitter.text(b, SIGNED)}", MULTIPLIED)
    return Code(f"{emitter.text(a, MULTIPLIED)} * {emitter.text(b, SIGNED)}", MULTIPLIED)


def _cofactors(emitter: Emitter, a: Node, b: Node) -> Code | None:
    """Return ``det(X) P X⁻ᵀ Q`` by the cofactors of X, which there are where X has no inverse."""
    scalars, stack = list[Node](), [a]
    while stack:
        part = stack.pop()
        if part.op == "multiply":
            stack += reversed(part.args)
        else:
            scalars.append(part)
    dets = [part for part in scalars if part.op == "det" and not part.shape]
    if a.shape or not dets:
        return None
    if b.op == "reshape":
        inside = _cofactors(emitter, a, b.args[0])
        shape = emitter.shape(b.shape)
        return None if inside is None else Code(f"np.reshape({inside.text}, {shape})")
    inner = b.args[0] if b.op == "transpose" else b
    number, others, chain = Reader().term(b)
    if inner.op == "inv" and inner.ndim == 2:  # also of a multiple, as it stands
        number, others, chain = 1, (), (Factor(inner, inner is not b),)
    inverses = [factor.node for factor in chain if factor.node.op == "inv"]
    if others or len(inverses) != 1 or any(f.node.ndim != 2 for f in chain):
        return None
    beside = _factors_beside(dets[0].args[0], inverses[0].args[0])
    if beside is None:
        return None
    scalars.remove(dets[0])
    texts = [repr(number)] if number != 1 else []
    texts += [emitter.text(part, SIGNED) for part in scalars]
    texts += [f"np.linalg.det({emitter.text(part)})" for part in beside]
    factors = []
    for node, flipped in chain:
        if node.op == "inv":
            text = emitter.part(
                ("cofactors", node.args[0].index), lambda: _cofactor_line(emitter, inverses[0])
            )
        else:
            text = emitter.text(node, ATOMIC)
        factors.append(f"{text}.T" if flipped is not (node.op == "inv") else text)
    product = " @ ".join(factors)
    return Code(" * ".join([*texts, f"({product})" if factors[1:] else product]), MULTIPLIED)


def _cofactor_line(emitter: Emitter, inverse: Node) -> str:
    """Return the name of a line that has the cofactors of what is inverted."""
    call = f"{emitter.helper('cofactors')}({emitter.text(inverse.args[0])})"
    return emitter.assign("cofactor", call)


def _factors_beside(whole: Node, x: Node) -> list[Node] | None:
    """Return the other factors of a product of square matrices of which x is one, else None."""
    number, scalars, chain = (1, (), ()) if whole is x else Reader().term(whole)
    nodes = [factor.node for factor in chain] or [x]
    if number != 1 or scalars or x not in nodes or any(n.shape != x.shape for n in nodes):
        return None
    nodes.remove(x)
    return nodes


def _product_adjoint(node: Node, bar: Node) -> Adjoints:
    a, b = node.args
    return _against(bar, b, a), _against(bar, a, b)


def _against(bar: Node, other: Node, arg: Node) -> Node:
    """Return the adjoint of a factor: an inner product if the factor is a scalar."""
    return unbroadcast(multiply(bar, other), arg.shape)


def _quotient_adjoint(node: Node, bar: Node) -> Adjoints:
    a, b = node.args
    by_a = divide(bar, b)
    return fitted((by_a, a), (negate(multiply(by_a, node)), b))


def _power_adjoint(node: Node, bar: Node) -> Adjoints:
    x, n = node.args
    lower = n.graph.number(n.number - 1) if n.number is not None else subtract(n, one(n))
    harmless = node.index in node.graph.harmless
    if n.number is not None and n.number < 1 and (harmless or is_flat(x, n.number)):
        slope = make("reciprocal", power(x, negate(lower)))
        return [unbroadcast(multiply(bar, multiply(n, slope)), x.shape), None]
    by_x = multiply(bar, multiply(n, power(x, lower)))
    if n.number is not None:
        return [unbroadcast(by_x, x.shape), None]
    slope = multiply(node, elementwise("log", x))
    if x.number is None:  # 0**n stays 0 next to a positive n, and 0 log(0) is not a number
        zero = n.graph.number(0)
        slope = make("where", make("equal", node, zero), zero, slope)
    return fitted((by_x, x), (multiply(bar, slope), n))


def _power_form(setter: Typesetter, node: Node) -> Piece:
    """Return a power, of a matrix entry by entry."""
    base = setter.lifted(node.args[0], node.shape)
    exponent = setter.full(setter.piece(node.args[1]))
    return setter.power(base, exponent, entrywise=not is_scalar(node))


def _square_form(setter: Typesetter, node: Node) -> Piece:
    """Return a square, of a matrix entry by entry."""
    (a,) = node.args
    if a.op == "sumsquares" and a.shape == () and a.index not in setter.names:
        return setter.power(setter.piece(make("norm", a.args[0], params=a.params)), "4")
    return setter.power(setter.piece(a), "2", entrywise=not is_scalar(node))


def _negative_form(setter: Typesetter, node: Node) -> Piece:
    piece = setter.piece(node.args[0])
    return piece._replace(number=-piece.number)


def reciprocal_form(function: str = "") -> Callable[[Typesetter, Node], Piece]:
    """Return the form of one over the operand, or over a function of it."""

    def form(setter: Typesetter, node: Node) -> Piece:
        below = setter.piece(*node.args)
        below = setter.call(function, below) if function else below
        if is_scalar(node):
            return setter.under(below)
        one = setter.repeated(Piece(setter.style.one, ATOM), (1,), node.shape)
        body = f"{one.body}{setter.style.over}{setter.enclosed(below, PRODUCT)}"
        return Piece(body, HADAMARD)

    return form


def _reciprocal_source(emitter: Emitter, node: Node) -> Code:
    (n,) = node.args
    if node.shape == ():
        name = emitter.text(n, ATOMIC)
        return Code(f"(1 / {name} if {name} else 0.0)")
    return Code(f"{emitter.helper('reciprocal')}({emitter.text(n)})")


register(
    Rule(
        "add",
        common_shape,
        _sum_form(False),
        _infix("+", ADDED, ADDED, MULTIPLIED),
        lambda node, bar: fitted(*((bar, arg) for arg in node.args)),
        "Giles 2008, 2.2.1",
    ),
    Rule(
        "subtract",
        common_shape,
        _sum_form(True),
        _difference_source,
        lambda node, bar: fitted((bar, node.args[0]), (negate(bar), node.args[1])),
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
        lambda node, bar: [multiply(scaled(2, bar), node.args[0])],
        "Griewank & Walther 2008, table 4.2",
    ),
    Rule(
        "reciprocal",
        common_shape,
        reciprocal_form(),  # 0 where the operand is
        _reciprocal_source,
        lambda node, bar: [negate(multiply(bar, elementwise("square", node)))],
        "Griewank & Walther 2008, table 4.2; 0 at 0 by convention",
    ),
)

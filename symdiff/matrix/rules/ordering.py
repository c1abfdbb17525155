"""Rules of products, running sums and products, and of the order of elements along one axis.

Elements that tie in the order share the adjoint evenly, as those do that tie for an extreme.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdiff.matrix.construct import make, multiply, spread
from symdiff.matrix.emitter import Code, Emitter
from symdiff.matrix.form import Piece, Typesetter, operator_name
from symdiff.matrix.node import Node
from symdiff.matrix.rules.reductions import along, called, named, reduced
from symdiff.matrix.shapes import axes_of
from symdiff.matrix.table import Adjoints, Rule, no_second, register


def _lane_form(name: str) -> Callable[[Typesetter, Node], Piece]:
    """Return the form of an operation along one axis, which a vector need not name."""

    def form(setter: Typesetter, node: Node) -> Piece:
        pieces = [setter.piece(arg) for arg in node.args]
        if node.ndim == 1:
            return setter.call(name, *pieces)
        axis = node.params[0]
        return setter.call(f"{name}[{axis}]", *pieces, latex=f"{operator_name(name)}_{{{axis}}}")

    return form


def _lane_source(function: str) -> Callable[[Emitter, Node], Code]:
    """Return the source of an operation along one axis: NumPy's, or a helper."""

    def source(emitter: Emitter, node: Node) -> Code:
        name = function if "." in function else emitter.helper(function)
        operands = ", ".join(map(emitter.text, node.args))
        more = "".join(f", {key}" for key in node.params[1:])
        return Code(f"{name}({operands}, axis={node.params[0]}{more})")

    return source


def _same(args: tuple[Node, ...], params: tuple[Any, ...]) -> Any:
    return args[0].shape


def _turned(a: Node, axis: int) -> Node:
    """Return the elements in reversed order along an axis."""
    index: list[Any] = [("slice", None, None, None)] * a.ndim
    index[axis] = ("slice", None, None, -1)
    return make("index", a, params=(tuple(index), a.shape))


def _prod_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return the adjoint times the product of all other elements, which may be 0."""
    (x,) = node.args
    axes = axes_of(node.params)
    whole = spread(bar, x.shape, axes)
    return [multiply(whole, make("others", x, params=(axes,)))]


def _others_source(emitter: Emitter, node: Node) -> Code:
    (x,) = node.args
    return Code(f"{emitter.helper('others')}({emitter.text(x)}, {node.params[0]})")


def _cumsum_adjoint(node: Node, bar: Node) -> Adjoints:
    (axis,) = node.params
    return [_turned(make("cumsum", _turned(bar, axis), params=(axis,)), axis)]


def _tied_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return the adjoint of what is put in order, or back: the opposite."""
    x, _ = node.args
    axis, back = node.params
    return [None, make("tied", x, bar, params=(axis, not back))]


def _tied_form(setter: Typesetter, node: Node) -> Piece:
    """Return values brought into the order of others, or from it to their places."""
    x, values = (setter.piece(arg) for arg in node.args)
    return setter.call("unsort" if node.params[1] else "sort", values, x)


def _tied_source(emitter: Emitter, node: Node) -> Code:
    x, values = map(emitter.text, node.args)
    axis, back = node.params
    return Code(f"{emitter.helper('tied')}({x}, {values}, {axis}, {back})")


register(
    Rule(
        "prod",
        reduced,
        named("prod"),
        called("prod"),
        _prod_adjoint,
        "Griewank & Walther 2008, 3.3 (Speelpenning's product)",
        "reduction",
    ),
    Rule(
        "others",  # of derivatives only: for each element the product of all others
        _same,
        lambda setter, node: (
            setter.call("others", setter.piece(node.args[0]))
            if len(node.params[0]) == node.ndim
            else along(setter, "others", node.params[0], setter.piece(node.args[0]))
        ),
        _others_source,
        no_second("a product"),
        "Griewank & Walther 2008, 3.3",
        "reduction",
    ),
    Rule(
        "cumsum",
        _same,
        _lane_form("cumsum"),
        _lane_source("np.cumsum"),
        _cumsum_adjoint,
        "linear; its transpose sums from the other end",
    ),
    Rule(
        "cumprod",
        _same,
        _lane_form("cumprod"),
        _lane_source("np.cumprod"),
        lambda node, bar: [make("cumprod_vjp", node.args[0], bar, params=node.params)],
        "Griewank & Walther 2008, 3.3",
    ),
    Rule(
        "cumprod_vjp",  # of derivatives only
        _same,
        _lane_form("cumprod_vjp"),
        _lane_source("cumprod_vjp"),
        no_second("a running product"),
        "Griewank & Walther 2008, 3.3",
    ),
    Rule(
        "sort",
        _same,
        _lane_form("sort"),
        _lane_source("np.sort"),
        lambda node, bar: [make("tied", node.args[0], bar, params=(node.params[0], True))],
        "piecewise linear: a permutation; ties are shared evenly",
    ),
    Rule(
        "tied",  # of derivatives only
        _same,
        _tied_form,
        _tied_source,
        _tied_adjoint,
        "piecewise linear: a permutation; ties are shared evenly",
    ),
)

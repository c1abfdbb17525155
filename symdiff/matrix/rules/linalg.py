"""Rules of linear algebra: trace, determinants, inverses, linear systems.

The derivative of a determinant is written with the inverse; its source computes both together, as
cofactors, which singular matrices have, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdiff.matrix.chains import product_form
from symdiff.matrix.construct import (
    add,
    inverse,
    make,
    matmul,
    multiply,
    negate,
    outer,
    reshape,
    subtract,
    swap,
    transpose,
    unbroadcast,
)
from symdiff.matrix.emitter import ATOMIC, Code, Emitter, numpy_call
from symdiff.matrix.form import ATOM, Piece, Typesetter, function_form
from symdiff.matrix.node import Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import Shape, broadcast_shapes, shown
from symdiff.matrix.table import Adjoints, Rule, register

__all__ = ["square_matrix"]


def square_matrix(op: str, shape: Shape) -> Shape:
    """Return the shape of a stack of square matrices; refuse others."""
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ValueError(f"{op}: a square matrix is needed, not shape {shown(shape)}")
    return shape


def _stack_shape(op: str) -> Callable[[tuple[Node, ...], tuple[Any, ...]], Shape]:
    return lambda args, params: square_matrix(op, args[0].shape)[:-2]


def _solve_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    a, b = square_matrix("solve", args[0].shape), args[1].shape
    rows = b[0] if len(b) == 1 else b[-2] if b else None
    if rows != a[-1]:
        raise ValueError(f"solve: {shown(a)} and a right side of shape {shown(b)} do not align")
    if len(b) == 1:
        return a[:-2] + b
    return broadcast_shapes(a[:-2], b[:-2], operation="solve") + b[-2:]


def _per_matrix(bar: Node, node: Node) -> Node:
    """Return an adjoint with one entry a matrix, shaped to multiply the matrices."""
    return bar if bar.shape == () else reshape(bar, (*bar.shape, 1, 1))


def _trace_adjoint(node: Node, bar: Node) -> Adjoints:
    (a,) = node.args
    return [multiply(bar, node.graph.eye(a.shape[0]))]


def _logdet_adjoint(node: Node, bar: Node) -> Adjoints:
    (a,) = node.args
    return [multiply(_per_matrix(bar, node), swap(inverse(a)))]


def _det_adjoint(node: Node, bar: Node) -> Adjoints:
    (a,) = node.args
    return [multiply(_per_matrix(multiply(bar, node), node), swap(inverse(a)))]


def _inverse_adjoint(node: Node, bar: Node) -> Adjoints:
    flipped = swap(node)
    return [negate(matmul(matmul(flipped, bar), flipped))]


def _solve_adjoint(node: Node, bar: Node) -> Adjoints:
    a, b = node.args
    by_b = make("solve", swap(a), bar)
    if node.ndim == 1:
        return negate(outer(by_b, node)), by_b
    return (
        unbroadcast(negate(matmul(by_b, swap(node))), a.shape),
        unbroadcast(by_b, b.shape),
    )


def _cholesky_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    if args[0].ndim != 2:
        refuse("np.linalg.cholesky of a stack", "factorise one matrix at a time")
    return square_matrix("cholesky", args[0].shape)


def _cholesky_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return the adjoint of the lower triangle, which alone is read."""
    inner = matmul(transpose(node), bar)
    halves = multiply(inner.graph.number(0.5), make("diag", make("diagonal", inner)))
    lower = subtract(make("tril", inner, params=(0,)), halves)
    left = make("solve", transpose(node), transpose(lower))
    both = make("solve", transpose(node), transpose(left))
    mirrored = make("tril", add(both, transpose(both)), params=(0,))
    return [subtract(mirrored, make("diag", make("diagonal", both)))]


def _inverse_form(setter: Typesetter, node: Node) -> Piece:
    return setter.power(setter.piece(node.args[0]), "-1")


def _logabsdet_form(setter: Typesetter, node: Node) -> Piece:
    inside = setter.call("det", setter.piece(node.args[0])).body
    return Piece(rf"\log\left|{inside}\right|" if setter.style.latex else f"log|{inside}|", ATOM)


def _solve_form(setter: Typesetter, node: Node) -> Piece:
    if node.ndim <= 2 and node.args[0].ndim == 2:
        return product_form(setter, node)
    left = setter.power(setter.piece(node.args[0]), "-1")
    return setter.product(left, setter.piece(node.args[1]))


def _trace_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    if args[0].ndim != 2 or args[0].shape[0] != args[0].shape[1]:
        refuse(f"the trace of an array of shape {shown(args[0].shape)}", "take a square matrix")
    return ()


def _trace_source(emitter: Emitter, node: Node) -> Code:
    """Return a trace; of an unnamed product without the product."""
    (a,) = node.args
    if a.op == "matmul" and a.index not in emitter.names and all(b.ndim == 2 for b in a.args):
        left, right = a.args
        flipped = left.op == "transpose" and left.index not in emitter.names
        first = emitter.text(left.args[0]) if flipped else f"{emitter.text(left, ATOMIC)}.T"
        return Code(f"np.vdot({first}, {emitter.text(right)})")
    return Code(f"np.trace({emitter.text(a)})")


register(
    Rule(
        "trace",
        _trace_shape,
        function_form("tr"),
        _trace_source,
        _trace_adjoint,
        "Petersen & Pedersen 2012, (99)",
        "trace",
    ),
    Rule(
        "det",
        _stack_shape("det"),
        function_form("det"),
        numpy_call("linalg.det"),
        _det_adjoint,
        "Giles 2008, 2.2.4; Petersen & Pedersen 2012, (49)",
        "factorised",
    ),
    Rule(
        "logdet",
        _stack_shape("det"),
        function_form("log det", r"\log\det"),
        lambda emitter, node: Code(f"np.log(np.linalg.det({emitter.text(node.args[0])}))"),
        _logdet_adjoint,
        "Petersen & Pedersen 2012, (57)",
        "factorised",
    ),
    Rule(
        "logabsdet",
        _stack_shape("slogdet"),
        _logabsdet_form,
        numpy_call("linalg.slogdet", "[1]"),
        _logdet_adjoint,
        "Petersen & Pedersen 2012, (57)",
        "factorised",
    ),
    Rule(
        "signdet",
        _stack_shape("slogdet"),
        function_form("sign det", r"\operatorname{sign}\det"),
        numpy_call("linalg.slogdet", "[0]"),
        None,
        "piecewise constant",
        "factorised",
    ),
    Rule(
        "cholesky",
        _cholesky_shape,
        function_form("chol"),
        numpy_call("linalg.cholesky"),
        _cholesky_adjoint,
        "Murray 2016, (8)-(10), for the triangle that is read",
        "factorised",
    ),
    Rule(
        "inv",
        lambda args, params: square_matrix("inv", args[0].shape),
        _inverse_form,
        numpy_call("linalg.inv"),
        _inverse_adjoint,
        "Giles 2008, 2.2.3; Petersen & Pedersen 2012, (60)",
        "factorised",
    ),
    Rule(
        "solve",
        _solve_shape,
        _solve_form,
        numpy_call("linalg.solve"),
        _solve_adjoint,
        "Giles 2008, 2.3.1",
        "factorised",
    ),
)

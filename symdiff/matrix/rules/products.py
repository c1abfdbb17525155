"""Rules of products of matrices and vectors."""

from __future__ import annotations

from typing import Any

from symdiff.matrix.chains import product_form
from symdiff.matrix.construct import (
    broadcast,
    make,
    matmul,
    multiply,
    outer,
    reshape,
    swap,
    total,
    transpose,
    unbroadcast,
)
from symdiff.matrix.emitter import ATOMIC, MULTIPLIED, SIGNED, Code, Emitter
from symdiff.matrix.form import ATOM, PRODUCT, Piece, Typesetter
from symdiff.matrix.node import Node
from symdiff.matrix.shapes import Shape, broadcast_shapes, shown
from symdiff.matrix.table import Adjoints, Rule, register
from symdiff.printing.names import indexed


def _matmul_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    """Return the shape of a matrix product; refuse lengths that do not align."""
    a, b = args[0].shape, args[1].shape
    if not a or not b:
        raise ValueError("matmul: a scalar has no axis to sum over; multiply with * instead")
    inner_a, inner_b = a[-1], b[-2] if len(b) > 1 else b[0]
    if inner_a != inner_b:
        known = isinstance(inner_a, int) and isinstance(inner_b, int)
        why = "differ" if known else "are not known to be equal; give them the same name"
        raise ValueError(
            f"matmul: shapes {shown(a)} and {shown(b)} do not align: {inner_a} (last axis of "
            f"argument 0) and {inner_b} (axis {max(len(b) - 2, 0)} of argument 1) {why}"
        )
    if len(a) == 1 or len(b) == 1:
        return (a[:-1] if len(a) > 1 else ()) + (b[:-2] + b[-1:] if len(b) > 1 else ())
    return (*broadcast_shapes(a[:-2], b[:-2], operation="matmul"), a[-2], b[-1])


def _matmul_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return ``bar @ b.T`` and ``a.T @ bar``, with vectors as columns."""
    a, b = node.args
    if a.ndim == 1 and b.ndim == 1:
        return multiply(bar, b), multiply(bar, a)
    if a.ndim == 1:
        if b.ndim == 2:
            return matmul(b, bar), outer(a, bar)
        row = reshape(a, (1, *a.shape))
        rows = reshape(bar, (*bar.shape[:-1], 1, bar.shape[-1]))
        by_row = unbroadcast(matmul(rows, swap(b)), row.shape)
        return reshape(by_row, a.shape), unbroadcast(matmul(swap(row), rows), b.shape)
    if b.ndim == 1:
        if a.ndim == 2:
            return outer(bar, b), matmul(transpose(a), bar)
        column = reshape(b, (*b.shape, 1))
        columns = reshape(bar, (*bar.shape, 1))
        by_column = unbroadcast(matmul(swap(a), columns), column.shape)
        return matmul(columns, swap(column)), reshape(by_column, b.shape)
    return (
        unbroadcast(matmul(bar, swap(b)), a.shape),
        unbroadcast(matmul(swap(a), bar), b.shape),
    )


def _matmul_form(setter: Typesetter, node: Node) -> Piece:
    if all(arg.ndim <= 2 for arg in node.args):
        return product_form(setter, node)
    left, right = map(setter.piece, node.args)
    return setter.product(left, right)


def _matmul_source(emitter: Emitter, node: Node) -> Code:
    a, b = node.args
    return Code(f"{emitter.text(a, MULTIPLIED)} @ {emitter.text(b, SIGNED)}", MULTIPLIED)


def _scaled_form(setter: Typesetter, node: Node) -> Piece:
    """Return a product with a diagonal matrix."""
    c, m = map(setter.piece, node.args)
    return setter.product(setter.call("Diag", c), m)


def _inner_form(setter: Typesetter, node: Node) -> Piece:
    """Return the inner product: that of vectors without, of matrices with angle brackets."""
    if node.args[0].ndim == 1:
        return product_form(setter, node)
    left, right = (setter.full(setter.piece(arg)) for arg in node.args)
    if setter.style.latex:
        return Piece(rf"\left\langle {left}, {right} \right\rangle", ATOM)
    return Piece(f"⟨{left}, {right}⟩", ATOM)


def _inner_source(emitter: Emitter, node: Node) -> Code:
    a, b = (emitter.text(arg) for arg in node.args)
    return Code(f"np.vdot({a}, {b})")


# Einstein sums ------------------------------------------------------------------------------------


def _lengths(args: tuple[Node, ...], inputs: tuple[str, ...]) -> dict[str, Any]:
    """Return the length of each index, checked."""
    lengths: dict[str, Any] = {}
    for arg, letters in zip(args, inputs, strict=True):
        for letter, n in zip(letters, arg.shape, strict=True):
            if lengths.setdefault(letter, n) != n:
                raise ValueError(
                    f"einsum: index {letter!r} has the lengths {lengths[letter]} and {n}"
                )
    return lengths


def _einsum_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    inputs, output = params
    lengths = _lengths(args, inputs)
    return tuple(lengths[letter] for letter in output)


def _einsum_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return for each operand the sum of products of the adjoint and all other operands."""
    inputs, output = node.params
    result: list[Node | None] = []
    for k, (arg, letters) in enumerate(zip(node.args, inputs, strict=True)):
        others = [other for j, other in enumerate(node.args) if j != k]
        indices = (output, *(other for j, other in enumerate(inputs) if j != k))
        there = {letter for index in indices for letter in index}
        kept = "".join(letter for letter in letters if letter in there)
        part = make("einsum", bar, *others, params=(indices, kept))
        # an index that only this operand has was summed alone: its adjoint is repeated along it
        ones = tuple(
            n if letter in there else 1 for letter, n in zip(letters, arg.shape, strict=True)
        )
        result.append(broadcast(reshape(part, ones), arg.shape))
    return result


def _einsum_form(setter: Typesetter, node: Node) -> Piece:
    inputs, output = node.params
    free = sorted({letter for index in inputs for letter in index if letter not in output})
    factors = []
    for arg, letters in zip(node.args, inputs, strict=True):
        body = setter.enclosed(setter.piece(arg), ATOM)
        if letters:
            body = indexed(body, letters) if setter.style.latex else f"{body}[{letters}]"
        factors.append(body)
    sign = r"\sum" if setter.style.latex else "Σ"
    summed = f"{sign}_{{{' '.join(free)}}} " if setter.style.latex else f"{sign}_{''.join(free)} "
    body = (summed if free else "") + " ".join(factors)
    if output:
        inner = f"{setter.style.left}{body}{setter.style.right}"
        return Piece(inner + (f"_{{{output}}}" if setter.style.latex else f"[{output}]"), ATOM)
    return Piece(body, PRODUCT)


def _einsum_source(emitter: Emitter, node: Node) -> Code:
    inputs, output = node.params
    operands = ", ".join(emitter.text(arg) for arg in node.args)
    return Code(f'np.einsum("{",".join(inputs)}->{output}", {operands})')


register(
    Rule(
        "matmul",
        _matmul_shape,
        _matmul_form,
        _matmul_source,
        _matmul_adjoint,
        "Giles 2008, 2.2.2; Petersen & Pedersen 2012, (70)-(71)",
        "matmul",
    ),
    Rule(
        "outer",
        lambda args, params: (args[0].shape[0], args[1].shape[0]),
        product_form,
        lambda emitter, node: Code(
            f"np.outer({emitter.text(node.args[0])}, {emitter.text(node.args[1])})"
        ),
        lambda node, bar: [
            matmul(bar, node.args[1]),
            matmul(transpose(bar), node.args[0]),
        ],
        "Petersen & Pedersen 2012, (70)",
    ),
    Rule(
        "scaled_rows",  # Diag(c) M, of second derivatives
        lambda args, params: args[1].shape,
        _scaled_form,
        lambda emitter, node: Code(
            f"{emitter.text(node.args[0], ATOMIC)}[:, None] * {emitter.text(node.args[1], SIGNED)}",
            MULTIPLIED,
        ),
        lambda node, bar: [
            total(multiply(bar, node.args[1]), (1,), False),
            make("scaled_rows", node.args[0], bar),
        ],
        "Magnus & Neudecker 2019, 3.6",
    ),
    Rule(
        "inner",
        lambda args, params: (),
        _inner_form,
        _inner_source,
        lambda node, bar: [multiply(bar, node.args[1]), multiply(bar, node.args[0])],
        "Magnus & Neudecker 2019, 8.8: d tr(A'B)",
        "inner",
    ),
    Rule(
        "einsum",
        _einsum_shape,
        _einsum_form,
        _einsum_source,
        _einsum_adjoint,
        "Laue, Mitterreiter & Giesen 2018, theorem 8",
        "einsum",
    ),
)

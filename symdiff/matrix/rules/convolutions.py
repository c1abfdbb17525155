"""Rules of convolutions of vectors and of Kronecker products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdiff.matrix.construct import make, reshape
from symdiff.matrix.emitter import Code, Emitter
from symdiff.matrix.form import PRODUCT, Piece, Typesetter
from symdiff.matrix.node import Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import Shape, is_concrete, shown
from symdiff.matrix.table import Adjoints, Rule, register


def _infix(text: str, latex: str) -> Callable[[Typesetter, Node], Piece]:
    """Return the form of an operation with a sign between its operands."""

    def form(setter: Typesetter, node: Node) -> Piece:
        a, b = (setter.enclosed(setter.piece(arg), PRODUCT + 1) for arg in node.args)
        return Piece(f"{a} {latex if setter.style.latex else text} {b}", PRODUCT)

    return form


def _called(function: str) -> Callable[[Emitter, Node], Code]:
    """Return the source of a function of two operands."""

    def source(emitter: Emitter, node: Node) -> Code:
        a, b = map(emitter.text, node.args)
        return Code(f"{function}({a}, {b}{''.join(f', {p!r}' for p in node.params)})")

    return source


def _lengths(args: tuple[Node, ...]) -> tuple[int, int]:
    """Return the lengths of two vectors, which must be numbers."""
    for arg in args:
        if arg.ndim != 1 or not is_concrete(arg.shape) or arg.shape[0] == 0:
            refuse(
                f"np.convolve of an array of shape {shown(arg.shape)}",
                "it takes vectors with numbers as lengths",
            )
    n, m = (arg.shape[0] for arg in args)
    return int(n), int(m)


def _full(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    n, m = _lengths(args)
    return (n + m - 1,)


def _valid(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    n, m = _lengths(args)
    return (n - m + 1,)


def _convolve_adjoint(node: Node, bar: Node) -> Adjoints:
    a, v = node.args
    return [
        make("correlate", bar, v, params=("valid",)),
        make("correlate", bar, a, params=("valid",)),
    ]


def _correlate_adjoint(node: Node, bar: Node) -> Adjoints:
    a, v = node.args
    return [make("convolve", bar, v), make("correlate", a, bar, params=("valid",))]


def _kron_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    a, b = args
    if a.ndim != b.ndim or a.ndim not in (1, 2) or not is_concrete((*a.shape, *b.shape)):
        refuse(
            f"np.kron of the shapes {shown(a.shape)} and {shown(b.shape)}",
            "it takes two matrices or two vectors with numbers as lengths",
        )
    return tuple(int(n) * int(m) for n, m in zip(a.shape, b.shape, strict=True))


def _kron_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return the sums of blocks that each element of an operand multiplies."""
    a, b = node.args
    blocks = reshape(bar, tuple(n for pair in zip(a.shape, b.shape, strict=True) for n in pair))
    outer, inner, every = ("i", "k", "ik") if a.ndim == 1 else ("ij", "kl", "ikjl")
    return [
        make("einsum", blocks, b, params=((every, inner), outer)),
        make("einsum", blocks, a, params=((every, outer), inner)),
    ]


register(
    Rule(
        "convolve",
        _full,
        _infix("∗", r"\ast"),
        _called("np.convolve"),
        _convolve_adjoint,
        "bilinear; Oppenheim & Schafer 2010, 2.3",
        "matmul",
    ),
    Rule(
        "correlate",
        _valid,
        _infix("⋆", r"\star"),
        _called("np.correlate"),
        _correlate_adjoint,
        "bilinear; Oppenheim & Schafer 2010, 2.3",
        "matmul",
    ),
    Rule(
        "kron",
        _kron_shape,
        _infix("⊗", r"\otimes"),
        _called("np.kron"),
        _kron_adjoint,
        "Magnus & Neudecker 2019, 2.2",
    ),
)

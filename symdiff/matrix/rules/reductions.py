"""Rules of reductions: sums, squares, norms, extremes, log-sum-exp, and softmax.

A Euclidean norm has no derivative at the origin; by convention it is 0 there, as that of the
absolute value is. Elements that tie for an extreme share the adjoint evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symdiff.matrix.chains import transposed_form
from symdiff.matrix.construct import divide, make, multiply, spread, subtract, total
from symdiff.matrix.emitter import ADDED, ATOMIC, MULTIPLIED, Code, Emitter
from symdiff.matrix.form import ATOM, RAISED, Piece, Typesetter, operator_name
from symdiff.matrix.node import Node
from symdiff.matrix.shapes import Shape, axes_of
from symdiff.matrix.table import Adjoints, Rule, register

__all__ = ["along", "called", "named", "reduced"]


def reduced(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    """Return the shape after a reduction with parameters axes and keepdims."""
    axes = axes_of(params)
    if params[1]:
        return tuple(1 if k in axes else n for k, n in enumerate(args[0].shape))
    return tuple(n for k, n in enumerate(args[0].shape) if k not in axes)


def _spread(bar: Node, node: Node) -> Node:
    """Return the adjoint of a reduction, or the reduction, repeated to the operand's shape."""
    return spread(bar, node.args[0].shape, axes_of(node.params))


def _everything(node: Node) -> bool:
    return len(axes_of(node.params)) == node.args[0].ndim


def _summed(
    setter: Typesetter, piece: Piece, shape: Shape, axes: Sequence[int], kept: bool
) -> Piece:
    """Return the sum of a formula over axes, by products with ones."""
    one = Piece(setter.style.one, ATOM)
    row = setter.transposed(one)
    if len(shape) == 1:
        return setter.product(row, piece)
    if len(shape) > 2:
        return along(setter, "sum", axes, piece, len(shape) if kept else 0)
    if len(axes) == 2:
        return setter.product(setter.product(row, piece), one)
    if tuple(axes) == (1,):
        return setter.product(piece, one)
    return setter.product(row, piece) if kept else setter.product(setter.transposed(piece), one)


def along(setter: Typesetter, name: str, axes: Sequence[int], piece: Piece, kept: int = 0) -> Piece:
    """Return a function along axes that matrix notation has no sign for.

    `kept` is the number of axes of the result if those of the reduction are kept in it.
    """
    which = ",".join(map(str, axes))
    result = setter.call(f"{name}[{which}]", piece, latex=f"{operator_name(name)}_{{{which}}}")
    if kept > 2:
        return setter.taken(result, ["None" if k in axes else ":" for k in range(kept)])
    return setter.transposed(result) if kept == 2 and tuple(axes) == (0,) else result


def _sum_form(setter: Typesetter, node: Node) -> Piece:
    (a,) = node.args
    if _everything(node) and a.op == "absolute" and a.ndim == 1 and a.index not in setter.names:
        return Piece(_bars(setter, a.args[0], "_1", "₁"), ATOM)
    if a.ndim == 2 and axes_of(node.params) == (0,) and not node.params[1]:
        return setter.product(transposed_form(setter, a), Piece(setter.style.one, ATOM))
    return _summed(setter, setter.piece(a), a.shape, axes_of(node.params), node.params[1])


def _bars(setter: Typesetter, node: Node, latex: str, text: str) -> str:
    """Return a norm, its index given as LaTeX and as text."""
    inside = setter.full(setter.piece(node))
    if setter.style.latex:
        return rf"\left\lVert {inside} \right\rVert{latex}"
    return f"‖{inside}‖{text}"


def _norm(setter: Typesetter, node: Node) -> str:
    return _bars(setter, node.args[0], "_F" if node.args[0].ndim > 1 else "", "")


def _squares_form(setter: Typesetter, node: Node) -> Piece:
    if _everything(node):
        latex = setter.style.latex
        raised = f"{_norm(setter, node)}^2" if latex else f"{_norm(setter, node)}²"
        return Piece(raised, RAISED)
    (a,) = node.args
    square = setter.power(setter.piece(a), "2", entrywise=True)
    return _summed(setter, square, a.shape, axes_of(node.params), node.params[1])


def _norm_form(setter: Typesetter, node: Node) -> Piece:
    if _everything(node):
        return Piece(_norm(setter, node), ATOM)
    kept = node.args[0].ndim if node.params[1] else 0
    return along(setter, "norm", axes_of(node.params), setter.piece(node.args[0]), kept)


def named(name: str) -> Callable[[Typesetter, Node], Piece]:
    """Return the form of a reduction that has no sign of its own."""

    def form(setter: Typesetter, node: Node) -> Piece:
        piece = setter.piece(node.args[0])
        if _everything(node):
            return setter.call(name, piece)
        kept = node.args[0].ndim if node.params[1] else 0
        return along(setter, name, axes_of(node.params), piece, kept)

    return form


def _options(node: Node) -> str:
    """Return the keywords of a call of a reduction."""
    axes = axes_of(node.params)
    axis = "" if _everything(node) else f", axis={axes[0] if len(axes) == 1 else axes}"
    return axis + (", keepdims=True" if node.params[1] else "")


def called(name: str) -> Callable[[Emitter, Node], Code]:
    """Return the source of a reduction that is NumPy's."""

    def source(emitter: Emitter, node: Node) -> Code:
        return Code(f"np.{name}({emitter.text(node.args[0])}{_options(node)})")

    return source


def _squares_source(emitter: Emitter, node: Node) -> Code:
    (a,) = node.args
    if _everything(node) and not node.params[1]:
        name = emitter.text(a)
        if emitter.code(a).binding == ATOMIC and name.isidentifier():
            return Code(f"np.vdot({name}, {name})")
    return Code(f"np.sum({emitter.text(a, ATOMIC)}**2{_options(node)})")


def _norm_source(emitter: Emitter, node: Node) -> Code:
    (a,) = node.args
    if _everything(node) and not node.params[1] and emitter.text(a).isidentifier():
        return Code(f"np.sqrt(np.vdot({emitter.text(a)}, {emitter.text(a)}))")
    if len(axes_of(node.params)) > 2 or (_everything(node) and a.ndim != 2):
        return Code(f"np.sqrt(np.sum({emitter.text(a, ATOMIC)}**2{_options(node)}))")
    return Code(f"np.linalg.norm({emitter.text(a)}{_options(node)})")


def _norm_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return ``bar * x / norm``, and 0 where the norm is 0."""
    unit = multiply(bar, make("reciprocal", node))
    return [multiply(_spread(unit, node), node.args[0])]


def _extreme_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return the even share of each element that attains the extreme."""
    (x,) = node.args
    extreme = _spread(node, node)
    ties = make("ties", x, extreme, params=node.params)
    return [multiply(_spread(divide(bar, ties), node), make("equal", x, extreme))]


def _counted(node: Node) -> Node:
    """Return the number of ties as the sum that it is."""
    return total(make("equal", *node.args), axes_of(node.params), node.params[1])


# Exponentials, shifted by their largest exponent so that none overflows --------------------------


def _exponentials(emitter: Emitter, v: Node, axis: int) -> tuple[str, str, str]:
    """Return names of the largest exponent, the shifted exponentials, and their sum."""

    def compute() -> tuple[str, str, str]:
        text = emitter.text(v, ATOMIC)
        options = "" if v.ndim == 1 else f", axis={axis}, keepdims=True"
        top = emitter.assign("m", f"np.max({text}{options})")
        exponentials = emitter.assign("exps", f"np.exp({emitter.text(v, ADDED)} - {top})")
        return top, exponentials, emitter.assign("total", f"np.sum({exponentials}{options})")

    result: tuple[str, str, str] = emitter.part(("exponentials", v.index, axis), compute)
    return result


def _logsumexp_source(emitter: Emitter, node: Node) -> Code:
    (v,) = node.args
    axis, keepdims = node.params
    top, _, whole = _exponentials(emitter, v, axis)
    text = f"{top} + np.log({whole})"
    if v.ndim == 1:
        return Code(f"np.reshape({text}, (1,))") if keepdims else Code(text, ADDED)
    return Code(text, ADDED) if keepdims else Code(f"np.squeeze({text}, axis={axis})")


def _softmax_source(emitter: Emitter, node: Node) -> Code:
    (v,) = node.args
    _, exponentials, whole = _exponentials(emitter, v, node.params[0])
    return Code(f"{exponentials} / {whole}", MULTIPLIED)


def _softmax_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return ``p * (bar - sum(bar * p))``."""
    weighted = total(multiply(bar, node), axes_of(node.params), True)
    return [multiply(node, subtract(bar, weighted))]


def _softmax_form(setter: Typesetter, node: Node) -> Piece:
    piece = setter.piece(node.args[0])
    if node.ndim == 1 or axes_of(node.params) == (node.ndim - 1,):
        return setter.call("softmax", piece)
    return along(setter, "softmax", axes_of(node.params), piece)


register(
    Rule(
        "sum",
        reduced,
        _sum_form,
        called("sum"),
        lambda node, bar: [_spread(bar, node)],
        "Magnus & Neudecker 2019, 9.9: d tr(11'X)",
        "reduction",
    ),
    Rule(
        "sumsquares",
        reduced,
        _squares_form,
        _squares_source,
        lambda node, bar: [
            multiply(_spread(multiply(bar.graph.number(2), bar), node), node.args[0])
        ],
        "Petersen & Pedersen 2012, (131)",
        "inner",
    ),
    Rule(
        "norm",
        reduced,
        _norm_form,
        _norm_source,
        _norm_adjoint,
        "Petersen & Pedersen 2012, (129); 0 at the origin by convention",
        "inner",
    ),
    Rule(
        "max",
        reduced,
        named("max"),
        called("max"),
        _extreme_adjoint,
        "piecewise linear; ties are shared evenly",
        "reduction",
    ),
    Rule(
        "min",
        reduced,
        named("min"),
        called("min"),
        _extreme_adjoint,
        "piecewise linear; ties are shared evenly",
        "reduction",
    ),
    Rule(
        "ties",  # of derivatives only: how many elements are equal to the extreme
        reduced,
        lambda setter, node: setter.piece(_counted(node)),
        lambda emitter, node: emitter.code(_counted(node)),
        lambda node, bar: (None, None),
        "piecewise constant",
        "reduction",
    ),
    Rule(
        "logsumexp",
        reduced,
        named("logsumexp"),
        _logsumexp_source,
        lambda node, bar: [
            multiply(_spread(bar, node), make("softmax", node.args[0], params=(node.params[0],)))
        ],
        "Bishop 2006, 4.3.4",
        "softmax",
    ),
    Rule(
        "softmax",
        lambda args, params: args[0].shape,
        _softmax_form,
        _softmax_source,
        _softmax_adjoint,
        "Bishop 2006, (4.106)",
        "softmax",
    ),
)

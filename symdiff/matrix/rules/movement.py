"""Rules of what only moves, repeats or joins elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symdiff.matrix.chains import transposed_form
from symdiff.matrix.construct import broadcast, make, matmul, reshape, transpose, unbroadcast
from symdiff.matrix.emitter import ATOMIC, Code, Emitter, numpy_call
from symdiff.matrix.form import ATOM, Piece, Typesetter, function_form
from symdiff.matrix.lengths import joined
from symdiff.matrix.node import Node
from symdiff.matrix.refusal import refuse
from symdiff.matrix.shapes import Shape, shown
from symdiff.matrix.table import Adjoints, Rule, register
from symdiff.printing.names import spelled


def _transpose_form(setter: Typesetter, node: Node) -> Piece:
    (a,) = node.args
    axes = node.params[0]
    swapped = (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2)
    if axes != swapped:
        order = ",".join(map(str, axes))
        latex = rf"\operatorname{{transpose}}_{{{order}}}"
        return setter.call(f"transpose[{order}]", setter.piece(a), latex=latex)
    return transposed_form(setter, a)


def _transpose_source(emitter: Emitter, node: Node) -> Code:
    (a,) = node.args
    axes = node.params[0]
    base = emitter.text(a, ATOMIC)
    if axes == tuple(range(a.ndim))[::-1]:
        return Code(f"{base}.T")
    if axes == (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2):
        return Code(f"np.swapaxes({base}, -1, -2)")
    return Code(f"np.transpose({base}, {axes})")


def _transpose_adjoint(node: Node, bar: Node) -> Adjoints:
    axes = node.params[0]
    if bar.op == "matmul" and bar.ndim == 2 and all(arg.ndim == 2 for arg in bar.args):
        a, b = bar.args
        return [matmul(transpose(b), transpose(a))]
    return [transpose(bar, tuple(axes.index(k) for k in range(len(axes))))]


def _without_ones(shape: Shape) -> list[int | str]:
    return [n for n in shape if n != 1]


def _sized(setter: Typesetter, name: str, piece: Piece, shape: Shape) -> Piece:
    """Return a function whose result has a shape that is written with it."""
    lengths = [spelled(str(n), setter.style.latex) for n in shape]
    size = f"({', '.join(lengths)}{',' if len(shape) == 1 else ''})"
    return setter.call(f"{name}[{size}]", piece, latex=rf"\operatorname{{{name}}}_{{{size}}}")


def _reshape_form(setter: Typesetter, node: Node) -> Piece:
    """Return the operand where only axes of length 1 change, else a call."""
    (a,) = node.args
    piece = setter.piece(a)
    if _without_ones(a.shape) != _without_ones(node.shape):
        return _sized(setter, "reshape", piece, node.shape)
    if max(a.ndim, node.ndim) > 2:
        return setter.taken(piece, _ones_changed(a.shape, node.shape))
    row, was_row = (len(s) == 2 and s[0] == 1 and s[1] != 1 for s in (node.shape, a.shape))
    return setter.transposed(piece) if row != was_row else piece


def _ones_changed(before: Shape, after: Shape) -> list[str]:
    """Return the index that adds and drops axes of length 1."""
    index, left = [], list(after)
    for n in before:
        while left and left[0] != n and left[0] == 1:
            index.append("None")
            left.pop(0)
        if left and left[0] == n:
            index.append(":")
            left.pop(0)
        else:
            index.append("0")
    return index + ["None"] * len(left)


def _reshape_source(emitter: Emitter, node: Node) -> Code:
    return Code(f"np.reshape({emitter.text(node.args[0])}, {emitter.shape(node.shape)})")


def _broadcast_form(setter: Typesetter, node: Node) -> Piece:
    """Return the operand repeated by ones; a repeated scalar as a multiple of ones."""
    (a,) = node.args
    piece = setter.piece(a)
    if any(n != 1 for n in a.shape):
        if node.ndim > 2:
            return _sized(setter, "broadcast", piece, node.shape)
        return setter.lifted(a, node.shape)
    if a.number == 0 or all(n == 1 for n in node.shape):
        return piece
    one = Piece(setter.style.one, ATOM)
    if len(node.shape) == 2:
        one = setter.product(one, setter.transposed(one))
    return setter.product(setter.scalar(piece), one)


def _broadcast_source(emitter: Emitter, node: Node) -> Code:
    return Code(f"np.broadcast_to({emitter.text(node.args[0])}, {emitter.shape(node.shape)})")


# Indexing -----------------------------------------------------------------------------------------

# An entry of an index: a number, None, ("slice", start, stop, step), ("array", place).


def _entry(entry: Any, name: Any, length: Callable[[Any], str] = str) -> str:
    """Return the text of an entry of an index."""
    if isinstance(entry, tuple) and entry[0] == "slice":
        start, stop, step = ("" if part is None else length(part) for part in entry[1:])
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(entry, tuple):
        return str(name(entry[1]))
    return str(entry)


def _indexed(setter: Typesetter, index: Sequence[Any]) -> str:
    return ", ".join(_entry(entry, setter.constant) for entry in index)


def _index_form(setter: Typesetter, node: Node) -> Piece:
    index = [_entry(entry, setter.constant) for entry in node.params[0]]
    return setter.taken(setter.piece(node.args[0]), index)


def _index_source(emitter: Emitter, node: Node) -> Code:
    index = ", ".join(_entry(entry, emitter.array, emitter.length) for entry in node.params[0])
    return Code(f"{emitter.text(node.args[0], ATOMIC)}[{index}]")


def _index_adjoint(node: Node, bar: Node) -> Adjoints:
    return [make("scatter", bar, params=(node.args[0].shape, (node.params[0],)))]


def _scatter_form(setter: Typesetter, node: Node) -> Piece:
    """Return zeros in which something is put at indices."""
    arrow = r" \leftarrow " if setter.style.latex else " ← "
    parts = [
        f"[{_indexed(setter, index)}]{arrow}{setter.full(setter.piece(arg))}"
        for arg, index in zip(node.args, node.params[1], strict=True)
    ]
    if len(parts) > 6:
        dots = r"\dots" if setter.style.latex else "…"
        parts = [*parts[:3], dots, parts[-1]]
    name = r"\operatorname{put}" if setter.style.latex else "put"
    return Piece(f"{name}{setter.style.left}{', '.join(parts)}{setter.style.right}", ATOM)


def _disjoint(indices: Sequence[Any]) -> bool:
    """Return whether no entry is hit twice, as far as that is known without numbers."""
    if any(isinstance(entry, tuple) and entry[0] == "array" for i in indices for entry in i):
        return False
    if len(indices) == 1:
        return True
    firsts = [index[0] for index in indices]
    same_sign = all(isinstance(k, int) and k >= 0 for k in firsts)
    return same_sign and len(set(firsts)) == len(firsts)


def _scatter_source(emitter: Emitter, node: Node) -> Code:
    shape, indices = node.params
    texts = [emitter.text(arg) for arg in node.args]
    name = emitter.assign("whole", f"np.zeros({emitter.shape(shape)})")
    assigned = _disjoint(indices)
    for text, index in zip(texts, indices, strict=True):
        where = ", ".join(_entry(entry, emitter.array, emitter.length) for entry in index)
        if any(isinstance(entry, tuple) and entry[0] == "array" for entry in index):
            key = f"({where},)" if len(index) == 1 else f"np.s_[{where}]"
            emitter.lines.append(f"np.add.at({name}, {key}, {text})")
        else:
            emitter.lines.append(f"{name}[{where}] {'' if assigned else '+'}= {text}")
    return Code(name)


def _put_form(setter: Typesetter, node: Node) -> Piece:
    """Return an array in which something is put at an index."""
    whole, part = (setter.full(setter.piece(arg)) for arg in node.args)
    arrow = r" \leftarrow " if setter.style.latex else " ← "
    where = f"[{_indexed(setter, node.params[0])}]"
    name = r"\operatorname{put}" if setter.style.latex else "put"
    inside = f"{whole}; {where}{arrow}{part}"
    return Piece(f"{name}{setter.style.left}{inside}{setter.style.right}", ATOM)


def _put_source(emitter: Emitter, node: Node) -> Code:
    whole, part = (emitter.text(arg) for arg in node.args)
    index = ", ".join(_entry(entry, emitter.array, emitter.length) for entry in node.params[0])
    name = emitter.assign("whole", f"np.array({whole}, dtype=float)")
    emitter.lines.append(f"{name}[{index}] = {part}")
    return Code(name)


def _put_adjoint(node: Node, bar: Node) -> Adjoints:
    """Return the adjoint with 0 where something was put, and what it has there."""
    taken = make("index", bar, params=node.params)
    zero = broadcast(bar.graph.number(0), taken.shape)
    return [make("put", bar, zero, params=node.params), taken]


# Joining ------------------------------------------------------------------------------------------


def _concatenate_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    (axis,) = params
    first = args[0].shape
    for arg in args:
        if arg.ndim != len(first) or any(
            n != m for k, (n, m) in enumerate(zip(arg.shape, first, strict=True)) if k != axis
        ):
            raise ValueError(
                f"concatenate: shapes {', '.join(shown(arg.shape) for arg in args)} differ "
                f"besides axis {axis}"
            )
    return (*first[:axis], joined(arg.shape[axis] for arg in args), *first[axis + 1 :])


def _concatenate_adjoint(node: Node, bar: Node) -> Adjoints:
    (axis,) = node.params
    result, start = [], joined([])
    for arg in node.args:
        end = joined([start, arg.shape[axis]])
        index: list[Any] = [("slice", None, None, None)] * axis
        index.append(("slice", start, end, None))
        result.append(make("index", bar, params=(tuple(index), arg.shape)))
        start = end
    return result


def _concatenate_form(setter: Typesetter, node: Node) -> Piece:
    axis = node.params[0]
    pieces = [setter.piece(arg) for arg in node.args]
    if axis > 1:
        latex = rf"\operatorname{{concatenate}}_{axis}"
        return setter.call(f"concatenate[{axis}]", *pieces, latex=latex)
    joint = "; " if axis == 0 else ", "
    return Piece(f"[{joint.join(map(setter.full, pieces))}]", ATOM)


def _concatenate_source(emitter: Emitter, node: Node) -> Code:
    parts = ", ".join(emitter.text(arg) for arg in node.args)
    comma = "," if len(node.args) == 1 else ""
    return Code(f"np.concatenate(({parts}{comma}), axis={node.params[0]})")


# Diagonals and triangles --------------------------------------------------------------------------


def _diagonal_shape(args: tuple[Node, ...], params: tuple[Any, ...]) -> Shape:
    shape = args[0].shape
    if len(shape) != 2 or shape[0] != shape[1]:
        refuse(f"the diagonal of an array of shape {shown(shape)}", "take a square matrix")
    return (shape[0],)


def _triangle_form(op: str) -> Callable[[Typesetter, Node], Piece]:
    """Return the form of a triangular part, with the diagonal it starts from if not the main."""

    def form(setter: Typesetter, node: Node) -> Piece:
        (k,) = node.params
        return setter.call(op, setter.piece(node.args[0]), *([Piece(str(k), ATOM)] if k else []))

    return form


def _triangle(op: str) -> Rule:
    """Return the rule of a triangular part; its parameter is the diagonal it starts from."""
    return Rule(
        op,
        lambda args, params: args[0].shape,
        _triangle_form(op),
        lambda emitter, node: Code(f"np.{op}({emitter.text(node.args[0])}, {node.params[0]})"),
        lambda node, bar: [make(op, bar, params=node.params)],
        "linear and its own transpose",
        "free",
    )


register(
    Rule(
        "transpose",
        lambda args, params: tuple(args[0].shape[k] for k in params[0]),
        _transpose_form,
        _transpose_source,
        _transpose_adjoint,
        "Magnus & Neudecker 2019, 8.2",
        "free",
    ),
    Rule(
        "reshape",
        lambda args, params: params[0],
        _reshape_form,
        _reshape_source,
        lambda node, bar: [reshape(bar, node.args[0].shape)],
        "linear; its transpose is its inverse",
        "free",
    ),
    Rule(
        "broadcast",
        lambda args, params: params[0],
        _broadcast_form,
        _broadcast_source,
        lambda node, bar: [unbroadcast(bar, node.args[0].shape)],
        "linear; its transpose is the sum",
        "free",
    ),
    Rule(
        "index",
        lambda args, params: params[1],
        _index_form,
        _index_source,
        _index_adjoint,
        "linear; its transpose is scatter",
        "free",
    ),
    Rule(
        "scatter",
        lambda args, params: params[0],
        _scatter_form,
        _scatter_source,
        lambda node, bar: [
            make("index", bar, params=(index, arg.shape))
            for arg, index in zip(node.args, node.params[1], strict=True)
        ],
        "linear; its transpose is index",
        "free",
    ),
    Rule(
        "put",
        lambda args, params: args[0].shape,
        _put_form,
        _put_source,
        _put_adjoint,
        "linear; an entry that is overwritten has no adjoint",
        "free",
    ),
    Rule(
        "concatenate",
        _concatenate_shape,
        _concatenate_form,
        _concatenate_source,
        _concatenate_adjoint,
        "linear; its transpose takes the parts",
        "free",
    ),
    Rule(
        "diagonal",
        _diagonal_shape,
        function_form("diag"),
        numpy_call("diagonal"),
        lambda node, bar: [make("diag", bar)],
        "Petersen & Pedersen 2012, (142)",
        "free",
    ),
    Rule(
        "diag",
        lambda args, params: args[0].shape * 2,
        function_form("Diag"),
        numpy_call("diag"),
        lambda node, bar: [make("diagonal", bar)],
        "Petersen & Pedersen 2012, (142)",
        "free",
    ),
    _triangle("tril"),
    _triangle("triu"),
)

"""Printing a graph as straight-line NumPy source that runs on its own."""

from __future__ import annotations

import base64
import keyword
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from symdiff.matrix.emitter import SIGNED, Emitter
from symdiff.matrix.node import Graph, Node, reachable
from symdiff.matrix.shapes import shown
from symdiff.matrix.table import RULES
from symdiff.operations.operation import Operation
from symdiff.operations.table import OPERATIONS
from symdiff.printing.source import ENTRY_POINT

__all__ = ["print_source"]

_LITERAL = 64  # entries of a constant array that are written out


def _on_arrays(row: Operation) -> str:
    """Return the helper of a row, written for arrays."""
    return re.sub(rf"\b({'|'.join(row.helper_needs)})\(", r"np.\1(", row.helper)


_HELPERS = {
    "step": '''def step(z):
    """Return 1 where z > 0, 1/2 where z = 0, else 0: a tie is shared evenly."""
    return z > 0 if np.all(z) else np.heaviside(z, 0.5)''',
    "sigmoid": '''def sigmoid(z):
    """Return 1 / (1 + exp(-z)); where the exponential overflows, it is 0."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))''',
    "others": '''def others(x, axes):
    """Return for each element the product of all others along the axes, from both ends."""
    lanes = np.moveaxis(x, axes, range(len(axes)))
    flat = lanes.reshape((-1, *lanes.shape[len(axes) :]))
    before, after = np.ones_like(flat), np.ones_like(flat)
    before[1:] = np.cumprod(flat, axis=0)[:-1]
    after[:-1] = np.cumprod(flat[::-1], axis=0)[::-1][1:]
    return np.moveaxis((before * after).reshape(lanes.shape), range(len(axes)), axes)''',
    "cumprod_vjp": '''def cumprod_vjp(x, bar, axis):
    """Return the adjoint of x, given that of its running product."""
    x, bar = np.moveaxis(x, axis, 0), np.moveaxis(bar, axis, 0)
    result, later = np.empty(x.shape), np.zeros(x.shape[1:])
    before = np.concatenate((np.ones_like(x[:1]), np.cumprod(x, axis=0)[:-1]))
    for k in reversed(range(len(x))):
        later = bar[k] + (x[k + 1] * later if k + 1 < len(x) else 0)
        result[k] = before[k] * later
    return np.moveaxis(result, 0, axis)''',
    "tied": '''def tied(x, values, axis, back):
    """Return values in the order of x, or from it to their places; those that tie are shared."""
    lanes, given = (np.moveaxis(a, axis, -1) for a in np.broadcast_arrays(x, values))
    result = np.empty(lanes.shape)
    for lane in np.ndindex(lanes.shape[:-1]):
        _, group, count = np.unique(lanes[lane], return_inverse=True, return_counts=True)
        ordered = np.repeat(np.arange(len(count)), count)
        source, target = (ordered, group) if back else (group, ordered)
        result[lane] = (np.bincount(source, given[lane]) / count)[target]
    return np.moveaxis(result, -1, axis)''',
    "cofactors": '''def cofactors(a):
    """Return det(a) inv(a).T, which there is for singular matrices, too."""
    try:
        return np.linalg.det(a) * np.linalg.inv(a).T
    except np.linalg.LinAlgError:
        u, s, vt = np.linalg.svd(a)
        others = [np.prod(np.delete(s, k)) for k in range(len(s))]
        return np.linalg.det(u) * np.linalg.det(vt) * (u * others) @ vt''',
    "reciprocal": '''def reciprocal(z):
    """Return 1 / z, and 0 where z = 0."""
    return np.divide(1.0, z, out=np.zeros_like(z), where=z != 0)''',
}

_HELPERS |= {row.name: _on_arrays(row) for row in OPERATIONS.values() if row.arrays}


def _constant(values: npt.NDArray[Any]) -> str:
    """Return source that makes a constant array, exactly."""
    if values.size <= _LITERAL:
        text = np.array2string(
            values, separator=", ", threshold=_LITERAL + 1, floatmode="unique", max_line_width=10**6
        )
        text = " ".join(text.split()).replace("nan", "np.nan").replace("inf", "np.inf")
        return f"np.array({text}, dtype={values.dtype.name!r}).reshape({values.shape})"
    packed = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    return (
        f"np.frombuffer(base64.b64decode({packed!r}), dtype={values.dtype.str!r})"
        f".reshape({values.shape})"
    )


def _safe(name: str, taken: set[str]) -> str:
    """Return a name that is no keyword and that nothing has, and take it."""
    name = re.sub(r"\W+", "_", name).rstrip("_") or "t"
    while name in taken or keyword.iskeyword(name):
        name += "_"
    taken.add(name)
    return name


def _result(emitter: Emitter, node: Node) -> str:
    """Return the source of a derivative: an array of floats that can be written to."""
    if node.index in emitter.names:
        return emitter.text(node)
    if node.op == "broadcast" and node.args[0].shape == ():
        return f"np.full({emitter.shape(node.shape)}, {emitter.text(node.args[0])}, dtype=float)"
    if _is_integer(node):
        return f"1.0 * {emitter.text(node, SIGNED)}"
    return emitter.text(node)


def _is_integer(node: Node) -> bool:
    """Return whether a value is made of truth values and integers only."""
    stack = [node]
    while stack:
        part = stack.pop()
        if part.truth:
            continue
        if not part.args and not isinstance(part.number, int):
            return False
        if part.op == "multiply" and part.args[0].number == 1:
            return False  # printed as a product with 1.0
        stack.extend(part.args)
    return node.shape != ()


def print_source(
    graph: Graph,
    inputs: Mapping[str, Node],
    lets: Mapping[int, str],
    value: Node,
    partials: Mapping[str, Node],
    title: str,
) -> str:
    """Return the source of a function of value and gradient."""
    taken = {"np", "scipy", "base64", ENTRY_POINT, "float", *_HELPERS}
    parameters = {name: _safe(name, taken) for name in inputs}
    names = {node.index: parameters[name] for name, node in inputs.items()}
    for index in sorted(lets):
        names[index] = _safe(lets[index], taken)
    order = reachable([value, *partials.values()])
    emitter = Emitter({node.index: names[node.index] for node in inputs.values()}, taken, RULES)
    for node in inputs.values():
        for axis, n in enumerate(node.shape):
            if isinstance(n, str) and n not in emitter.lengths:
                emitter.lengths[n] = f"{names[node.index]}.shape[{axis}]"
    for n, least in graph.least.items():
        message = f"the length {n} has to be {least} at least, as the formula takes slices of it"
        emitter.lines.append(f"if {emitter.length(n)} < {least}:")
        emitter.lines.append(f"    raise ValueError({message!r})")
    if any(node.op == "where" for node in order):  # what is not chosen may be divided by 0
        for node in inputs.values():
            if node.shape == ():
                emitter.lines.append(f"{names[node.index]} = np.float64({names[node.index]})")
    emitter.planned = set(names)
    for node in order:
        if node.op == "input":
            continue
        code = emitter.code(node)
        if node.index in names:
            emitter.lines.append(f"{names[node.index]} = {code.text}")
            emitter.names[node.index] = names[node.index]
    result = emitter.text(value)
    entries = [f'"{name}": {_result(emitter, node)}' for name, node in partials.items()]
    flat = f"return {result}, {{{', '.join(entries)}}}"
    if len(flat) <= 96:
        emitter.lines.append(flat)
    else:
        emitter.lines += [f"return {result}, {{", *(f"    {e}," for e in entries), "}"]
    if "cofactors" in emitter.helpers:  # which stand for inverses that may not exist
        unused = [names[n.index] for n in order if n.op == "inv" and n.index in names]
        unused = [n for n in unused if len(re.findall(rf"\b{n}\b", "\n".join(emitter.lines))) == 1]
        emitter.lines = [line for line in emitter.lines if line.partition(" = ")[0] not in unused]
    heads = [f"# {parameters[name]}: shape {shown(node.shape)}" for name, node in inputs.items()]
    body = [f"# {title}"]
    constants = [f"{n} = {_constant(graph.arrays[k])}" for k, n in emitter.arrays.items()]
    body += ["import base64", ""] if any("base64" in line for line in constants) else []
    body += ["import numpy as np"]
    for module in ("scipy.linalg", "scipy.special"):
        used = any(f"{module}." in line for line in emitter.lines)
        body += [f"import {module}"] if used else []
    body += ["", *constants] if constants else []
    for helper in sorted(emitter.helpers):
        body += ["", "", _HELPERS[helper]]
    body += ["", "", f"def {ENTRY_POINT}({', '.join(parameters.values())}):"]
    body += [f"    {line}" for line in (*heads, *emitter.lines)]
    return "\n".join(body) + "\n"

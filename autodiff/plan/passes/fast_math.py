"""Sine and cosine of the same argument from one tangent: quicker, and less exact.

NumPy's sine and cosine of float64 take 8 ns an element, its tangent 1.4 (NumPy 2.4 on x86-64, where
only the tangent is vectorised). With t = tan(x/2) and u = 2 / (1 + t²), sin x = t u and
cos x = u − 1 (NIST Digital Library of Mathematical Functions, 4.21.34 and 4.21.35).
The absolute error stays at some 1e-16; relative digits are lost near the zeros of the cosine.
"""

import numpy as np

from autodiff.plan.passes.builder import Builder
from autodiff.plan.program import Node, Program

__all__ = ["half_angles"]


def half_angles(program: Program) -> Program:
    """Return a program in which sine and cosine of the same array are computed together."""
    pairs: dict[int, dict[str, Node]] = {}
    for node in program.nodes:
        if node.op in ("sin", "cos") and node.dtype == np.float64 and node.shape:
            pairs.setdefault(id(node.args[0]), {})[node.op] = node
    wanted = {key for key, pair in pairs.items() if len(pair) == 2}
    if not wanted:
        return program
    instead: dict[int, Node] = {}
    nodes: list[Node] = []
    for node in program.nodes:
        node.args = tuple(instead.get(id(x), x) for x in node.args)
        if node.op in ("sin", "cos") and id(node.args[0]) in wanted and id(node) not in instead:
            pair = pairs[id(node.args[0])]
            builder = Builder()
            sine, cosine = _from_tangent(builder, node.args[0])
            nodes += builder.nodes
            for old, new in ((pair["sin"], sine), (pair["cos"], cosine)):
                new.name, new.rule = old.name, node.rule
                instead[id(old)] = new
        elif id(node) not in instead:
            nodes.append(node)
    outputs = [instead.get(id(x), x) for x in program.outputs]
    return Program(program.inputs, outputs, program.guards, nodes)


def _from_tangent(builder: Builder, x: Node) -> tuple[Node, Node]:
    """Return the nodes of sine and cosine."""
    number, ufunc = builder.number, builder.ufunc
    t = ufunc(np.tan, ufunc(np.multiply, x, number(0.5)))
    u = ufunc(np.divide, number(2.0), ufunc(np.add, ufunc(np.square, t), number(1.0)))
    return ufunc(np.multiply, t, u), ufunc(np.subtract, u, number(1.0))

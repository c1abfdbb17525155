"""Rectifiers whose arguments need not be kept for the backward pass.

The derivative of h = max(z, 0) is the sign of h, but where z is 0 (there it is 1/2) or NaN. Whether
there are such elements is looked for in the forward pass; then h can be written over z, and a deep
network stays in the cache twice as long. The sign as a float, times the cotangent, takes 1.2 µs for
32×32 elements; a masked copy takes 2.1, the product with a mask of bool 1.8.
"""

import numpy as np

from autodiff.plan.operations import RELU_STEP, RELU_TIES
from autodiff.plan.program import INPUT, Node, Program, is_number

__all__ = ["relu_by_result"]


def relu_by_result(program: Program, large: int) -> Program:
    """Return a program whose rectifiers of less than `large` elements keep no arguments."""
    results = {
        id(node.args[0]): node
        for node in program.nodes
        if node.op == "maximum"
        and is_number(node.args[1], 0.0)
        and not node.args[1].shape
        # An input is kept by its owner.
        and node.args[0].op != INPUT
    }
    pulls = {
        id(node)
        for node in program.nodes
        if node.op == "relu_vjp"
        and _fits(node)
        and node.size < large
        and id(node.args[1]) in results
    }
    if not pulls:
        return program
    wanted = {id(node.args[1]) for node in program.nodes if id(node) in pulls}
    ties: dict[int, Node] = {}
    instead: dict[int, Node] = {}
    nodes: list[Node] = []
    for node in program.nodes:
        key = id(node)
        if key in pulls:
            g, z = node.args
            new = Node(RELU_STEP, (g, results[id(z)], ties[id(z)]), {}, node.shape, node.dtype)
            new.name, new.rule = node.name, node.rule
            instead[key] = node = new
        node.args = tuple([instead.get(id(x), x) for x in node.args])
        nodes.append(node)
        if key in wanted:
            ties[key] = Node(RELU_TIES, (node,), {}, (), np.dtype(object))
            ties[key].rule = node.rule
            nodes.append(ties[key])
    outputs = [instead.get(id(x), x) for x in program.outputs]
    return Program(program.inputs, outputs, program.guards, nodes)


def _fits(node: Node) -> bool:
    """Return whether a cotangent and its primal are arrays of one shape."""
    g, z = node.args
    alike = g.shape == z.shape == node.shape and g.dtype == z.dtype == node.dtype == np.float64
    return bool(alike and node.shape)

"""Graphs of expressions: order, sharing and size on deep and wide ones."""

import sys
import threading

import pytest
import sympy

from symdiff.construct import add, apply, make, multiply, negate
from symdiff.dag import intern, normalise, shared_operations, topological, tree_operations
from symdiff.deep import call_deep

x, y, z = sympy.symbols("x y z", real=True)


def _chain(n):
    node = x
    for _ in range(n):
        node = make(sympy.sin, (add(node, y),))
    return node


def test_a_very_deep_chain_is_walked():
    node = _chain(20_000)
    assert len(topological([node])) == 40_002
    assert tree_operations([node]) == shared_operations([node]) == 40_000


def test_arguments_come_first():
    order = topological([_chain(5)])
    seen = set()
    for node in order:
        assert all(id(arg) in seen for arg in node.args)
        seen.add(id(node))


def test_equal_nodes_become_one():
    first, second = intern([_chain(3), _chain(3)])
    assert first is second


def test_products_of_opposite_sign_share():
    roots = normalise([apply(sympy.sin, multiply(x, y)), apply(sympy.cos, negate(multiply(x, y)))])
    assert shared_operations(roots) == 3


def test_only_what_is_used_once_is_merged():
    inner = add(x, y)
    assert normalise([add(inner, z)])[0] == x + y + z
    outer, kept = normalise([add(inner, z), inner])
    assert kept in outer.args


@pytest.mark.parametrize(
    ("expression", "operations"),
    [
        (x, 0),
        (-x, 0),
        (x - y, 1),
        (x / y, 1),
        (1 / x, 1),
        (1 / (x * y), 2),
        (x / y**2, 2),
        (sympy.sqrt(x), 1),
        (1 / sympy.sqrt(x), 2),
        (2 * x * sympy.exp(-x), 3),
    ],
)
def test_operations(expression, operations):
    assert tree_operations([expression]) == operations


def test_the_recursion_limit_and_the_stack_are_restored():
    before = sys.getrecursionlimit(), threading.stack_size()
    with pytest.raises(ZeroDivisionError):
        call_deep(lambda: 1 // 0)
    assert (sys.getrecursionlimit(), threading.stack_size()) == before


def test_too_deep_is_a_clear_error():
    def endless(n):
        return endless(n + 1)

    with pytest.raises(ValueError, match="strategy='shared'"):
        call_deep(lambda: endless(0))
    assert call_deep(lambda: call_deep(lambda: 3)) == 3

"""Graphs of formulas: order, sharing and size on deep and wide ones."""

import itertools
import math
import operator
import pickle
import sys
import threading
from fractions import Fraction

import pytest

from symdiff.operations.evaluate import evaluate
from symdiff.printing.recursion import call_deep
from symdiff.store.cse import flatten
from symdiff.store.dag import ONE, ZERO, Dag
from symdiff.store.op_counts import shared_operations, tree_operations


@pytest.fixture
def dag():
    return Dag()


@pytest.fixture
def xyz(dag):
    return dag.symbols("x", (3,)).tolist()


def _chain(dag, x, y, n):
    node = x
    for _ in range(n):
        node = dag.apply("sin", dag.add(node, y))
    return node


def test_what_is_below_is_found_in_small_and_in_large_graphs(dag, xyz):
    x, y, z = xyz
    small = dag.add(x, y)
    assert dag.reachable([]) == []
    assert dag.reachable([small, small]) == sorted({x, y, small})
    _chain(dag, x, z, 200)  # from here on it is a small part
    assert dag.reachable([]) == []
    assert dag.reachable([small]) == sorted({x, y, small})


def test_a_very_deep_chain_is_walked(dag, xyz):
    x, y, _ = xyz
    node = _chain(dag, x, y, 20_000)
    assert len(dag.reachable([node])) == 40_002
    assert tree_operations(dag, [node]) == shared_operations(dag, [node]) == 40_000
    assert pickle.loads(pickle.dumps(dag)).ops == dag.ops


def test_arguments_come_first(dag, xyz):
    _chain(dag, *xyz[:2], 5)
    assert all(arg < node for node, args in enumerate(dag.args) for arg in args)


def test_equal_nodes_are_one(dag, xyz):
    x, y, _ = xyz
    assert _chain(dag, x, y, 3) == _chain(dag, x, y, 3)
    assert dag.add(x, y) == dag.add(y, x)
    assert dag.multiply(x, y) == dag.multiply(y, x)
    assert dag.divide(x, y) != dag.divide(y, x)


NUMBERS = (0, 1, -1, 2, -2, 3, 0.5, -0.5, Fraction(1, 3), Fraction(-3, 2))


def test_what_is_folded_has_the_value_of_what_was_written(dag, xyz):
    at = dict(zip(xyz, (0.7, 1.9, 0.4), strict=True))
    x, y, _ = xyz
    grown = [x, dag.negate(x), dag.multiply(dag.number(-3), x), dag.multiply(x, y), dag.add(x, y)]
    grown += [dag.apply("exp", x), dag.divide(ONE, y), dag.subtract(ONE, x), dag.square(x)]
    parts = {node: float(evaluate(dag, [node], at)[0]) for node in grown}
    parts |= {dag.number(n): float(n) for n in NUMBERS}
    ways = {
        dag.add: operator.add,
        dag.subtract: operator.sub,
        dag.multiply: operator.mul,
        dag.divide: operator.truediv,
        dag.power: operator.pow,
    }
    for (a, of_a), (b, of_b) in itertools.product(parts.items(), parts.items()):
        for make, way in ways.items():
            if (way is operator.truediv and of_b == 0) or (
                way is operator.pow and (of_a <= 0 or abs(of_b) > 3)
            ):
                continue
            found = evaluate(dag, [make(a, b)], at)[0]
            assert math.isclose(found, way(of_a, of_b), rel_tol=1e-12, abs_tol=1e-15), way


def test_products_of_opposite_sign_share(dag, xyz):
    x, y, _ = xyz
    product = dag.multiply(x, y)
    roots = [dag.apply("sin", product), dag.apply("cos", dag.negate(product))]
    assert shared_operations(dag, roots) == 3
    three = dag.multiply(dag.number(3), product)
    assert dag.multiply(dag.number(-3), product) == dag.negate(three)


def test_only_what_is_used_once_is_merged(dag, xyz):
    x, y, z = xyz
    inner = dag.add(x, y)
    outer = dag.add(inner, z)
    flat, [root] = flatten(dag, [outer])
    assert flat.args[root] == (x, y, z)
    same, roots = flatten(dag, [outer, inner])
    assert same is dag
    assert roots == [outer, inner]


def test_products_are_merged_with_their_numbers(dag, xyz):
    x, y, z = xyz
    twice = dag.multiply(dag.number(2), dag.multiply(x, y))
    flat, [root] = flatten(dag, [dag.multiply(twice, dag.multiply(dag.number(3), z))])
    assert flat.data[flat.args[root][0]] == 6
    assert flat.args[root][1:] == (x, y, z)


@pytest.mark.parametrize(
    ("form", "operations"),
    [
        (lambda d, x, y: x, 0),
        (lambda d, x, y: d.negate(x), 0),
        (lambda d, x, y: d.subtract(x, y), 1),
        (lambda d, x, y: d.divide(x, y), 1),
        (lambda d, x, y: d.power(x, d.number(-1)), 1),
        (lambda d, x, y: d.divide(ONE, d.multiply(x, y)), 2),
        (lambda d, x, y: d.multiply(x, d.power(y, d.number(-2))), 3),
        (lambda d, x, y: d.power(x, d.number(0.5)), 1),
        (lambda d, x, y: d.power(x, d.number(-0.5)), 2),
        (lambda d, x, y: d.multiply(d.number(2), x, d.apply("exp", d.negate(x))), 3),
        (lambda d, x, y: d.apply("sigmoid", x), 3),
    ],
)
def test_operations(dag, xyz, form, operations):
    assert tree_operations(dag, [form(dag, *xyz[:2])]) == operations


def test_numbers_are_folded(dag, xyz):
    x = xyz[0]
    number = dag.number
    assert dag.add(number(2), number(-2)) == dag.multiply(x, ZERO) == dag.divide(ZERO, x) == ZERO
    assert dag.power(x, ZERO) == dag.divide(number(3), number(3)) == dag.apply("exp", ZERO) == ONE
    assert dag.data[dag.divide(ONE, number(3))] == Fraction(1, 3)
    assert dag.data[dag.divide(number(-2), ZERO)] == -math.inf
    assert math.isnan(dag.data[dag.divide(ZERO, ZERO)])
    assert dag.number(math.nan) == dag.number(math.nan)
    assert dag.data[dag.power(number(Fraction(1, 2)), number(3))] == Fraction(1, 8)
    assert dag.data[dag.apply("maximum", number(2), number(0.5))] == 2
    assert dag.ops[dag.apply("exp", number(2))] == "exp"
    assert dag.data[dag.apply("exp", number(0.1))] == math.exp(0.1)


def test_numbers_do_not_grow_without_bound(dag):
    node = dag.number(Fraction(1, 3))
    for _ in range(1000):
        node = dag.multiply(dag.number(4), node, dag.subtract(ONE, node))
    assert isinstance(dag.data[node], float)
    assert 0 <= dag.data[node] <= 1
    huge = dag.number(10**400)
    assert dag.data[huge] == math.inf


def test_sigmoids_are_recognised(dag, xyz):
    x, y, _ = xyz
    sigmoid = dag.apply("sigmoid", x)
    below = dag.add(dag.apply("exp", dag.negate(x)), ONE)
    assert dag.divide(ONE, below) == sigmoid
    assert dag.divide(y, below) == dag.multiply(y, sigmoid)
    flipped = dag.divide(ONE, dag.add(ONE, dag.apply("exp", x)))
    assert flipped == dag.apply("sigmoid", dag.negate(x))


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


SIMPLIFIED = {
    "x + 1 + x - 1": (lambda d, x, y: d.add(x, ONE, x, d.number(-1)), lambda d, x, y: d.add(x, x)),
    "x - 0": (lambda d, x, y: d.subtract(x, ZERO), lambda d, x, y: x),
    "-(-x)": (lambda d, x, y: d.negate(d.negate(x)), lambda d, x, y: x),
    "(-x)*y": (
        lambda d, x, y: d.multiply(d.negate(x), y),
        lambda d, x, y: d.negate(d.multiply(x, y)),
    ),
    "x*x": (lambda d, x, y: d.multiply(x, x), lambda d, x, y: d.square(x)),
    "x*0": (lambda d, x, y: d.multiply(x, ZERO), lambda d, x, y: ZERO),
    "x**-1": (lambda d, x, y: d.power(x, d.number(-1)), lambda d, x, y: d.divide(ONE, x)),
    "(-3)**2": (lambda d, x, y: d.square(d.number(-3)), lambda d, x, y: d.number(9)),
    "1/(1 + exp(-x))": (
        lambda d, x, y: d.divide(ONE, d.add(ONE, d.apply("exp", d.negate(x)))),
        lambda d, x, y: d.apply("sigmoid", x),
    ),
    "exp(0)": (lambda d, x, y: d.apply("exp", ZERO), lambda d, x, y: ONE),
    "0 < 1": (lambda d, x, y: d.compare("lt", ZERO, ONE), lambda d, x, y: d.boolean(True)),
    "x if x > 0 else x": (
        lambda d, x, y: d.choose(d.compare("gt", x, ZERO), x, x),
        lambda d, x, y: x,
    ),
    "true as a number": (lambda d, x, y: d.numeric(d.boolean(True)), lambda d, x, y: ONE),
    "one as a condition": (lambda d, x, y: d.condition(ONE), lambda d, x, y: d.boolean(True)),
}


@pytest.mark.parametrize("name", SIMPLIFIED)
def test_formulas_are_simplified_where_they_are_built(name, dag):
    written, expected = SIMPLIFIED[name]
    x, y = dag.symbols("x", (2,)).tolist()
    assert written(dag, x, y) == expected(dag, x, y)


def test_one_minus_a_sigmoid_is_known(dag, xyz):
    s = dag.apply("sigmoid", xyz[0])
    assert dag.complement(dag.apply("sigmoid", dag.negate(xyz[0]))) == s
    assert dag.complement(s) is None
    assert dag.ops[dag.apply("log", dag.number(2))] == "log"

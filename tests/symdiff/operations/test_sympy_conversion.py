"""Nodes as SymPy expressions, and back."""

import numpy as np
import pytest
import scipy.special
import sympy

from symdiff import trace
from symdiff.operations import sympy_functions as fn
from symdiff.operations.sympy_conversion import definitions, from_sympy, make, to_sympy
from symdiff.operations.table import OPERATIONS, UFUNCS
from symdiff.store.dag import Dag

x, y = sympy.symbols("x y", real=True)


def _node(f):
    traced = trace(f, x=(), y=())
    return traced.dag, int(traced.nodes), {x: int(traced.inputs["x"]), y: int(traced.inputs["y"])}


def test_small_formulas_are_those_that_sympy_would_write():
    forms = {
        "sum": (lambda x, y: y + 2 + x, x + y + 2),
        "difference": (lambda x, y: x - y, x - y),
        "quotient": (lambda x, y: x / y, x / y),
        "third": (lambda x, y: x / 3, x / 3),
        "powers": (lambda x, y: x**2 * np.sqrt(y), x**2 * sympy.sqrt(y)),
        "signs": (lambda x, y: -2 * x * y, -2 * x * y),
        "function": (lambda x, y: np.exp(-x) * np.sin(y), sympy.exp(-x) * sympy.sin(y)),
        "reciprocal root": (lambda x, y: 1 / np.sqrt(x), 1 / sympy.sqrt(x)),
    }
    for name, (f, expected) in forms.items():
        dag, node, _ = _node(f)
        assert to_sympy(dag, [node]) == [expected], name


def test_nothing_is_evaluated():
    dag, node, _ = _node(lambda x, y: 3 * (x + y) - (x + y) * x)
    [formula] = to_sympy(dag, [node])
    assert sympy.expand(formula - (3 * (x + y) - (x + y) * x)) == 0
    assert len(formula.args) == 2


def test_shared_nodes_are_one_object():
    dag, node, _ = _node(lambda x, y: np.sin(x * y) ** 2 + np.exp(np.sin(x * y)))
    [formula] = to_sympy(dag, [node])
    first, second = formula.args
    inner = {id(leaf) for term in (first, second) for leaf in term.find(sympy.sin)}
    assert len(inner) == 1


def test_names_stand_for_nodes():
    dag, node, _ = _node(lambda x, y: np.exp(x) * y + np.exp(x))
    exp = dag.ops.index("exp")
    v = sympy.Symbol("v", real=True)
    [form] = to_sympy(dag, [node], {exp: "v"})
    assert sympy.expand(form - (v * y + v)) == 0
    assert to_sympy(dag, [exp], {exp: "v"}) == [v]
    assert definitions(dag, {exp: "v"}) == [sympy.exp(x)]


@pytest.mark.each(
    "ufunc",
    [*(u for u, row in UFUNCS.items() if row.domain), scipy.special.erf],
)
def test_there_and_back(ufunc):
    arity = ufunc.nin
    dag, node, symbols = _node(lambda x, y: ufunc(*(x, y)[:arity]))
    assert from_sympy(dag, to_sympy(dag, [node]), symbols) == [node]


def test_sympy_functions_are_understood():
    dag = Dag()
    symbols = {x: int(dag.symbols("x", ())), y: int(dag.symbols("y", ()))}
    for expression in (
        sympy.Abs(x) + sympy.sign(y) * sympy.pi,
        sympy.Max(x, y, 2) - sympy.Min(x, y) / 3,
        fn.Where(x > y, x, 1 / y**2),
        (x + y) ** sympy.Rational(3, 2) / (1 + sympy.exp(x)),
    ):
        back = to_sympy(dag, from_sympy(dag, [expression], symbols))[0]
        places = {x: sympy.Float("0.3", 30), y: sympy.Float("1.7", 30)}
        assert float(back.subs(places).evalf()) == pytest.approx(float(expression.subs(places)))


def test_what_has_no_meaning_is_refused_by_name():
    dag = Dag()
    with pytest.raises(NotImplementedError, match="airyai"):
        from_sympy(dag, [sympy.airyai(x)], {x: int(dag.symbols("x", ()))})
    with pytest.raises(NotImplementedError, match="y"):
        from_sympy(dag, [y], {})


def test_opaque_functions_differentiate_and_evaluate_in_sympy():
    s = fn.Sigmoid(x)
    assert sympy.simplify(s.diff(x) - s * (1 - s)) == 0
    assert float(s.subs(x, 0.0)) == 0.5
    assert fn.Maximum(x, y).diff(x) == fn.Step(x, y)
    assert fn.Where(x > 0, x**2, y).diff(x) == fn.Where(x > 0, 2 * x, 0)
    assert str(s) == "sigmoid(x)"
    assert sympy.latex(s) == r"\sigma\left(x\right)"
    assert sympy.latex(fn.LogCosh(x) ** 2) == r"\left(\log\cosh\left(x\right)\right)^{2}"


def test_every_operation_has_a_meaning_once():
    known = [kind for row in OPERATIONS.values() for kind in (row.sympy, *row.sympy_too) if kind]
    assert len(set(known)) == len(known)


def test_deep_expressions_have_their_hash_at_once():
    node = x
    for _ in range(20_000):
        node = make(sympy.sin, (node,))
    assert isinstance(hash(node), int)

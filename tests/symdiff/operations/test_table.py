"""Every row of the table of operations, walked."""

import dataclasses
import inspect

import numpy as np
import pytest
import scipy.special
import sympy

from symdiff import gradient, parse
from symdiff.operations.operation import NEEDED
from symdiff.operations.sympy_functions import Opaque
from symdiff.operations.table import OPERATIONS, UFUNCS
from symdiff.store.dag import ZERO, Dag
from symdiff.store.properties import COMMUTATIVE, COUNTS, FOLDS
from symdiff.strategies import DERIVATIONS, Derivation
from symdiff.text.parse import FUNCTIONS

ROWS = [pytest.param(row, id=row.name) for row in OPERATIONS.values()]
SMOOTH = [
    pytest.param(row, ufunc, id=ufunc.__name__)
    for row in OPERATIONS.values()
    if row.domain
    for ufunc in (*row.ufuncs, *([getattr(scipy.special, row.scipy)] if row.scipy else []))
]


def _missing(row):
    """Return the columns that the row's kind needs, and that it does not fill."""
    missing = [column for column in NEEDED[row.kind] if not getattr(row, column)]
    own = isinstance(row.sympy, type) and issubclass(row.sympy, Opaque)
    return missing + ["sympy.numeric"] * (own and row.sympy.numeric is None)


@pytest.mark.each("row", ROWS)
def test_no_column_is_missing(row):
    assert not _missing(row)


@pytest.mark.parametrize("name", ["add", "gt", "where", "erf", "square", "logical_and"])
def test_walk_catches_a_missing_column(name):
    row = OPERATIONS[name]
    for column in NEEDED[row.kind]:
        emptied = dataclasses.replace(row, **{column: ()})
        assert _missing(emptied) == [column]


@pytest.mark.each("row", ROWS)
def test_columns_fit_each_other(row):
    fewest, most = row.arity
    assert fewest <= (most or fewest)
    assert all(fewest <= ufunc.nin <= (most or ufunc.nin) for ufunc in row.ufuncs)
    assert not row.domain or len(row.domain) == fewest
    dag = Dag()
    nodes = dag.symbols("x", (fewest,)).tolist()
    if row.kind in ("choice", "logic"):
        nodes[:2] = [dag.compare("gt", node, ZERO) for node in nodes[:2]]
    if row.kind == "logic":
        nodes = nodes[:fewest]
    if row.name == "where":
        nodes[1] = nodes[2] - 1
    node = row.form(dag, *nodes)
    if row.kind not in ("formula", "test", "logic"):
        assert dag.ops[node] == row.name
    if row.partials is not None:
        assert len(row.partials(dag, node, *nodes)) == fewest
    assert FOLDS[row.name] == row.fold
    assert (row.name in COMMUTATIVE) is row.commutes
    assert COUNTS.get(row.name, 1) == row.count


@pytest.mark.each("row", [param for param in ROWS if param.values[0].parse])
def test_parse_names(row):
    for name in row.parse:
        assert name in FUNCTIONS
        arguments = ", ".join(
            f"x{k} > 0" if row.name == name == "where" and not k else f"x{k}"
            for k in range(row.arity[0])
        )
        assert len(inspect.signature(parse(f"{name}({arguments})")).parameters) == row.arity[0]


def _of_kind(kind):
    known = [ufunc for ufunc, row in UFUNCS.items() if row.kind == kind]
    return [pytest.param(ufunc, id=ufunc.__name__) for ufunc in known]


def _point(row, rng):
    return {f"x{k}": rng.uniform(*interval) for k, interval in enumerate(row.domain)}


def _function(row, ufunc):
    if len(row.domain) == 1:
        return lambda x0: ufunc(x0)
    return lambda x0, x1: ufunc(x0, x1)


@pytest.mark.each("strategy", ["shared", "expanded", "adjoint"])
@pytest.mark.each(("row", "ufunc"), SMOOTH)
def test_value_and_derivative(row, ufunc, strategy, rng, differences):
    f, point = _function(row, ufunc), _point(row, rng)
    g = gradient(f, strategy=strategy, inputs=dict.fromkeys(point, ()))
    value, found = g.value_and_gradient(**point)
    np.testing.assert_allclose(value, f(**point), rtol=1e-14)
    if row.domain[0][0] == row.domain[0][1]:
        assert np.isnan(found.pop("x0"))  # by its order, which is a number where it is used
    differences(f, found, point)


@pytest.mark.each(("row", "ufunc"), SMOOTH)
def test_numpy_scalars_agree_with_floats(row, ufunc, rng):
    point = _point(row, rng)
    g = gradient(_function(row, ufunc), inputs=dict.fromkeys(point, ()))
    fast, slow = g._on_floats(*point.values()), g._on_scalars(*point.values())
    np.testing.assert_allclose(slow[0], fast[0], rtol=1e-14)
    for name in point:
        np.testing.assert_allclose(slow[1][name], fast[1][name], rtol=1e-13)


@pytest.mark.each(("row", "ufunc"), SMOOTH)
def test_formula_evaluates_in_sympy(row, ufunc, rng):
    point = _point(row, rng)
    g = gradient(_function(row, ufunc), inputs=dict.fromkeys(point, ()))
    for formula in (g.value, *g.partials.values()):
        assert not formula.has(sympy.Derivative, sympy.Subs)
        places = {sympy.Symbol(name, real=True): sympy.Float(x) for name, x in point.items()}
        assert formula.subs(places).evalf(30).is_Number


def test_walk_catches_a_wrong_rule(monkeypatch, differences):
    def wrong(dag, n, x):
        return (dag.apply("cos", dag.multiply(dag.number(2), x)),)

    monkeypatch.setitem(OPERATIONS, "sin", dataclasses.replace(OPERATIONS["sin"], partials=wrong))
    g = gradient(lambda x: np.sin(x), x=())
    with pytest.raises(AssertionError):
        differences(lambda x: np.sin(x), g(x=0.3), {"x": 0.3})


def test_walk_catches_a_wrong_form(monkeypatch, differences):
    def twice(dag, x):
        return dag.multiply(dag.number(2), dag.apply("exp", x))

    monkeypatch.setitem(UFUNCS, np.exp, dataclasses.replace(UFUNCS[np.exp], form=twice))
    with pytest.raises(AssertionError):
        differences(lambda x: np.exp(x), gradient(lambda x: np.exp(x), x=())(x=0.3), {"x": 0.3})


def test_walk_catches_a_strategy_that_returns_zeros(monkeypatch, differences):
    def zeros(dag, value, symbols):
        return Derivation(dag, value, [ZERO] * len(symbols), {})

    monkeypatch.setitem(DERIVATIONS, "shared", zeros)
    g = gradient(lambda x: np.sum(x**2), strategy="shared", x=(2,))
    point = {"x": np.array([1.0, 2.0])}
    with pytest.raises(AssertionError):
        differences(lambda x: np.sum(x**2), g(**point), point)


@pytest.mark.parametrize("ufunc", _of_kind("relation"))
def test_comparison(ufunc):
    g = gradient(lambda x: np.sum(np.where(ufunc(x, 1.0), x**2, -x)), x=(3,))
    x = np.array([0.5, 1.0, 2.0])
    value, found = g.value_and_gradient(x=x)
    holds = ufunc(x, 1.0)
    assert value == np.sum(np.where(holds, x**2, -x))
    np.testing.assert_array_equal(found["x"], np.where(holds, 2 * x, -1.0))


@pytest.mark.parametrize("ufunc", _of_kind("logic"))
def test_logic(ufunc):
    def f(x):
        conditions = (x > 0, x < 1)[: ufunc.nin]
        return np.sum(np.where(ufunc(*conditions), x**2, -x))

    x = np.array([-1.0, 0.5, 2.0])
    assert gradient(f, x=(3,)).value_and_gradient(x=x)[0] == f(x)


def test_a_condition_counts_as_a_number():
    g = gradient(lambda x: np.sum(x * (x > 0)), x=(2,))
    np.testing.assert_array_equal(g(x=[-1, 3])["x"], [0, 1])


def test_cube_root_of_a_negative_number():
    g = gradient(lambda x: np.cbrt(x), x=())
    assert g.value_and_gradient(x=-8) == (-2.0, {"x": pytest.approx(1 / 12)})


def test_fmax_of_two_floats_is_a_number():
    g = gradient(lambda x: x * np.fmax(np.sum(x * 0 + 0.1) - x, 0.1) + np.fmax.outer(x, 0.2), x=())
    assert g(x=1.0) == {"x": pytest.approx(0.1 + 1.0)}
    dag = Dag()
    assert dag.data[dag.apply("fmaximum", dag.number(0.1), dag.number(0.3))] == 0.3


# One row through everything that prints or computes it ------------------------------------------


@pytest.mark.parametrize("strategy", ["shared", "expanded", "adjoint"])
def test_erf_in_every_strategy(strategy):
    def f(x):
        return np.sum(scipy.special.erf(x) ** 2)

    x = np.array([-0.7, 0.0, 1.3])
    value, found = gradient(f, strategy=strategy, x=(3,)).value_and_gradient(x=x)
    slope = 2 / np.sqrt(np.pi) * np.exp(-(x**2))
    assert value == pytest.approx(f(x), rel=1e-14)
    np.testing.assert_allclose(found["x"], 2 * scipy.special.erf(x) * slope, rtol=1e-13)


def test_erf_in_every_text():
    g = gradient(parse("erf(x)"), x=())
    x = sympy.Symbol("x", real=True)
    assert g.value == sympy.erf(x)
    assert float((g.partials["x"] - sympy.diff(sympy.erf(x), x)).subs(x, 0.3)) == pytest.approx(0)
    assert r"\operatorname{erf}{\left(x \right)}" in g.latex()
    assert "from math import erf, exp\n" in g.source
    assert "from scipy.special import erf\n" in g._print("numpy")
    assert "erf(x[0])" in g.code("c")
    assert g(x=np.inf) == {"x": 0.0}
    assert gradient(lambda x: x * scipy.special.erf(np.float64(0.3)), x=())(x=1)["x"] == (
        scipy.special.erf(0.3)
    )


def test_a_scipy_function_that_has_no_row_is_refused():
    from symdiff import Untraceable

    with pytest.raises(Untraceable, match="ellipk"):
        gradient(lambda x: scipy.special.ellipk(x), x=())

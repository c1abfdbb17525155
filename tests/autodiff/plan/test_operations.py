"""The table of operations, walked: what a row's kind needs and it lacks fails here."""

import math
from importlib import import_module

import numpy as np
import pytest
import scipy.special as special

import autodiff
from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.operation import Kind, Takes
from autodiff.plan.operations import HELPERS, OPERATIONS, fields_of
from autodiff.plan.to_numpy.fields import FIELDS

ROWS = [pytest.param(row, id=name) for name, row in OPERATIONS.items()]
PLACED = [pytest.param(row, id=name) for name, row in OPERATIONS.items() if row.kind.owns_memory]
OPERANDS = {"0", "1", "2"}


@pytest.mark.each("row", ROWS)
def test_a_row_has_what_its_kind_needs(row):
    if row.kind is not Kind.CALL:
        assert bool(row.numpy) is (row.kind is not Kind.LEAF)
    if row.kind is Kind.REDUCTION and row.numba:
        assert row.combine
    if row.kind is Kind.VIEW:
        assert row.calm
        assert not row.numba, "loops read through views"
    assert not (row.python and row.math), "one expression of numbers"
    assert not row.far or row.numba
    assert not row.combine or row.numba
    assert row.takes is Takes.REALS or row.numba
    assert not row.helpers or any("(" in text for text in row.numpy)
    assert row.helpers == () or set(row.helpers) <= set(HELPERS)
    assert not row.share or row.kind is Kind.REDUCTION


@pytest.mark.each("row", ROWS)
def test_texts_have_fields_that_are_known(row):
    for text in (*row.numpy, row.share):
        assert fields_of(text) <= FIELDS | OPERANDS
    for text in (row.python, row.numba, row.far, row.operator):
        assert fields_of(text) <= OPERANDS
    assert fields_of(row.combine) <= {"0", "1"}


@pytest.mark.each("row", PLACED)
def test_a_statement_writes_where_it_is_told(row):
    into = {"out", "named_out", "out_or_none", "to", "out_over_last"}
    scalar = row.name in ("vdot", "relu_ties")
    assert scalar or any(into & fields_of(text) for text in row.numpy)
    assert row.fills is (row.numpy[-1].count("{to}") == 1)


@pytest.mark.each("row", PLACED)
def test_an_expression_gives_no_memory_of_its_operands(row):
    names = {name: getattr(np, name) for name in np.__all__ if hasattr(np, name)} | {"np": np}
    for text in row.helpers:
        exec(text, names)
    for x in (np.array(0.5), np.array([0.5, 2.0])):
        if row.operator and (x.ndim or "@" not in row.operator):
            result = eval(row.operator.format("x", "x"), names | {"x": x})
            assert not np.shares_memory(result, x) or (row.keeps and x.ndim)


@pytest.mark.each("row", ROWS)
def test_functions_are_found_where_the_row_says(row):
    if row.math:
        ufunc = getattr(np, row.name, getattr(special, row.name, None))
        assert isinstance(ufunc, np.ufunc)
        domain = {"acosh": 1.5, "atan2": (0.3, 0.7), "hypot": (0.3, 0.7), "pow": (0.3, 0.7)}
        x = domain.get(row.math, (0.3, 0.7) if row.math == "copysign" else 0.3)
        args = x if isinstance(x, tuple) else (x,)
        found = getattr(math, row.math)(*args)
        assert found == pytest.approx(float(ufunc(*args)), rel=1e-14)
    if row.function:
        module, _, name = row.function.replace("np.", "numpy.", 1).rpartition(".")
        assert callable(getattr(import_module(module), name))


def test_names_of_rows_are_those_of_rules_or_of_the_plan_alone():
    own = {
        *("input", "constant", "loop", "loop_result", "relu_ties", "relu_step", "flat_copy"),
        *("add_part", "column_sums", "rowwise_dot", "vdot", "vector_matrix", "matrix_vector"),
    }
    for name in OPERATIONS.keys() - own:
        ufunc = getattr(np, name, getattr(special, name, None))
        assert name in PRIMITIVES or isinstance(ufunc, np.ufunc), name


def _uses_erf(x):
    for _ in range(20):
        x = special.erf(x * 0.9) + 0.25 * x
    return np.sum(x)


BACKENDS = ("numpy", "numba")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("x", [0.3, np.linspace(-1.0, 3.0, 7), np.linspace(-1.0, 3.0, 40_000)])
def test_the_error_function_is_one_row(backend, x):
    if backend == "numba":
        pytest.importorskip("numba")
    eager = autodiff.value_and_grad(_uses_erf)
    compiled = autodiff.compile(eager, backend=backend)
    for point in (x, 0.5 * x):
        value, x_bar = compiled(point)
        expected, wanted = eager(point)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        np.testing.assert_allclose(x_bar, wanted, rtol=1e-12, atol=1e-15)
    plan = compiled.plan(x)
    assert plan.backend == backend
    if np.ndim(x) == 0:
        assert "from math import erf, exp" in plan.source
    else:
        call, imported = (
            ("math.erf(", "import math") if backend == "numba" else (" erf(", "import erf")
        )
        assert call in plan.source
        assert imported in plan.source


def test_numbers_that_are_no_longer_finite_have_the_error_function_of_scipy():
    compiled = autodiff.compile(lambda x: special.erf(x) / (x - 1.0))
    compiled(0.5)
    with np.errstate(divide="ignore"):
        assert compiled(1.0) == np.inf


def test_the_error_function_in_a_loop_within_a_program_of_arrays():
    def f(x, ws):
        s = np.sum(ws * ws)
        for _ in range(1000):
            s = special.erf(s * x + 0.1)
        return np.sum(ws * s)

    compiled, ws = autodiff.compile(f), np.linspace(0.1, 0.5, 5)
    compiled(0.5, ws)
    assert compiled(0.9, ws) == pytest.approx(float(f(0.9, ws)), rel=1e-12)
    assert "for " in compiled.plan(0.9, ws).source


def _exp(x):
    return 2.0 * np.exp(x)


_exp.__name__ = "exp"


@pytest.mark.parametrize("x", [0.5, np.array([0.5, 1.0])])
def test_a_users_function_with_the_name_of_an_operation_is_their_own(x):
    own = autodiff.custom(_exp, vjps={0: lambda out, x: lambda g: g * out})
    both = autodiff.value_and_grad(lambda x: np.sum(own(x)))
    compiled = autodiff.compile(both)
    for point in (x, 2.0 * x):
        value, x_bar = compiled(point)
        expected, wanted = both(point)
        assert value == pytest.approx(float(expected))
        np.testing.assert_allclose(x_bar, wanted)


def test_a_users_variable_may_have_the_name_of_a_helper():
    def f(x):
        where_into = np.where(x > 0.0, x, 2.0 * x)
        return np.sum(where_into * np.exp(x))

    compiled, x = autodiff.compile(autodiff.grad(f)), np.array([-1.0, 0.5, 2.0])
    np.testing.assert_allclose(compiled(x), autodiff.grad(f)(x))

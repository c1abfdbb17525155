"""Complex numbers in loops of Numba's: NumPy's numbers, from any view, special values too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import autodiff
from autodiff.plan.operations import OPERATIONS

pytest.importorskip("numba", reason="Numba is not installed", exc_type=ImportError)

#: By name of the operation: a function of two matrices whose plan has it.
PROGRAMS = {
    "absolute": lambda x, y: np.absolute(x),
    "add": lambda x, y: x + y.T,
    "astype": lambda x, y: x.real.astype(complex) * y,
    "cast": lambda x, y: np.add(x.real, y),
    "conjugate": lambda x, y: np.conjugate(x) * y,
    "copy": lambda x, y: [x[:, ::-1], y],
    "equal": lambda x, y: np.where(x == x.T, 1.0, 2.0),
    "exp": lambda x, y: np.exp(x),
    "flat_copy": lambda x, y: np.reshape(x.T, (2, 8)) + 1.0,
    "imag": lambda x, y: np.imag(x) + np.imag(y),
    "isnan": lambda x, y: np.where(np.isnan(x), 1.0, 2.0),
    "matrix_vector": lambda x, y: (x * y) @ y[0],
    "multiply": lambda x, y: x * (y[0] + 1j),
    "negative": lambda x, y: -x[::-1],
    "not_equal": lambda x, y: np.where(x != x.T, 1.0, 2.0),
    "positive": lambda x, y: +x + y,
    "real": lambda x, y: np.real(x) + np.real(y.T),
    "scatter": lambda x, y: autodiff.vjp(lambda z: z[1:, ::2], x)[1](y[1:, ::2] * 2.0)[0],
    "square": lambda x, y: np.square(x) + y[0, 0],
    "subtract": lambda x, y: 1.5 - x - y,
    "sum": lambda x, y: [np.sum(x * y, axis=0), np.sum(x, axis=1, keepdims=True), np.sum(y)],
    "vector_matrix": lambda x, y: y[0] @ (x * y),
    "where": lambda x, y: np.where(x.real > y.real, x, 2j * y),
}
#: These come of a derivative: the rows of products that ignore what is lost.
OF_DERIVATIVES = {"multiply_no_nan"}


def _same(found, expected):
    for x, y in zip(*(autodiff.core.pytrees.flatten(z)[0] for z in (found, expected)), strict=True):
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


@pytest.fixture(scope="module")
def compiled():
    def all_of_them(x, y):
        return {name: program(x, y) for name, program in PROGRAMS.items()}

    made = autodiff.compile(all_of_them, backend="numba")
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 4, 4)) + 1j * rng.normal(size=(2, 4, 4))
    made(x, y)
    return all_of_them, made, (x, y)


def test_each_row_with_an_expression_of_complex_numbers_is_tried(compiled):
    assert PROGRAMS.keys() | OF_DERIVATIVES == {n for n, row in OPERATIONS.items() if row.complex}
    _, made, point = compiled
    plan = made.plan(*point)
    assert plan.backend == "numba", plan.note
    assert "[...] = " not in plan.source, "a call of NumPy's"


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        np.complex128,
        (2, 4, 4),
        elements=st.complex_numbers(max_magnitude=1e3, width=128)
        | st.sampled_from([0j, -0.0 + 0j, 1e200, 1e-200j, complex(1.0, -0.0), 2.0]),
    )
)
def test_numbers_are_those_of_numpy(compiled, xs):
    function, made, _ = compiled
    # What overflows is infinite or no number, in which part is the processor's choice.
    with np.errstate(all="ignore"):
        expected, found = function(*xs), made(*xs)
    for name in PROGRAMS:
        for x, y in zip(
            *(autodiff.core.pytrees.flatten(z[name])[0] for z in (found, expected)), strict=True
        ):
            finite = np.isfinite(y)
            assert np.array_equal(np.isfinite(x), finite), name
            scale = np.max(np.abs(np.asarray(y)[finite]), initial=1.0)
            np.testing.assert_allclose(
                np.asarray(x)[finite], np.asarray(y)[finite], rtol=1e-12, atol=1e-13 * scale
            )


def _evolved(angles, xp=np):
    state = np.zeros(8, complex)
    state[0] = 1.0
    for q, (a, b) in enumerate(angles):
        c, s, phase = np.cos(a), np.sin(a), np.exp(0.5j * b)
        gate = np.stack([c * np.conj(phase), -s * np.conj(phase), s * phase, c * phase])
        state = (gate.reshape(2, 2) @ state.reshape(2 ** (q % 3), 2, -1)).reshape(-1)
    return np.sum(np.arange(8.0) * (np.real(state) ** 2 + np.imag(state) ** 2))


def test_gates_of_qubits_share_their_kernels(rng):
    angles = rng.normal(size=(12, 2))
    made = autodiff.compile(autodiff.value_and_grad(_evolved), backend="numba")
    _same(made(angles), autodiff.value_and_grad(_evolved)(angles))
    plan = made.plan(angles)
    assert plan.backend == "numba", plan.note
    # Three forms of a gate, forward and backward; twelve gates.
    assert plan.source.count("@kernel") < 24


@pytest.mark.exhaustive
@pytest.mark.each("rows, terms", [(1, 1), (3, 4), (8, 8), (9, 5), (2, 9)])
def test_short_products(rows, terms, rng):
    def products(xs, ys):
        pairs = [(x + 1, y) for x, y in zip(xs, ys, strict=True)]
        return [(x @ y, x[:, ::-1] @ y[0, ::-1, ::-1], np.swapaxes(x, 1, 2) @ x) for x, y in pairs]

    types = (np.float64, np.complex128, np.float32)
    xs = [rng.normal(size=(3, rows, terms)).astype(dtype) for dtype in types]
    ys = [rng.normal(size=(3, terms, 3)).astype(dtype) for dtype in types]
    made = autodiff.compile(products, backend="numba")
    for found, expected in zip(made(xs, ys), products(xs, ys), strict=True):
        for x, y in zip(found, expected, strict=True):
            assert x.dtype == y.dtype
            tolerance = 1e-5 if x.dtype == np.float32 else 1e-13
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)
    assert made.plan(xs, ys).backend == "numba"

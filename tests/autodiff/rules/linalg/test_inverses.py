"""Inverses, systems of equations and pseudoinverses."""

import numpy as np
import pytest

import autodiff
from autodiff.rules.linalg.triangular import lower_or_upper, solve_triangular

N, STACK = (3, 3), (4, 1, 3, 3)


def regular(x):
    """Return square matrices that are well conditioned."""
    return x + 4 * np.eye(np.shape(x)[-1])


#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.linalg.inv: [
        (lambda x: np.linalg.inv(regular(x)), [N]),
        (lambda x: np.linalg.inv(regular(x)), [STACK]),
        (lambda x: np.linalg.inv(x), [(0, 0)]),
        (lambda x: np.linalg.inv(x), [(0, 2, 2)]),
    ],
    np.linalg.solve: [
        (lambda x, y: np.linalg.solve(regular(x), y), [N, (3,)]),
        (lambda x, y: np.linalg.solve(regular(x), y), [N, (3, 2)]),
        (lambda x, y: np.linalg.solve(regular(x), y), [STACK, (3,)]),
        (lambda x, y: np.linalg.solve(regular(x), y), [STACK, (5, 3, 2)]),
        (lambda x, y: np.linalg.solve(regular(x), y), [N, (5, 3, 2)]),
        (lambda y: np.linalg.solve([[2, 1], [1, 3]], y), [(2,)]),
        (lambda x: np.linalg.solve(regular(x), [1.0, 2.0, 3.0]), [N]),
        (lambda x: np.linalg.solve(regular(x), x), [N]),
        (lambda x, y: np.linalg.solve(x, y), [(0, 0), (0, 2)]),
    ],
    np.linalg.pinv: [
        (lambda x: np.linalg.pinv(x), [(4, 2)]),
        (lambda x: np.linalg.pinv(x), [(2, 4)]),
        (lambda x: np.linalg.pinv(x, 1e-10), [(2, 4, 3)]),
        (lambda x: np.linalg.pinv(x, rtol=1e-10), [(4, 3)]),
        (lambda x: np.linalg.pinv(x, rtol=None), [(4, 3)]),
        (lambda x: np.linalg.pinv(x, np.array([1e-10, 1e-12])), [(2, 4, 3)]),
        (lambda x: np.linalg.pinv(regular(x), hermitian=True), [N]),
        (lambda x: np.linalg.pinv(x @ x.T), [(3, 1)]),
        (lambda x: np.linalg.pinv(x @ x.T, 1e-8, True), [(4, 2)]),
        (lambda x: np.linalg.pinv(x), [(0, 3)]),
    ],
    np.linalg.tensorinv: [
        (lambda x: np.linalg.tensorinv(x + np.eye(6).reshape(2, 3, 3, 2) * 4), [(2, 3, 3, 2)]),
        (lambda x: np.linalg.tensorinv(x + np.eye(6).reshape(6, 3, 2) * 4, ind=1), [(6, 3, 2)]),
    ],
    np.linalg.tensorsolve: [
        (
            lambda x, y: np.linalg.tensorsolve(x + np.eye(6).reshape(2, 3, 3, 2) * 4, y),
            [(2, 3, 3, 2), (2, 3)],
        ),
        (
            lambda x, y: np.linalg.tensorsolve(
                x + 4 * np.eye(6).reshape(2, 3, 6).transpose(2, 0, 1), y, axes=(0,)
            ),
            [(6, 2, 3), (2, 3)],
        ),
        (lambda y: np.linalg.tensorsolve(4 * np.eye(6).reshape(2, 3, 6) + 1, y), [(2, 3)]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def complex_normal(rng, shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def test_rules_of_complex_matrices(rng, rules_hold):
    a = regular(complex_normal(rng, N))
    rules_hold("inv", a)
    rules_hold("inv", regular(complex_normal(rng, STACK)))
    for shape in [(3,), (3, 2), (5, 3, 2)]:
        rules_hold("solve", a, complex_normal(rng, shape))
        rules_hold("solve", a, rng.normal(size=shape))
        rules_hold("solve", a.real, complex_normal(rng, shape))
    for shape in [(3, 3), (4, 2), (2, 3, 5)]:
        rules_hold("pinv", complex_normal(rng, shape), rcond=1e-14, hermitian=False)
    rules_hold("pinv", a, rcond=1e-14, hermitian=True)


def test_complex_matrices_in_a_function(rng, agrees, curves, parts):
    def solved(a, b, c, d):
        return parts(np.linalg.solve(regular(a + 1j * b), c + 1j * d))

    def inverse(a, b):
        return parts(np.linalg.pinv(a + 1j * b))

    shapes = [(3, 3), (3, 3), (3, 2), (3, 2)]
    agrees(solved, *(rng.normal(size=shape) for shape in shapes))
    curves(solved, *(rng.normal(size=shape) for shape in shapes))
    agrees(inverse, *(rng.normal(size=(4, 2)) for _ in range(2)))
    curves(inverse, *(rng.normal(size=(2, 3)) for _ in range(2)))


def test_inverse_by_hand():
    # The inverse of ((a, b), (c, d)) has d / (ad - bc) first; with a = d = 2, b = c = 1:
    # its derivatives are -d², bd + ..., each over (ad - bc)² = 9.
    x_bar = autodiff.grad(lambda x: np.linalg.inv(x)[0, 0])(np.array([[2.0, 1.0], [1.0, 2.0]]))
    np.testing.assert_allclose(x_bar, np.array([[-4.0, 2.0], [2.0, -1.0]]) / 9, rtol=1e-14)


def test_pseudoinverse_of_a_matrix_that_is_not_of_full_rank(rng):
    # Along matrices of the same rank it is differentiable.
    x, y = rng.normal(size=(4, 2)), rng.normal(size=(2, 5))
    weights = rng.normal(size=(5, 4))
    d = rng.normal(size=(4, 2))

    def f(x):
        return np.sum(weights * np.linalg.pinv(x @ y, 1e-10))

    expected = (f(x + 1e-6 * d) - f(x - 1e-6 * d)) / 2e-6
    np.testing.assert_allclose(np.sum(autodiff.grad(f)(x) * d), expected, rtol=1e-7)


def test_second_derivatives(rng, curves):
    curves(lambda x: np.linalg.inv(regular(x)), rng.normal(size=N))
    curves(lambda x, y: np.linalg.solve(regular(x), y), *(rng.normal(size=s) for s in (N, (3,))))
    curves(np.linalg.pinv, rng.normal(size=(4, 2)))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.linalg.inv(x),
        lambda x: np.linalg.solve(x, x[0]),
        lambda x: np.linalg.pinv(x[:2]),
        lambda x: np.linalg.pinv(x, hermitian=True),
    ],
)
def test_float32_is_kept(call, rng):
    x = regular(rng.normal(size=N)).astype(np.float32)
    out, pullback = autodiff.vjp(call, x)
    assert out.dtype == np.float32
    assert pullback(np.ones_like(out))[0].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.linalg.inv(x), np.linalg.LinAlgError, "square"),
        (lambda x: np.linalg.inv(np.ones((2, 2)) + 0 * x[0, 0]), np.linalg.LinAlgError, "Singular"),
        (lambda x: np.linalg.solve(x @ x.T, x[0]), ValueError, "solve"),
        (lambda x: np.linalg.pinv(x, 1e-3, rtol=1e-3), ValueError, "two names of one thing"),
        (
            lambda x: np.linalg.pinv(x, rcond=x[0, 0]),
            autodiff.LostDerivative,
            "pinv: rcond is a tensor",
        ),
        (lambda x: np.linalg.tensorinv(x), np.linalg.LinAlgError, "must have as many"),
        (lambda x: np.linalg.tensorinv(x, 0), ValueError, "positive"),
        (lambda x: np.linalg.tensorsolve(x, x[0]), np.linalg.LinAlgError, "as many elements"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        autodiff.grad(lambda x: np.sum(call(x)))(rng.normal(size=(2, 3)))


FACTORS = {
    "lower": lambda k: np.linalg.cholesky(k),
    "lower turned": lambda k: np.linalg.cholesky(k).T,
    "upper": lambda k: np.linalg.cholesky(k, upper=True),
    "upper turned": lambda k: np.swapaxes(np.linalg.cholesky(k, upper=True), 0, 1),
    "conjugated": lambda k: np.conj(np.linalg.cholesky(k)),
}


@pytest.mark.each("name", FACTORS)
@pytest.mark.each("n", [1, 3, 20])
def test_a_factor_of_cholesky_is_solved_as_a_triangle(name, n, rng):
    """One triangle is read, forward and backward, and the numbers are those of any system."""
    x, b = rng.normal(size=(n, n)), rng.normal(size=(n, 2))

    def f(x, b):
        return np.sum(np.sin(np.linalg.solve(FACTORS[name](x @ x.T + n * np.eye(n)), b)))

    graph = autodiff.trace(f, x, b)
    ops = [node.primitive.name for node in graph.nodes if node.primitive is not None]
    assert "solve_triangular" in ops
    assert "solve" not in ops
    general = autodiff.value_and_grad(
        lambda x, b: np.sum(
            np.sin(np.linalg.solve(1.0 * FACTORS[name](x @ x.T + n * np.eye(n)), b))
        ),
        (0, 1),
    )(x, b)
    for way in (lambda f: f, autodiff.compile):
        value, bars = way(autodiff.value_and_grad(f, (0, 1)))(x, b)
        np.testing.assert_allclose(value, f(x, b), rtol=1e-12)
        for x_bar, expected in zip(bars, general[1], strict=True):
            np.testing.assert_allclose(x_bar, expected, rtol=1e-9, atol=1e-12)


def test_which_triangle_is_known_through_turns_of_matrices_only(rng):
    """An axis of the stack that was exchanged with rows leaves no triangle."""
    found = []

    def f(x):
        factors = np.linalg.cholesky(x @ np.swapaxes(x, 1, 2) + 3 * np.eye(3))
        turns = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0)]
        found.extend(lower_or_upper(np.transpose(factors, turn)) for turn in turns)
        found.extend([lower_or_upper(factors[0]), lower_or_upper(2.0 * factors)])
        return np.sum(factors)

    autodiff.grad(f)(rng.normal(size=(3, 3, 3)))
    assert found == [True, False, None, None, None, None]


def test_a_triangle_that_is_singular_is_refused_as_any_matrix():
    for a in (np.zeros((3, 3)), np.zeros((2, 3, 3)), np.zeros((20, 20))):
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            solve_triangular(a, np.ones(a.shape[-1]), lower=True)

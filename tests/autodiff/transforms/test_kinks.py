"""Second and higher derivatives where an inner function is at its kink: right, or NaN."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, hessian, hvp, jacobian, jvp, vmap

norm = np.linalg.norm
ZERO, ONES, EYE = np.zeros(3), np.ones(3), np.eye(3)
A = np.array([[3.0, 4.0, 0.0], [1.0, 0.0, 2.0]])
CENTRED = 2 * (EYE - 1 / 3) / 3

#: Function, point, Hessian. All are twice differentiable there.
SMOOTH = {
    "gaussian": (lambda x: np.exp(-(norm(x) ** 2)), ZERO, -2 * EYE),
    "norm^2": (lambda x: norm(x) ** 2, ZERO, 2 * EYE),
    "norm^3": (lambda x: norm(x) ** 3, ZERO, 0 * EYE),
    "norm^4": (lambda x: norm(x) ** 4, ZERO, 0 * EYE),
    "norm^2.5": (lambda x: norm(x) ** 2.5, ZERO, 0 * EYE),
    "norm twice": (lambda x: norm(x) * norm(x), ZERO, 2 * EYE),
    "norm with itself": (lambda x: (lambda n: n * n)(norm(x)), ZERO, 2 * EYE),
    "np.square": (lambda x: np.square(norm(x)), ZERO, 2 * EYE),
    "np.power": (lambda x: np.power(norm(x), 2.0), ZERO, 2 * EYE),
    "pseudo-Huber": (lambda x: np.sqrt(1 + norm(x) ** 2), ZERO, EYE),
    "log1p": (lambda x: np.log1p(norm(x) ** 2), ZERO, 2 * EYE),
    "cosh": (lambda x: np.cosh(norm(x)), ZERO, EYE),
    "cos": (lambda x: np.cos(norm(x)), ZERO, -EYE),
    "sinc": (lambda x: np.sinc(norm(x) / np.pi), ZERO, -EYE / 3),
    "two exponentials": (lambda x: np.exp(norm(x)) + np.exp(-norm(x)), ZERO, 2 * EYE),
    "n tanh n": (lambda x: norm(x) * np.tanh(norm(x)), ZERO, 2 * EYE),
    "Matérn 3/2": (lambda x: (1 + norm(x)) * np.exp(-norm(x)), ZERO, -EYE),
    "at another point": (lambda x: norm(x - ONES) ** 2, ONES, 2 * EYE),
    "of a product": (lambda x: norm(A @ x) ** 2, ZERO, 2 * A.T @ A),
    "abs^2": (lambda x: np.sum(np.abs(x) ** 2), ZERO, 2 * EYE),
    "abs abs": (lambda x: np.sum(np.abs(x) * np.abs(x)), ZERO, 2 * EYE),
    "abs^3": (lambda x: np.sum(np.abs(x) ** 3), ZERO, 0 * EYE),
    "fabs^2": (lambda x: np.sum(np.fabs(x) ** 2), ZERO, 2 * EYE),
    "sqrt^2": (lambda x: np.sqrt(x @ x) ** 2, ZERO, 2 * EYE),
    "power^2": (lambda x: ((x @ x) ** 0.5) ** 2, ZERO, 2 * EYE),
    "power 3/2": (lambda x: (x @ x) ** 1.5, ZERO, 0 * EYE),
    "hypot^2": (lambda x: np.hypot(x[0], x[1]) ** 2 + x[2] ** 2, ZERO, 2 * EYE),
    "modulus^2": (lambda x: np.abs(x[0] + 1j * x[1]) ** 2 + x[2] ** 2, ZERO, 2 * EYE),
    "std^2": (lambda x: np.std(x) ** 2, ONES, CENTRED),
    "nanstd^2": (lambda x: np.nanstd(x) ** 2, ONES, CENTRED),
    "sqrt of var": (lambda x: np.sqrt(np.var(x)) ** 2, ONES, CENTRED),
    "roots of one variance": (lambda x: np.var(x) ** 0.5 * np.std(x), ONES, CENTRED),
    "maximum of both signs": (lambda x: np.sum(np.maximum(x, -x) ** 2), ZERO, 2 * EYE),
    "minimum of both signs": (lambda x: np.sum(np.minimum(x, -x) ** 2), ZERO, 2 * EYE),
    "fmax of both signs": (lambda x: np.sum(np.fmax(x, -x) ** 2), ZERO, 2 * EYE),
    "relu^3": (lambda x: np.sum(np.maximum(x, 0) ** 3), ZERO, 0 * EYE),
    "clip^3": (lambda x: np.sum(np.clip(x, 0, 1) ** 3), ZERO, 0 * EYE),
    "Huber": (
        lambda x: np.sum(np.where(np.abs(x) < 1, 0.5 * x**2, np.abs(x) - 0.5)),
        ZERO,
        EYE,
    ),
    "not taken": (lambda x: np.where(norm(x) > 1, norm(x), norm(x) ** 2 / 2), ZERO, EYE),
    "ties that cancel": (
        lambda x: np.max(x) + np.log(np.sum(np.exp(x - np.max(x)))),
        ZERO,
        (EYE - 1 / 3) / 3,
    ),
    "softplus of relu and abs": (
        lambda x: np.sum(np.maximum(0, x) + np.log1p(np.exp(-np.abs(x)))),
        ZERO,
        EYE / 4,
    ),
    "logaddexp of maximum and abs": (
        lambda x: np.maximum(x[0], x[1]) + np.log1p(np.exp(-np.abs(x[1] - x[0]))),
        ONES,
        np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]) / 4,
    ),
    "relu and its mirror": (
        lambda x: np.sum((np.maximum(x, 0) - np.maximum(-x, 0)) ** 2),
        ZERO,
        2 * EYE,
    ),
    "relu and the rest": (
        lambda x: np.sum((np.maximum(x, 1.0) - 1) ** 2 + (np.minimum(x, 1.0) - 1) ** 2),
        ONES,
        2 * EYE,
    ),
    "sorted": (lambda x: np.sum(np.exp(np.sort(x)) * np.sort(x)), ZERO, 2 * EYE),
    "sum of the sorted": (lambda x: np.sum(np.sort(x)) ** 2, ONES, np.full((3, 3), 2.0)),
}
#: Function, point: of every element the second derivative does not exist.
NONE = {
    "norm": (norm, ZERO),
    "std": (np.std, ONES),
    "norm times linear": (lambda x: norm(x) * (x[0] + 2 * x[1] + 3 * x[2]), ZERO),
    "norm, order 1": (lambda x: norm(x, 1) ** 2, ZERO),
    "norm, order 3": (lambda x: norm(x, 3) ** 2, ZERO),
    "largest": (lambda x: norm(x, np.inf) ** 2, ZERO),
    "two norms": (lambda x: norm(x) * norm(x * np.array([1.0, 2.0, 3.0])), ZERO),
    "max": (lambda x: np.max(x) ** 2, ONES),
    "median": (lambda x: np.median(x) ** 2, ZERO),
    "sorted and weighted": (lambda x: np.sum(np.sort(x) * x) * np.sum(x), ONES),
    "norm of products": (lambda x: norm(np.outer(x, x)), ZERO),
}
#: Functions of each element: of the diagonal it does not exist.
NONE_OF_ELEMENTS = {
    "abs": np.abs,
    "relu": lambda x: np.maximum(x, 0),
    "relu^2": lambda x: np.maximum(x, 0) ** 2,
    "clip^2": lambda x: np.clip(x, 0, 1) ** 2,
    "x abs": lambda x: x * np.abs(x),
    "x sign": lambda x: x * np.sign(x),
    "exp(-abs)": lambda x: np.exp(-np.abs(x)),
    "hypot with 0": lambda x: np.hypot(x, 0.0),
    "min": lambda x: np.fmin(x, 0.0) ** 2,
    "cbrt^6": lambda x: np.cbrt(x) ** 6,
    "power 1/3": lambda x: ((x * x) ** (1 / 3)) ** 3,
    "float power 0.3": lambda x: np.float_power(x * x, 0.3) * np.float_power(x * x, 0.7),
}

MODES = {
    "forward over reverse": lambda f, x: hessian(f)(x),
    "reverse over reverse": lambda f, x: jacobian(grad(f), mode="rev")(x),
    "products": lambda f, x: np.stack([hvp(f, (x,), (e,)) for e in EYE]),
    "reverse over forward": lambda f, x: np.stack(
        [grad(lambda y, e=e: jvp(f, (y,), (e,))[1])(x) for e in EYE]
    ),
    "forward over forward": lambda f, x: np.stack(
        [jvp(lambda y, e=e: jvp(f, (y,), (e,))[1], (x,), (d,))[1] for d in EYE for e in EYE]
    ).reshape(3, 3),
}


@pytest.mark.each("mode", MODES)
@pytest.mark.each("name", SMOOTH)
def test_second_derivatives_of_what_is_smooth_as_a_whole(name, mode):
    f, x, expected = SMOOTH[name]
    np.testing.assert_allclose(MODES[mode](f, x), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.each("mode", MODES)
@pytest.mark.each("name", NONE)
def test_nan_where_there_is_no_second_derivative(name, mode):
    f, x = NONE[name]
    np.testing.assert_array_equal(grad(f)(x) * 0, 0)
    np.testing.assert_array_equal(MODES[mode](f, x), np.nan)


@pytest.mark.each("mode", MODES)
@pytest.mark.each("name", NONE_OF_ELEMENTS)
def test_nan_of_single_elements(name, mode):
    f = NONE_OF_ELEMENTS[name]
    got = MODES[mode](lambda x: np.sum(f(x)), np.array([0.0, 0.25, -0.5]))
    assert np.isnan(got[0, 0])
    assert np.all(np.isfinite(got[1:, 1:]))


@pytest.mark.parametrize("name", ["gaussian", "abs abs", "std^2", "relu^3", "sqrt^2", "sorted"])
def test_plans_that_meet_a_kink_later(name):
    f, x, expected = SMOOTH[name]
    compiled = autodiff.compile(hessian(f))
    beside = x + np.array([0.25, -0.5, 0.75])
    np.testing.assert_allclose(compiled(beside), hessian(f)(beside), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(compiled(x), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(compiled(beside), hessian(f)(beside), rtol=1e-12, atol=1e-14)


def test_plans_where_there_is_no_second_derivative():
    compiled = autodiff.compile(hessian(norm))
    assert np.all(np.isfinite(compiled(ONES)))
    np.testing.assert_array_equal(compiled(ZERO), np.nan)
    sorts = autodiff.compile(hessian(lambda x: np.median(x) ** 2 + np.sort(x)[0] ** 2))
    assert np.all(np.isfinite(sorts(np.arange(3.0))))
    np.testing.assert_array_equal(sorts(ZERO), np.nan)
    product = autodiff.compile(lambda x: hvp(lambda x: norm(x) ** 2, (x,), (ONES,)))
    np.testing.assert_allclose(product(ZERO), 2 * ONES)


def test_graphs_are_bound_to_the_kink_that_they_were_traced_at():
    graph = autodiff.trace(lambda x: np.sum(grad(lambda y: norm(y) ** 2)(x)), ZERO)
    graph.forward(ZERO)
    np.testing.assert_allclose(graph.backward()["x"], 2.0)
    with pytest.raises(autodiff.BranchChanged):
        graph.forward(ONES)


@pytest.mark.parametrize(
    ("f", "orders"),
    [
        (lambda x: np.abs(x) ** 2, [0, 2, 0, 0]),
        (lambda x: np.exp(-(np.abs(x) ** 2)), [0, -2, 0, 12]),
        (lambda x: np.abs(x) ** 3, [0, 0, np.nan, np.nan]),
        (lambda x: np.abs(x) ** 4, [0, 0, 0, 24]),
        (lambda x: np.maximum(x, 0) ** 3, [0, 0, np.nan, np.nan]),
        (lambda x: x**3 * np.abs(x), [0, 0, 0, np.nan]),
        (lambda x: x * np.abs(x), [0, np.nan, np.nan, np.nan]),
        (np.abs, [0, np.nan, np.nan, np.nan]),
    ],
)
def test_higher_derivatives_are_right_or_nan(f, orders):
    for order, expected in enumerate(orders, 1):
        f = grad(f)
        got = f(0.0)
        # From the fourth on a limit of a limit is not known.
        assert got == expected or np.isnan(got), order
        assert np.isnan(got) == np.isnan(expected) or order == 4, order


def test_only_some_rows_are_at_the_kink():
    x = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]])
    H = hessian(lambda x: np.sum(norm(x, axis=1)))(x)
    np.testing.assert_allclose(H[0, :, 0], np.array([[16, -12], [-12, 9]]) / 125, rtol=1e-12)
    assert np.isnan(H[1, :, 1]).all()
    assert np.isfinite(np.delete(H.reshape(3, 2, 3, 2), 1, 2)[[0, 2]]).all()
    H = hessian(lambda x: np.sum(norm(x, axis=1) ** 2))(x)
    np.testing.assert_allclose(H.reshape(6, 6), 2 * np.eye(6), atol=1e-12)


def test_pairwise_distances_whose_diagonal_stays_zero():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])

    def distances(x):
        return norm(x[:, None] - x[None], axis=-1)

    H = hessian(lambda x: np.sum(distances(x) ** 2))(x).reshape(6, 6)
    np.testing.assert_allclose(H, np.kron(4 * (3 * EYE - 1), np.eye(2)), atol=1e-12)
    H = hessian(lambda x: np.sum(distances(x)))(x)
    assert np.all(np.isfinite(H))
    # Of point 0 from 1 at distance 1 and from 2 at distance 2, each counted twice.
    np.testing.assert_allclose(H[0, :, 0], [[2 / 2, 0], [0, 2]], atol=1e-12)


def test_kinks_that_do_not_move_keep_their_convention(rng):
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 5))
    x[2] = 0.0
    others = np.delete(x, 2, axis=0)
    for f in (
        lambda w, x: np.sum(np.maximum(x @ w, 0) ** 2 @ np.arange(1.0, 6.0)),
        lambda w, x: np.sum(norm(x @ w, axis=1)),
        lambda w, x: np.sum(np.abs(x @ w) ** 3),
    ):
        np.testing.assert_allclose(hessian(f)(w, x), hessian(f)(w, others), rtol=1e-9, atol=1e-12)


def test_mixed_derivatives_are_symmetric():
    H = hessian(lambda p: p[0] * norm(p[1:]))(np.array([2.0, 0.0, 0.0]))
    np.testing.assert_array_equal(np.isnan(H), np.isnan(H.T))
    assert np.isnan(H[0, 1])
    assert H[0, 0] == 0
    H = hessian(lambda p: p[0] * norm(p[1:]) ** 2)(np.array([2.0, 0.0, 0.0]))
    np.testing.assert_allclose(H, np.diag([0.0, 4.0, 4.0]), atol=1e-12)


def test_batches_of_points_at_and_off_the_kink():
    x = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    H = vmap(hessian(lambda x: norm(x) ** 2))(x)
    np.testing.assert_allclose(H, [2 * EYE, 2 * EYE], atol=1e-12)
    second = vmap(grad(grad(np.abs)))(np.array([0.0, 1.0]))
    np.testing.assert_array_equal(second, [np.nan, 0.0])
    H = hessian(lambda x: np.sum(vmap(lambda t: np.abs(t) ** 2)(x)))(ZERO)
    np.testing.assert_allclose(H, 2 * EYE)


def test_functions_without_a_forward_rule_have_no_limit_but_nan():
    f = autodiff.custom(np.exp, vjps={0: lambda out, x: lambda g: g * out})
    assert np.isnan(grad(grad(lambda x: f(np.abs(x)) + f(-np.abs(x))))(0.0))
    assert grad(lambda x: f(np.abs(x)) + f(-np.abs(x)))(0.0) == 0

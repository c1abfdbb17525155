"""Linear least squares."""

import numpy as np
import pytest

import autodiff

#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.linalg.lstsq: [
        (lambda a, b: np.linalg.lstsq(a, b)[0], [(5, 3), (5,)]),
        (lambda a, b: np.linalg.lstsq(a, b, None)[0], [(5, 3), (5, 2)]),
        (lambda a, b: np.linalg.lstsq(a + 3 * np.eye(3), b, rcond=-1)[0], [(3, 3), (3,)]),
        (lambda a, b: np.linalg.lstsq(a, b, 1e-10)[0], [(2, 4), (2,)]),
        (lambda a, b: np.linalg.lstsq(a, b)[0], [(2, 4), (2, 3)]),
        (lambda a, b: np.linalg.lstsq(a, b)[1], [(5, 3), (5,)]),
        (lambda a, b: np.linalg.lstsq(a, b)[1], [(5, 3), (5, 2)]),
        (lambda a, b: np.linalg.lstsq(a, b)[3], [(5, 3), (5,)]),
        (lambda a, b: np.linalg.lstsq(a, b)[0] * np.linalg.lstsq(a, b)[3], [(4, 3), (4,)]),
        (lambda a: np.linalg.lstsq(a, [1.0, 2.0, 3.0])[0], [(3, 2)]),
        (lambda b: np.linalg.lstsq([[1, 2], [3, 4], [5, 7]], b)[0], [(3,)]),
        (lambda a, b: np.linalg.lstsq(a, b)[0] * np.linalg.lstsq(a, b)[2], [(4, 3), (4,)]),
        (lambda a, b: np.linalg.lstsq(a, b)[0], [(3, 2), (3, 0)]),
        # Of several solutions the shortest.
        (lambda a, b: np.linalg.lstsq(a @ a.T, b, 1e-10)[0], [(4, 2), (4,)]),
    ],
}


@pytest.mark.each(("call", "shapes"), CALLS[np.linalg.lstsq])
def test_value_and_gradient(call, shapes, rng, slope):
    args = [rng.normal(size=shape) for shape in shapes]
    plain = call(*args)
    weights = rng.normal(size=np.shape(plain))

    def loss(*xs):
        return np.sum(weights * call(*xs))

    everything = tuple(range(len(args)))
    value, gradients = autodiff.value_and_grad(loss, everything)(*args)
    # Residuals are summed up here, by LAPACK they are what its factorisation leaves.
    np.testing.assert_allclose(value, loss(*args), rtol=1e-12)
    directions, expected = slope(loss, args)
    found = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    graph = autodiff.trace(call, *args)
    np.testing.assert_allclose(graph.forward(*args), plain, rtol=1e-12)
    for x_bar, again in zip(gradients, graph.backward(weights).values(), strict=True):
        np.testing.assert_allclose(again, x_bar, rtol=1e-12, atol=1e-13)


def test_all_results_are_those_of_numpy(rng):
    for shapes in [((5, 3), (5, 2)), ((2, 4), (2,)), ((3, 3), (3,))]:
        a, b = (rng.normal(size=shape) for shape in shapes)
        plain = np.linalg.lstsq(a, b)
        kept = []

        def solve(a, b=b, kept=kept):
            results = np.linalg.lstsq(a, b)
            kept.extend(getattr(x, "value", x) for x in results)
            return np.sum(results[0])

        autodiff.grad(solve)(a)
        for ours, theirs in zip(kept, plain, strict=True):
            assert np.shape(ours) == np.shape(theirs)
            assert np.result_type(ours) == np.result_type(theirs)
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("shapes", [((3, 3), (3,)), ((5, 2), (5, 2)), ((2, 4), (2,))])
def test_complex_operands(shapes, rng, rules_hold, agrees, parts):
    a, b = (rng.normal(size=s) + 1j * rng.normal(size=s) for s in shapes)
    rules_hold("lstsq", a, b, rcond=1e-14)

    def solution(a, b, c, d):
        return parts(np.linalg.lstsq(a + 1j * b, c + 1j * d)[0])

    agrees(solution, a.real, a.imag, b.real, b.imag)


def test_second_derivatives(rng, curves):
    curves(lambda a, b: np.linalg.lstsq(a, b)[0], rng.normal(size=(4, 2)), rng.normal(size=4))
    curves(lambda a, b: np.linalg.lstsq(a, b)[0], rng.normal(size=(2, 4)), rng.normal(size=2))
    curves(lambda a: np.linalg.lstsq(a, np.ones(4))[1], rng.normal(size=(4, 2)))


def test_a_fitted_line():
    # The slope of a line through points (x, y) changes with y[i] by (x[i] - mean) / sum of squares.
    x = np.array([0.0, 1.0, 2.0, 5.0])
    a = np.stack([x, np.ones(4)], axis=1)
    y_bar = autodiff.grad(lambda y: np.linalg.lstsq(a, y)[0][0])(np.array([1.0, 0.0, 2.0, 4.0]))
    np.testing.assert_allclose(y_bar, (x - 2) / 14, rtol=1e-13, atol=1e-15)


def test_another_rank_is_another_branch(rng):
    graph = autodiff.trace(lambda a: np.linalg.lstsq(a, np.ones(4))[1], rng.normal(size=(4, 2)))
    with pytest.raises(autodiff.BranchChanged):
        graph.forward(np.ones((4, 2)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.linalg.lstsq(x, x[0]), np.linalg.LinAlgError, "3 rows .* are not 2"),
        (lambda x: np.linalg.lstsq(x[None], x), np.linalg.LinAlgError, "must be a matrix"),
        (lambda x: np.linalg.lstsq(x, x, x[0, 0]), autodiff.LostDerivative, "rcond is a tensor"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        autodiff.grad(lambda x: np.sum(call(x)[0]))(rng.normal(size=(3, 2)))

"""The QR decomposition."""

import numpy as np
import pytest

import autodiff


def both(x, mode="reduced"):
    """Return Q and R, joined."""
    q, r = np.linalg.qr(x, mode)
    return np.concatenate([q, np.swapaxes(r, -1, -2)], axis=-2)


#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.linalg.qr: [
        (lambda x: both(x), [(4, 2)]),
        (lambda x: both(x), [(3, 3)]),
        (lambda x: both(x), [(2, 1, 4, 3)]),
        (lambda x: both(x, mode="complete"), [(3, 3)]),
        (lambda x: np.linalg.qr(x, "complete").R, [(2, 4)]),
        (lambda x: np.linalg.qr(x)[0], [(2, 4)]),
        (lambda x: np.linalg.qr(x).R, [(3, 2, 4)]),
        (lambda x: np.linalg.qr(x, "r"), [(4, 2)]),
        (lambda x: np.linalg.qr(x, mode="r"), [(2, 5)]),
        (lambda x: np.linalg.qr(x)[1], [(0, 3, 2)]),
        (lambda x: np.linalg.qr(x)[0], [(3, 0)]),
    ],
}


@pytest.mark.parametrize(("call", "shapes"), CALLS[np.linalg.qr])
def test_value_and_gradient(call, shapes, rng, agrees):
    agrees(call, *(rng.normal(size=shape) for shape in shapes))


def test_a_vector_by_hand():
    # Q is the direction, R the length, both with LAPACK's sign.
    x = np.array([[3.0], [4.0]])
    r = np.linalg.qr(x).R
    x_bar = autodiff.grad(lambda x: np.linalg.qr(x).R[0, 0])(x)
    np.testing.assert_allclose(x_bar, np.sign(r) * x / 5, rtol=1e-14)
    x_bar = autodiff.grad(lambda x: np.linalg.qr(x).Q[0, 0])(x)
    np.testing.assert_allclose(x_bar, np.sign(r) * np.array([[16.0], [-12.0]]) / 125, rtol=1e-14)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 2), (2, 4, 3)])
def test_rules_of_complex_matrices(shape, rng, rules_hold):
    rules_hold("qr", rng.normal(size=shape) + 1j * rng.normal(size=shape))


def test_complex_matrices_in_a_function(rng, agrees, curves, parts):
    for shape in [(3, 3), (4, 2), (2, 3)]:
        agrees(lambda a, b: parts(np.linalg.qr(a + 1j * b)[1]), *rng.normal(size=(2, *shape)))
        agrees(lambda a, b: parts(np.linalg.qr(a + 1j * b)[0]), *rng.normal(size=(2, *shape)))
        curves(lambda a, b: parts(np.linalg.qr(a + 1j * b)[0]), *rng.normal(size=(2, *shape)))


def test_second_derivatives(rng, curves):
    curves(both, rng.normal(size=(4, 2)))
    curves(lambda x: np.linalg.qr(x)[1], rng.normal(size=(2, 3)))


def test_results_are_numpys_named_tuple():
    kept = []

    def f(x):
        kept.append(np.linalg.qr(x))
        return np.sum(kept[0].R)

    autodiff.grad(f)(np.eye(2))
    assert type(kept[0]) is type(np.linalg.qr(np.eye(2)))


def test_float32_is_kept(rng):
    for shape in [(4, 2), (2, 4)]:
        x = rng.normal(size=shape).astype(np.float32)
        out, pullback = autodiff.vjp(lambda x: np.linalg.qr(x, "r"), x)
        assert (out.dtype, pullback(out)[0].dtype) == (np.float32, np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.linalg.qr(x, "complete")[0], NotImplementedError, "mode='complete'"),
        (lambda x: np.linalg.qr(x, "raw")[0], NotImplementedError, "not determined"),
        (lambda x: np.linalg.qr(x, "half")[0], ValueError, "mode='half' is none of"),
        (lambda x: np.linalg.qr(x[0])[0], np.linalg.LinAlgError, "fewer than 2 axes"),
        (lambda x: np.linalg.qr(x * 0.0)[0], np.linalg.LinAlgError, "Singular"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        autodiff.grad(lambda x: np.sum(call(x)))(rng.normal(size=(3, 2)))

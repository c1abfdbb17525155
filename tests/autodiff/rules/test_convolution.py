"""Convolution and correlation: every mode and every order of lengths."""

import itertools

import numpy as np
import pytest

import autodiff

MODES = ("full", "same", "valid")
LENGTHS = list(itertools.product((1, 2, 3, 4, 5), repeat=2))

#: For each function calls, with the shapes of their arguments.
CALLS = {
    f: [
        *((lambda a, v, f=f, m=m: f(a, v, m), [(n,), (k,)]) for m in MODES for n, k in LENGTHS),
        (lambda a, v, f=f: f(a, v), [(4,), (3,)]),
        (lambda a, v, f=f: f(a, v=v, mode="same"), [(4,), (3,)]),
        (lambda a, f=f: f(a, [1, 2]), [(4,)]),
        (lambda v, f=f: f([1.0, 2.0, 3.0], v, "full"), [(2,)]),
        (lambda a, f=f: f(a, a, 2), [(3,)]),
    ]
    for f in (np.convolve, np.correlate)
}
CALLS[np.convolve] += [(lambda a, v: np.convolve(a, v), [(), (3,)])]


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


@pytest.mark.each("f", CALLS)
@pytest.mark.each("mode", MODES)
@pytest.mark.each("lengths", [(4, 3), (3, 4), (2, 2), (5, 2)])
def test_complex_operands(f, mode, lengths, rng, agrees):
    def parts(a, b, c, d):
        z = f(a + 1j * b, c + 1j * d, mode)
        return np.stack([np.real(z), np.imag(z)])

    agrees(parts, *(rng.normal(size=n) for n in lengths for _ in range(2)))


def test_by_hand():
    # (a0, a1) * (v0, v1) = (a0 v0, a0 v1 + a1 v0, a1 v1)
    _, pullback = autodiff.vjp(np.convolve, np.array([2.0, 3.0]), np.array([5.0, 7.0]))
    a_bar, v_bar = pullback(np.array([1.0, 10.0, 100.0]))
    np.testing.assert_array_equal(a_bar, [75.0, 750.0])
    np.testing.assert_array_equal(v_bar, [32.0, 320.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.convolve(x, x[:0]), "convolve: an array of shape \\(0,\\)"),
        (lambda x: np.convolve(x[None], x), "shape \\(1, 3\\) arrived; one axis"),
        (lambda x: np.correlate(x, x[0]), "correlate: an array of shape \\(\\)"),
        (lambda x: np.correlate(x, x, "half"), "mode='half' is none of full, same, valid"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        autodiff.grad(lambda x: np.sum(call(x)))(np.ones(3))

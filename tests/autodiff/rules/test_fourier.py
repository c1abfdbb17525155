"""Discrete Fourier transforms: every argument, real and complex, against plain NumPy."""

import numpy as np
import pytest

import autodiff

NORMS = (None, "backward", "ortho", "forward")
A, C = (4, 5), (3, 4, 5)


def lines(f):
    """Return calls of a transform along one axis."""
    return [
        (lambda x: f(x), [(6,)]),
        (lambda x: f(x), [(5,)]),
        (lambda x: f(x), [(2,)]),
        *((lambda x, n=n: f(x, n), [(4,)]) for n in (1, 2, 3, 4, 5, 6, 9)),
        (lambda x: f(x, axis=0), [A]),
        (lambda x: f(x, 3, axis=-2), [C]),
        *((lambda x, norm=norm: f(x, 4, 1, norm), [A]) for norm in NORMS),
        (lambda x: f(x), [(0, 3)]),
    ]


def spaces(f, several):
    """Return calls of a transform along several axes, two by default or all of them."""
    calls = [
        (lambda x: f(x), [A]),
        (lambda x: f(x), [C]),
        (lambda x: f(x, axes=(0, 2)), [C]),
        (lambda x: f(x, s=(2, 7), axes=(-1, 0)), [C]),
        (lambda x: f(x, (4, -1), (0, 1)), [A]),
        (lambda x: f(x, axes=(1, 1)), [A]),
        *((lambda x, norm=norm: f(x, norm=norm), [A]) for norm in NORMS),
    ]
    return [*calls, (lambda x: f(x, axes=(2, 0, 1)), [C]), (lambda x: f(x, axes=[1]), [A])][
        : None if several else -2
    ]


#: For each function calls, with the shapes of their arguments.
CALLS = {
    **{f: lines(f) for f in (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.ihfft)},
    **{f: lines(f) for f in (np.fft.irfft, np.fft.hfft)},
    **{f: spaces(f, True) for f in (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn)},
    **{f: spaces(f, False) for f in (np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2)},
    **{
        f: [
            (lambda x, f=f: f(x), [(5,)]),
            (lambda x, f=f: f(x), [C]),
            (lambda x, f=f: f(x, axes=1), [C]),
            (lambda x, f=f: f(x, axes=(0, -1)), [C]),
        ]
        for f in (np.fft.fftshift, np.fft.ifftshift)
    },
}
FROM_REAL = {np.fft.rfft, np.fft.ihfft, np.fft.rfft2, np.fft.rfftn}
CASES = [
    pytest.param(f, call, shapes, id=f"{f.__name__}-{i}")
    for f, calls in CALLS.items()
    for i, (call, shapes) in enumerate(calls)
]


def parts(z):
    return np.stack([np.real(z), np.imag(z)]) if np.iscomplexobj(z) else z


@pytest.mark.each(("f", "call", "shapes"), CASES)
def test_value_and_gradient(f, call, shapes, rng, agrees):
    agrees(lambda x: parts(call(x)), *(rng.normal(size=shape) for shape in shapes))


@pytest.mark.each(("f", "call", "shapes"), CASES)
def test_strided_arrays(f, call, shapes, rng, agrees):
    x = rng.normal(size=tuple(2 * n for n in shapes[0]))
    agrees(lambda x: parts(call(x)), x[tuple(slice(None, None, -2) for _ in shapes[0])])


@pytest.mark.each(
    ("f", "call", "shapes"), [case for case in CASES if case.values[0] not in FROM_REAL]
)
def test_complex_operands(f, call, shapes, rng, agrees):
    operands = [rng.normal(size=shape) for shape in (*shapes, *shapes)]
    agrees(lambda x, y: parts(call(x + 1j * y)), *operands)


def test_parseval():
    # sum |F x|² = n sum |x|², so the gradient is 2 n x.
    x = np.array([1.0, -2.0, 0.5])
    x_bar = autodiff.grad(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(x)
    np.testing.assert_allclose(x_bar, 6 * x, rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_frequencies_that_mirror_themselves_count_once(n):
    # The real sequence is x[j] = Re sum_k c_k X_k exp(2πi jk/n) / n with c 1 at the ends, else 2.
    half = np.ones(n // 2 + 1)
    spectrum_bar = autodiff.grad(lambda x: np.fft.irfft(x, n)[0])(half)
    expected = np.where([k in (0, n / 2) for k in range(len(half))], 1.0, 2.0) / n
    np.testing.assert_allclose(spectrum_bar, expected, rtol=1e-15)


def test_second_derivative_of_a_spectrum(rng, slope):
    x, d = rng.normal(size=7), rng.normal(size=7)

    def energy(x):
        spectrum = np.fft.rfft(x, 6)
        return np.sum(np.real(spectrum) ** 2 * np.imag(spectrum))

    def projected(x):
        return np.sum(autodiff.grad(energy)(x) * d)

    (move,), expected = slope(projected, [x])
    np.testing.assert_allclose(np.sum(autodiff.grad(projected)(x) * move), expected, rtol=1e-7)


@pytest.mark.parametrize(
    "f", [np.fft.fft, np.fft.rfft, np.fft.irfft, np.fft.fft2, np.fft.hfft, np.fft.ihfft]
)
def test_float32_is_kept(f, rng):
    x = rng.normal(size=(4, 4)).astype(np.float32)
    out, pullback = autodiff.vjp(f, x)
    plain = f(x)
    assert out.dtype == plain.dtype
    assert out.dtype in (np.float32, np.complex64)
    assert pullback(np.ones_like(out))[0].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.fft.fft(x, 0), ValueError, "0 points along axis -1"),
        (lambda x: np.fft.irfft(x[:1]), ValueError, "0 points"),
        (lambda x: np.fft.fft(x, axis=1), IndexError, "out of range"),
        (lambda x: np.fft.fft(x, norm="unitary"), ValueError, "norm='unitary' is none of"),
        (lambda x: np.fft.ihfft(x, norm="unitary"), ValueError, "norm='unitary' is none of"),
        (lambda x: np.fft.fftn(x, s=(2, 3), axes=(0,)), ValueError, "not of the same length"),
        (lambda x: np.fft.fft(x, 2.5), TypeError, "integer"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        autodiff.grad(lambda x: np.sum(np.real(call(x))))(np.ones(3))


def test_a_transform_written_into_an_array_made_within(rng):
    def f(x):
        out = np.zeros(4, complex)
        np.fft.fft(x**2, out=out)
        return np.sum(np.abs(out) ** 2)

    x = rng.standard_normal(4)
    np.testing.assert_allclose(autodiff.grad(f)(x), 16 * x**3, rtol=1e-12)

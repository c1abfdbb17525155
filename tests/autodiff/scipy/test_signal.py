"""Convolutions, filters and transforms on tensors."""

import itertools

import numpy as np
import pytest
import scipy.signal as sg

import autodiff
from autodiff.scipy import ndimage, signal

R = np.random.default_rng(5)
X, Y = R.normal(size=7), R.normal(size=3)
X2, Y2 = R.normal(size=(4, 5)), R.normal(size=(3, 2))
X3, Y3 = R.normal(size=(2, 3, 4)), R.normal(size=(2, 2, 2))
B, A = np.array([0.5, 0.2, -0.1]), np.array([2.0, -0.6, 0.3, 0.1])
SOS = np.array([[0.5, 0.2, -0.1, 1.0, -0.3, 0.1], [1.0, 0.3, 0.2, 1.0, 0.2, -0.1]])
MODES = ("full", "same", "valid")
CASES = [
    *(
        (f"scipy.signal.{name}", lambda f, x, y, m=m: f(x, y, m), args)
        for name in ("convolve", "fftconvolve", "correlate", "oaconvolve")
        for m in MODES
        for args in ((X, Y), (X2, Y2))
    ),
    ("scipy.signal.convolve", lambda f, x, y: f(x, y, method="fft"), (X3, Y3)),
    ("scipy.signal.convolve", lambda f, x, y: f(x, y, "valid"), (Y, X)),
    ("scipy.signal.correlate", lambda f, x, y: f(x, y, "valid"), (Y, X)),
    ("scipy.signal.fftconvolve", lambda f, x, y: f(x, y[:1], "same", axes=1), (X2, Y2)),
    *(
        (f"scipy.signal.{name}", lambda f, x, y, m=m, b=b: f(x, y, m, b), (X2, Y2))
        for name in ("convolve2d", "correlate2d")
        for m in MODES
        for b in ("fill", "wrap", "symm")
    ),
    ("scipy.signal.convolve2d", lambda f, x, y: f(x, y, "same", fillvalue=2.0), (X2, Y2)),
    ("scipy.signal.lfilter", lambda f, b, a, x: f(b, a, x), (B, A, X)),
    ("scipy.signal.lfilter", lambda f, b, x: f(b, [1.0], x, axis=0), (B, X2)),
    ("scipy.signal.lfilter", lambda f, b, a, x, z: f(b, a, x, zi=z)[0], (B, A, X, Y)),
    ("scipy.signal.lfilter", lambda f, b, a, x, z: f(b, a, x, zi=z)[1], (B, A, X, Y)),
    ("scipy.signal.lfilter", lambda f, b, a, x, z: f(b, a, x, zi=z)[1], (B, A, X[:2], Y)),
    ("scipy.signal.sosfilt", lambda f, s, x: f(s + np.eye(6)[3] * (1 - s[:, 3:4]), x), (SOS, X)),
    (
        "scipy.signal.sosfilt",
        lambda f, x, z: f(SOS, x, axis=0, zi=z)[0],
        (X2, R.normal(size=(2, 2, 5))),
    ),
    *(
        (f"scipy.fft.{name}", lambda f, x, t=t, n=n, o=o: f(x, t, n, norm=o), (X,))
        for name in ("dct", "idct", "dst", "idst")
        for t, n, o in (
            *itertools.product((1, 2, 3, 4), (None,), (None, "ortho", "forward")),
            (2, 4, None),
            (3, 9, "ortho"),
        )
    ),
    ("scipy.fft.dct", lambda f, x: f(x, axis=0, norm="ortho", orthogonalize=False), (X2,)),
    ("scipy.fft.dct", lambda f, x: f(x, 1, axis=1, orthogonalize=True), (X2,)),
    ("scipy.fft.dctn", lambda f, x: f(x), (X2,)),
    ("scipy.fft.idctn", lambda f, x: f(x, axes=[0], s=[3]), (X2,)),
    ("scipy.fft.dstn", lambda f, x: f(x, 3), (X2,)),
    ("scipy.fft.idstn", lambda f, x: f(x, norm="ortho"), (X2,)),
    *(
        (f"scipy.fft.{name}", lambda f, x: np.abs(f(x, norm="ortho")), (X2,))
        for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "ifft2", "rfft2")
    ),
    *(
        (f"scipy.fft.{name}", lambda f, x: np.abs(f(x, s=(3, 4))), (X3,))
        for name in ("irfft2", "fftn", "ifftn", "rfftn", "irfftn")
    ),
    ("scipy.fft.fft", lambda f, x: np.real(f(x, 4, axis=0)), (X2,)),
    ("scipy.fft.fftshift", lambda f, x: f(x), (X2,)),
    ("scipy.fft.ifftshift", lambda f, x: f(x, axes=0), (X2,)),
    *(
        (f"scipy.ndimage.{name}", lambda f, x, w, m=m, o=o: f(x, w, mode=m, origin=o), (X2, Y2))
        for name in ("convolve", "correlate")
        for m, o in (
            *((m, 0) for m in ("reflect", "mirror", "nearest", "wrap", "constant", "grid-wrap")),
            ("reflect", (1, -1)),
        )
    ),
    *(
        (f"scipy.ndimage.{name}", lambda f, x, w, o=o: f(x, w, 0, mode="mirror", origin=o), (X2, w))
        for name in ("convolve1d", "correlate1d")
        for w, o in ((Y, -1), (np.append(Y, 1.0), 1), (Y, 0))
    ),
    ("scipy.ndimage.correlate1d", lambda f, x, w: f(x, w, cval=2.0, mode="constant"), (X2, X)),
    ("scipy.ndimage.convolve", lambda f, x, w: f(x, w, axes=1), (X2, Y)),
    *(
        ("scipy.ndimage.gaussian_filter", lambda f, x, m=m: f(x, 1.3, mode=m), (X2,))
        for m in ("reflect", "mirror", "nearest", "wrap", "constant")
    ),
    ("scipy.ndimage.gaussian_filter", lambda f, x, s: f(x, s, order=(1, 2)), (X2, [0.7, 1.1])),
    ("scipy.ndimage.gaussian_filter", lambda f, x: f(x, (0, 1.0), axes=(0, 2), radius=2), (X3,)),
    ("scipy.ndimage.gaussian_filter1d", lambda f, x, s: f(x, s, 0, order=3), (X2, 0.8)),
    ("scipy.ndimage.uniform_filter", lambda f, x: f(x, (3, 4), mode="mirror"), (X2,)),
    ("scipy.ndimage.uniform_filter", lambda f, x: f(x, 3, axes=[1], origin=-1), (X2,)),
    ("scipy.ndimage.uniform_filter1d", lambda f, x: f(x, 4, origin=1), (X2,)),
]


def test_cases(case, holds):
    holds(case)


def test_complex_signals():
    x, y = X + 1j * X[::-1], Y - 2j * Y[::-1]
    for name in ("convolve", "correlate", "fftconvolve"):
        found = getattr(signal, name)
        theirs = getattr(sg, name)

        def loss(x, found=found):
            return np.sum(np.abs(found(x, y)) ** 2)

        step = 1e-6 * Y[0]
        slope = (
            np.sum(np.abs(theirs(x + step, y)) ** 2) - np.sum(np.abs(theirs(x - step, y)) ** 2)
        ) / (2 * step)
        np.testing.assert_allclose(np.sum(autodiff.grad(loss)(x)).real, slope, rtol=1e-6)


def test_single_precision_stays():
    x = X.astype(np.float32)
    found = autodiff.grad(lambda x: np.sum(signal.lfilter(B.astype("f4"), A.astype("f4"), x) ** 2))
    assert found(x).dtype == np.float32


def test_nothing_is_written_into_arrays():
    with pytest.raises(autodiff.Undifferentiable, match="output= is not supported"):
        autodiff.grad(lambda x: ndimage.convolve(x, Y2, output=np.zeros((4, 5)))[0, 0])(X2)

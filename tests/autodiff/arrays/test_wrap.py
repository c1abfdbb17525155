"""The adapter of JAX and PyTorch, held against the libraries' own gradients."""

import sys
import types

import numpy as np
import pytest
import scipy.special

import autodiff
from autodiff import grad, jvp, value_and_grad, vjp
from autodiff.core.libraries import ADAPTERS
from tests.autodiff.arrays.standin import MODULES, Numpy, Standin

W = np.array([0.5, -1.0, 2.0])
X = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 1.5]])

#: Programs of the array API, which the libraries differentiate themselves.
LOSSES = {
    "logistic": lambda xp, w, x: xp.sum(xp.log1p(xp.exp(-(x @ w)))),
    "network": lambda xp, w, x: xp.sum(xp.tanh(x * w) @ xp.sin(w)),
    "elements": lambda xp, w, x: w[0] * w[1] + xp.sum(x[:, 1] * w[-1]),
    "mask": lambda xp, w, x: xp.sum(xp.where(w > 0, w**2, xp.exp(w))),
    "reductions": lambda xp, w, x: xp.max(x @ w) + xp.mean(w) * xp.sum(x / (1 + w**2)),
    # Its rule writes into what astype gives.
    "scan": lambda xp, w, x: xp.sum(xp.cumprod(w, 0) * w),
    "exponentials": lambda xp, w, x: xp.sum(xp.exp(w) + xp.exp2(w) * xp.expm1(w)),
    "logarithms": lambda xp, w, x: xp.sum(xp.log(w**2) + xp.log2(w + 3) * xp.log10(w + 3)),
    "angles": lambda xp, w, x: xp.sum(xp.sin(w) * xp.cos(w) + xp.tan(w) + xp.sinc(w)),
    "inverse angles": lambda xp, w, x: xp.sum(xp.arctan(w) * xp.arcsin(w / 3) + xp.arccos(w / 3)),
    "hyperbolic": lambda xp, w, x: xp.sum(xp.sinh(w) * xp.cosh(w) + xp.arcsinh(w) * xp.tanh(w)),
    "two angles": lambda xp, w, x: xp.sum(xp.arctan2(w, x) * xp.hypot(w, x + 0.1)),
    "larger and smaller": lambda xp, w, x: xp.sum(xp.maximum(w, x[0]) * xp.minimum(w, x[1])),
    "clipped": lambda xp, w, x: xp.sum(xp.clip(w, -0.7, 1.0) * w + xp.abs(w)),
    "roots": lambda xp, w, x: xp.sum(xp.sqrt(xp.abs(w)) * xp.square(w) / xp.abs(w) ** 1.5),
    "powers": lambda xp, w, x: xp.sum(w**3 + 2.0**w + xp.abs(w) ** w),
    "sums of logarithms": lambda xp, w, x: xp.sum(xp.logaddexp(w, x) * xp.logaddexp2(w, x)),
    "joined": lambda xp, w, x: xp.sum(xp.concatenate([w, x[0] * w]) ** 2) + xp.stack([w, w])[1, 0],
    "shapes": lambda xp, w, x: xp.sum(xp.reshape(w * x, (3, 2)) @ xp.reshape(w[:2], (2, 1)) ** 2),
    "turned": lambda xp, w, x: xp.sum(
        xp.roll(w, 1) * xp.flip(w, (0,)) + xp.moveaxis(x * w, 0, 1)[2, 0]
    ),
    "triangles": lambda xp, w, x: xp.sum(xp.tril(xp.outer(w, w)) @ xp.triu(xp.outer(w, x[0]))),
    "contracted": lambda xp, w, x: xp.sum(xp.einsum("ij,kj,j->ik", x, x, w) ** 2),
    "kron": lambda xp, w, x: xp.sum(xp.kron(w, x) ** 2) + xp.vdot(w, w),
    "products": lambda xp, w, x: xp.prod(w) * xp.sum(xp.cumsum(w, 0)) + xp.trace(xp.outer(w, w)),
    "solved": lambda xp, w, x: xp.sum(xp.linalg.solve(xp.outer(w, w) + xp.linalg.pinv(x) @ x, w)),
    "determinants": lambda xp, w, x: (
        xp.linalg.det((x * w) @ x.T) + xp.linalg.slogdet(x * w @ x.T)[1]
    ),
    "inverse": lambda xp, w, x: xp.sum(xp.linalg.inv((x * w**2) @ x.T) ** 2),
    "cholesky": lambda xp, w, x: xp.sum(xp.linalg.cholesky((x * w**2) @ x.T) ** 2 * x[:, :2]),
    "eigenvalues": lambda xp, w, x: xp.sum(xp.linalg.eigh((x * w**2) @ x.T)[0] ** 2),
    "singular values": lambda xp, w, x: xp.sum(xp.linalg.svd(x * w, full_matrices=False)[1] ** 3),
    "spectrum": lambda xp, w, x: xp.sum(xp.abs(xp.fft.fft(w * x[0])) ** 4),
}
assert len(LOSSES) >= 30


@pytest.fixture(scope="module")
def jax():
    library = pytest.importorskip("jax", reason="JAX is not installed")
    library.config.update("jax_enable_x64", True)
    autodiff.wrap(library.numpy)
    return library


@pytest.fixture(scope="module")
def torch():
    library = pytest.importorskip("torch", reason="PyTorch is not installed")
    autodiff.wrap(library)
    return library


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_jax(jax, name):
    loss, jnp = LOSSES[name], jax.numpy
    w, x = jnp.asarray(W), jnp.asarray(X)
    value, gradient = jax.value_and_grad(lambda w: loss(jnp, w, x))(w)
    ours = value_and_grad(lambda w: loss(np, w, x))
    for call in (ours, jax.jit(ours)):
        found_value, found = call(w)
        assert isinstance(found, jax.Array)
        np.testing.assert_allclose(found_value, value, rtol=1e-12)
        np.testing.assert_allclose(found, gradient, rtol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_pytorch(torch, name):
    loss = LOSSES[name]
    w, x = torch.tensor(W, requires_grad=True), torch.tensor(X)
    loss(torch, w, x).backward()
    found_value, found = value_and_grad(lambda w: loss(np, w, x))(w.detach())
    assert torch.is_tensor(found)
    assert torch.is_tensor(found_value)
    np.testing.assert_allclose(found, w.grad, rtol=1e-12)


def test_the_other_modes_and_structures_in_both(jax, torch):
    for make in (jax.numpy.asarray, torch.tensor):
        w = make(W)
        out, pullback = vjp(np.sin, w)
        np.testing.assert_allclose(pullback(w)[0], np.cos(W) * W)
        np.testing.assert_allclose(jvp(np.sin, (w,), (w,))[1], np.cos(W) * W)
        assert type(out) is type(pullback(w)[0]) is type(w)
        found = grad(lambda p: np.sum(p["w"] ** 2) * p["b"])({"w": w, "b": 2.0})
        np.testing.assert_allclose(found["w"], 4 * W)
        np.testing.assert_allclose(grad(lambda w: np.sum(grad(f)(w) * w))(w), 9 * W**2)
    np.testing.assert_allclose(grad(f)(W), 3 * W**2)


def f(w):
    return np.sum(w**3)


def bessel(w):
    return np.sum(scipy.special.jv(2, w) * w)


def test_the_host_computes_what_the_library_lacks(jax, torch):
    expected = grad(bessel)(W)
    np.testing.assert_allclose(grad(bessel)(torch.tensor(W)), expected)
    np.testing.assert_allclose(grad(bessel)(jax.numpy.asarray(W)), expected)
    np.testing.assert_allclose(jax.jit(grad(bessel))(jax.numpy.asarray(W)), expected)
    batch = jax.vmap(grad(bessel))(jax.numpy.asarray(X))
    np.testing.assert_allclose(batch, [grad(bessel)(x) for x in X])


def test_what_the_host_must_not_compute_is_refused(torch):
    with pytest.raises(TypeError, match=r"jv: torch has no such function.* is on meta: use"):
        grad(bessel)(torch.tensor(W, device="meta"))
    # PyTorch would find its derivative cut off.
    with pytest.raises(RuntimeError, match="requires grad"):
        grad(bessel)(torch.tensor(W, requires_grad=True))


def test_types_that_numpy_does_not_have_are_refused(jax, torch):
    for x in (torch.ones(3, dtype=torch.bfloat16), jax.numpy.ones(3, "bfloat16")):
        for transform in (grad, autodiff.vmap):
            with pytest.raises(TypeError, match=r"bfloat16 arrived, which .*: convert it to float"):
                transform(f)(x)


#: Functions that are smooth where they are taken, though a part of them has a kink.
TWICE = {
    "powers": lambda w: np.sum((w[:, None] - w) ** 4),
    "lengths of complex numbers": lambda w: np.sum(np.abs(np.exp(1j * w) * w + w) ** 2),
    "ranks": lambda w: np.median(w) * np.sum(w),
}


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives_in_jax_are_those_of_numpy(jax, name):
    loss, w = TWICE[name], jax.numpy.asarray(W)
    expected = autodiff.hessian(loss)(W)
    found = [autodiff.hessian(loss)(w), jax.jacrev(grad(loss))(w)]
    if name == "powers":
        found.append(jax.jit(autodiff.hessian(loss))(w))
    for one in found:
        np.testing.assert_allclose(one, expected, atol=1e-12)


def test_steps_backwards_in_pytorch(torch):
    xp = autodiff.wrap(torch)
    numbers = np.arange(24.0).reshape(2, 3, 4)
    every = (
        *(np.s_[::-1], np.s_[::-1, :, ::-2], np.s_[..., ::-2], np.s_[:, None, ::-1]),
        *(np.s_[0, ::-1, 2:0:-1], np.s_[:, 0:2:-1], np.s_[..., 5::-3], np.s_[[0, 1], ::-1]),
        np.s_[numbers[..., 0] > 4, ::-1],
    )
    for index in every:
        x = xp.asarray(torch.tensor(numbers))
        np.testing.assert_array_equal(x[index].array, numbers[index])
        expected = numbers.copy()
        x[index] = expected[index] = 7.0
        np.testing.assert_array_equal(x.array, expected)


def test_cupy_is_wrapped_by_its_names(monkeypatch):
    """And its special functions are found, which NumPy's protocols do not reach."""
    functions = Numpy()
    monkeypatch.setitem(sys.modules, "cupy", functions)
    for name in ("cupyx", "cupyx.scipy"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for name, module in zip(("special", "linalg", "fft", "signal"), MODULES, strict=True):
        monkeypatch.setitem(sys.modules, f"cupyx.scipy.{name}", module)
    monkeypatch.setattr("autodiff.adapters.wrapping.ADAPTERS", adapters := dict(ADAPTERS))
    monkeypatch.setattr("autodiff.core.libraries.ADAPTERS", adapters)
    monkeypatch.setattr("autodiff.transforms.gradients.ADAPTERS", adapters)
    autodiff.wrap(functions)
    found = grad(lambda w: np.sum(scipy.special.gammaln(w * np.ones(3))))(Standin(W + 2.0))
    np.testing.assert_allclose(found.get(), scipy.special.psi(W + 2.0))
    with pytest.raises(TypeError, match=r"jv: cupy has no such function.* on a device: use"):
        grad(bessel)(Standin(W))


def test_a_module_without_an_adapter_is_refused():
    with pytest.raises(TypeError, match="other arrays need no adapter"):
        autodiff.wrap(np)

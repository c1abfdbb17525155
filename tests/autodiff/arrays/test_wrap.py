"""The adapter of JAX and PyTorch, held against the libraries' own gradients."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, jvp, value_and_grad, vjp
from tests.autodiff.arrays import walking

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
}


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


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["jax", "torch"])
def test_nine_tenths_of_the_rules(name, request):
    request.getfixturevalue(name)
    found = [x for x in walking.outcomes(walking.adapter(name)) if x.status != "absent"]
    wrong = [x for x in found if x.status != "right"]
    assert len(wrong) <= 0.1 * len(found), wrong
    assert len(found) >= 250


def test_a_module_without_an_adapter_is_refused():
    with pytest.raises(TypeError, match="other arrays need no adapter"):
        autodiff.wrap(np)

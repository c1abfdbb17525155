"""Rules of users, recomputation, and stopped gradients."""

import math

import numpy as np
import pytest

import autodiff
from autodiff import (
    LostDerivative,
    Undifferentiable,
    check_gradients,
    checkpoint,
    custom,
    grad,
    hessian,
    jvp,
    stop_gradient,
    trace,
    vjp,
)

X = np.array([0.5, 1.5, -0.75])


def softplus(x):
    return np.log1p(np.exp(x))


stable = custom(
    softplus,
    vjps={0: lambda out, x: lambda g: g / (1 + np.exp(-x))},
    jvps={0: lambda x_dot, out, x: x_dot / (1 + np.exp(-x))},
)


def test_rules_of_ones_own():
    check_gradients(stable, X)
    np.testing.assert_array_equal(stable(X), softplus(X))
    assert stable.__name__ == "softplus"
    np.testing.assert_allclose(grad(stable)(0.0), 0.5)
    second = grad(grad(stable))(0.3)
    s = 1 / (1 + math.exp(-0.3))
    np.testing.assert_allclose(second, s * (1 - s), rtol=1e-14)
    graph = trace(lambda x: np.sum(stable(x) * x), X)
    np.testing.assert_allclose(graph.forward(2 * X), np.sum(softplus(2 * X) * 2 * X))


def test_a_black_box_is_never_given_tensors():
    seen = []

    def black_box(x, y, scale=1.0):
        seen.append((type(x), type(y)))
        return math.sin(x) * y * scale

    wrapped = custom(
        black_box,
        vjps={
            0: lambda out, x, y, scale=1.0: lambda g: g * np.cos(x) * y * scale,
            1: lambda out, x, y, scale=1.0: lambda g: g * np.sin(x) * scale,
        },
    )
    found = grad(lambda x, y: wrapped(x, y, scale=2.0), (0, 1))(0.5, 3.0)
    np.testing.assert_allclose(found, (6 * math.cos(0.5), 2 * math.sin(0.5)))
    np.testing.assert_allclose(grad(grad(lambda x: wrapped(x, 1.0)))(0.5), -math.sin(0.5))
    assert all(t in (float, np.float64) for pair in seen for t in pair)


def test_a_missing_rule_is_told():
    only = custom(softplus, vjps={0: lambda out, x: lambda g: g})
    with pytest.raises(Undifferentiable, match=r"softplus has no jvp for argument 0: give it as"):
        jvp(only, (X,), (X,))
    two = custom(lambda x, y: x * y, vjps={0: lambda out, x, y: lambda g: g * y})
    with pytest.raises(Undifferentiable, match="has no vjp for argument 1"):
        grad(two, 1)(2.0, 3.0)
    # No rule is needed for an argument that no derivative is taken of.
    assert grad(two)(2.0, 3.0) == 3.0


def test_wrong_rules_are_told():
    with pytest.raises(ValueError, match=r"vjp of softplus for argument 0 returned shape \(\)"):
        grad(lambda x: np.sum(custom(softplus, vjps={0: lambda out, x: lambda g: 1.0})(x)))(X)
    with pytest.raises(TypeError, match="vjps is a dict from argument numbers"):
        custom(softplus, vjps={"x": lambda out, x: lambda g: g})
    with pytest.raises(LostDerivative, match="scale= is a tensor"):
        grad(lambda s: custom(lambda x, scale: x * scale)(1.0, scale=s))(2.0)


def test_stop_gradient():
    assert grad(lambda x: stop_gradient(x) * x**2)(3.0) == 18.0
    assert grad(grad(lambda x: stop_gradient(x) * x**2))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: stop_gradient(x) * y)(x))(3.0) == 0.0
    assert jvp(lambda x: stop_gradient({"a": x})["a"] * x, (3.0,), (1.0,))[1] == 3.0
    assert stop_gradient(2.0) == 2.0
    graph = trace(lambda x: stop_gradient(x) * x, 3.0)
    assert graph.forward(5.0) == 25.0
    assert graph.backward() == {"x": 5.0}


def layer(p, h):
    return np.tanh(p["w"] @ h + p["b"]), np.sum(h)


def test_checkpoint_gives_the_same():
    p = {"w": np.eye(3) * 0.5, "b": X}

    def loss(p, h, layer):
        total = 0.0
        for _ in range(4):
            h, s = layer(p, h)
            total = total + s**2
        return np.sum(h**2) + total

    kept = checkpoint(layer)
    for transform in (grad, lambda f: autodiff.value_and_grad(f, (0, 1))):
        plain = autodiff.core.pytrees.flatten(transform(lambda p, h: loss(p, h, layer))(p, X))[0]
        again = autodiff.core.pytrees.flatten(transform(lambda p, h: loss(p, h, kept))(p, X))[0]
        for a, b in zip(plain, again, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-13)
    check_gradients(lambda p, h: loss(p, h, kept), p, X)
    np.testing.assert_allclose(
        hessian(lambda h: loss(p, h, kept))(X), hessian(lambda h: loss(p, h, layer))(X), rtol=1e-12
    )
    graph = trace(lambda h: loss(p, h, kept), X)
    np.testing.assert_allclose(graph.forward(2 * X), loss(p, 2 * X, layer))
    np.testing.assert_allclose(graph.backward()["h"], grad(lambda h: loss(p, h, layer))(2 * X))
    assert [x.shape for x in kept(p, X)] == [(3,), ()]


def test_checkpoint_stores_less():
    from autodiff.transforms.call import Call

    def block(x):
        for _ in range(50):
            x = np.sin(x)
        return x

    def nodes(block):
        return len(Call(lambda x: block(block(x)), (X,), {}, (0,), "test").nodes)

    assert nodes(block) == 101
    assert nodes(checkpoint(block)) < 10


def test_checkpoint_refuses_what_it_would_lose():
    with pytest.raises(LostDerivative, match="closes over a tensor"):
        grad(lambda w: np.sum(checkpoint(lambda x: x * w)(w * 2)))(X)
    with pytest.raises(LostDerivative, match="an argument by keyword is a tensor"):
        grad(lambda w: np.sum(checkpoint(lambda x, k: x * k)(w, k=w)))(X)
    _, pullback = vjp(checkpoint(np.sin), X)
    np.testing.assert_allclose(pullback(np.ones(3))[0], np.cos(X))

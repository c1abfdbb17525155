"""Transforms in transforms to third order, in structures, and in the types that came in."""

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np
import pytest

from autodiff import (
    check_gradients,
    checkpoint,
    custom,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)

#: Each turns a function of one number into its derivative.
DERIVATIVES = {
    "grad": grad,
    "value_and_grad": lambda f: lambda x: value_and_grad(f)(x)[1],
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    "jacobian, forward": lambda f: jacobian(f, mode="fwd"),
    "jacobian, reverse": lambda f: jacobian(f, mode="rev"),
    "elementwise_grad": elementwise_grad,
    "of a checkpoint": lambda f: grad(checkpoint(f)),
    "forward through a checkpoint": lambda f: lambda x: jvp(checkpoint(f), (x,), (1.0,))[1],
}
SINE = custom(
    np.sin,
    vjps={0: lambda out, x: lambda g: g * np.cos(x)},
    jvps={0: lambda x_dot, out, x: x_dot * np.cos(x)},
)


#: Each two of them with each other at any two places: a Latin square.
KINDS = list(DERIVATIVES)
THREE = [
    (first, second, KINDS[(i + j) % len(KINDS)])
    for i, first in enumerate(KINDS)
    for j, second in enumerate(KINDS)
]


@pytest.mark.each("names", THREE)
def test_third_order_by_every_three_transforms(names):
    f = third = lambda x: np.exp(x) * SINE(2.0 * x) / (1.0 + x * x)
    for name in names:
        third = DERIVATIVES[name](third)
    x, h = 0.7, 1e-3
    # By a stencil of seven points, whose error is of order h⁴.
    weights = np.array([1, -8, 13, 0, -13, 8, -1]) / (8 * h**3)
    expected = sum(w * f(x + i * h) for w, i in zip(weights, range(-3, 4), strict=True))
    np.testing.assert_allclose(third(x), expected, rtol=1e-5)
    assert type(third(x)) in (float, np.float64)


def test_third_order_of_arrays(rng):
    x, u, v = rng.normal(size=(3, 4))
    m = rng.normal(size=(4, 4))

    def f(x):
        return np.sum(np.sin(m @ x) * x**3)

    third = jacobian(hessian(f))(x)
    assert third.shape == (4, 4, 4)
    for axes in itertools.permutations(range(3)):
        np.testing.assert_allclose(third, np.transpose(third, axes), rtol=1e-9, atol=1e-9)
    expected = np.einsum("ijk,j,k->i", third, u, v)
    np.testing.assert_allclose(
        jvp(lambda x: hvp(f, (x,), (u,)), (x,), (v,))[1], expected, rtol=1e-10
    )
    np.testing.assert_allclose(grad(lambda x: v @ hvp(f, (x,), (u,)))(x), expected, rtol=1e-10)
    np.testing.assert_allclose(hvp(lambda x: u @ grad(f)(x), (x,), (v,)), expected, rtol=1e-10)
    check_gradients(lambda x: hvp(f, (x,), (u,)), x, order=1)


class Layer(NamedTuple):
    weight: np.ndarray
    bias: float


@dataclasses.dataclass
class Model:
    layers: list
    scale: dict
    name: str = dataclasses.field(default="net", init=False)


def predict(model, x):
    for layer in model.layers:
        x = np.tanh(layer.weight @ x + layer.bias)
    return model.scale["out"] * np.sum(x**2)


def test_structures_in_structures_and_their_second_order(rng):
    model = Model([Layer(rng.normal(size=(3, 3)), 0.5) for _ in range(2)], {"out": 2.0})
    x = rng.normal(size=3)
    gradient = grad(predict)(model, x)
    assert type(gradient) is Model
    assert type(gradient.layers[0]) is Layer
    assert (gradient.layers[0].weight.shape, gradient.name) == ((3, 3), "net")
    assert type(gradient.layers[1].bias) is float
    assert type(gradient.scale["out"]) is float
    check_gradients(predict, model, x, order=2)
    product = hvp(lambda m: predict(m, x), (model,), (model,))
    step = 1e-5

    def along(t):
        def scaled(value):
            return value * (1.0 + t)

        moved = Model([Layer(scaled(w), scaled(b)) for w, b in model.layers], {"out": scaled(2.0)})
        return grad(predict)(moved, x).layers[0].weight

    expected = (along(step) - along(-step)) / (2 * step)
    np.testing.assert_allclose(product.layers[0].weight, expected, rtol=1e-6, atol=1e-8)


def test_check_gradients_sees_a_second_order_that_is_wrong():
    # Right in first order: the rule is that of the cosine, whose own derivative is off by a sign.
    wrong_cosine = custom(
        np.cos,
        vjps={0: lambda out, x: lambda g: g * np.sin(x)},
        jvps={0: lambda x_dot, out, x: x_dot * np.sin(x)},
    )
    wrong = custom(
        np.sin,
        vjps={0: lambda out, x: lambda g: g * wrong_cosine(x)},
        jvps={0: lambda x_dot, out, x: x_dot * wrong_cosine(x)},
    )
    for mode in ("rev", "fwd"):
        check_gradients(wrong, 0.7, modes=(mode,), order=1)
        with pytest.raises(AssertionError, match="order 2"):
            check_gradients(wrong, 0.7, modes=(mode,), order=2)


@pytest.mark.each(
    ("x", "kind"),
    [
        (0.7, float),
        (np.float64(0.7), np.float64),
        (np.float32(0.7), np.float32),
        (np.float16(0.7), np.float16),
        (np.longdouble(0.7), np.longdouble),
    ],
)
@pytest.mark.each(
    "f",
    [
        lambda x: np.sin(x) ** 2 * 3.0,
        lambda x: np.where(x > 0, x * x, 2.0 * x),
        lambda x: np.sum(np.stack([x, x * x])),
        lambda x: np.maximum(x, 0.1) / 2 + x**3,
    ],
)
def test_numbers_come_back_as_the_kind_they_are(x, kind, f):
    assert type(grad(f)(x)) is kind
    assert type(value_and_grad(f)(x)[1]) is kind
    assert type(vjp(f, x)[1](np.ones((), np.result_type(f(np.asarray(x)[()])))[()])[0]) is kind
    assert np.result_type(grad(grad(f))(x)) == np.result_type(x)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.complex64])
def test_arrays_come_back_in_their_type(dtype, rng):
    x = (rng.normal(size=(3, 3)) + 2.0 * np.eye(3)).astype(dtype)

    def f(x):
        h = np.tanh(x @ x.T) * 2.0 + x[0] - np.mean(x, axis=0)
        return np.real(np.sum(np.where(np.real(x) > 0, h, 0.5 * h)))

    value, x_bar = value_and_grad(f)(x)
    assert x_bar.dtype == x.dtype
    assert value.dtype == f(x).dtype
    assert jvp(f, (x,), (x,))[1].dtype == value.dtype
    assert hvp(f, (x,), (x,)).dtype == x.dtype

"""Jacobians, Hessians and products with them, in both modes and for structures."""

import numpy as np
import pytest

import autodiff
from autodiff import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

X = np.array([0.5, 1.5, -0.75])
W = np.array([[1.0, -2.0, 0.5], [0.25, 1.0, -1.0]])


def f(x):
    """Return a vector of two elements with Jacobian diag(cos(W x)) W."""
    return np.sin(W @ x)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@pytest.mark.parametrize("mode", ["fwd", "rev", None])
def test_jacobian_in_each_mode(mode):
    np.testing.assert_allclose(jacobian(f, mode=mode)(X), np.cos(W @ X)[:, None] * W, rtol=1e-14)
    assert jacobian(lambda x: x * 2.0, mode=mode)(3.0) == 2.0
    assert jacobian(lambda x: np.outer(x, x), mode=mode)(X).shape == (3, 3, 3)
    assert jacobian(lambda x: x[:0], mode=mode)(X).shape == (0, 3)
    assert jacobian(lambda x: np.sum(x), mode=mode)(X[:0]).shape == (0,)
    np.testing.assert_array_equal(jacobian(lambda x: np.ones(2), mode=mode)(X), np.zeros((2, 3)))
    blocks = jacobian(lambda x, y: W @ x * y, argnums=(0, 1), mode=mode)(X, 2.0)
    np.testing.assert_array_equal(blocks[0], 2.0 * W)
    np.testing.assert_array_equal(blocks[1], W @ X)


def test_a_jacobian_makes_the_fewer_passes():
    calls = []
    rule = {
        "vjps": {0: lambda out, x: lambda g: calls.append("rev") or g * np.cos(x)},
        "jvps": {0: lambda x_dot, out, x: calls.append("fwd") or x_dot * np.cos(x)},
    }
    sine = autodiff.custom(np.sin, **rule)
    wide = np.ones((2, 40))
    jacobian(lambda x: sine(wide @ x))(np.ones(40))
    assert calls == ["rev"] * 2
    calls.clear()
    tall = np.ones((300, 26))
    J = jacobian(lambda x: sine(tall @ x))(np.ones(26))
    assert calls == ["fwd"] * 26
    np.testing.assert_allclose(J, np.cos(26.0) * tall, rtol=1e-12)


def test_structures_of_jacobians():
    def model(p):
        return {"y": p["w"] @ X + p["b"], "n": p["b"] * 2.0}

    parameters = {"w": W, "b": 3.0}
    for mode in ("fwd", "rev"):
        J = jacobian(model, mode=mode)(parameters)
        np.testing.assert_array_equal(J["y"]["b"], np.ones(2))
        np.testing.assert_array_equal(J["y"]["w"], np.einsum("ik,j->ikj", np.eye(2), X))
        np.testing.assert_array_equal(J["n"]["w"], np.zeros((2, 3)))
        assert J["n"]["b"] == 2.0
    J, aux = jacobian(lambda x: (x**2, {"kept": x + 1}), has_aux=True)(X)
    np.testing.assert_array_equal(J, np.diag(2 * X))
    np.testing.assert_array_equal(aux["kept"], X + 1)
    assert type(aux["kept"]) is np.ndarray


def test_wrong_modes_and_complex_numbers_are_told():
    with pytest.raises(ValueError, match="mode='forward'; 'fwd', 'rev' or None"):
        jacobian(f, mode="forward")
    with pytest.raises(TypeError, match="say holomorphic=True"):
        jacobian(lambda z: z * z)(np.ones(2, complex))
    with pytest.raises(TypeError, match="needs complex arguments"):
        jacobian(lambda z: z * z, holomorphic=True)(X)
    Z = X + 1j
    for mode in ("fwd", "rev"):
        np.testing.assert_allclose(
            jacobian(lambda z: z * z, holomorphic=True, mode=mode)(Z), np.diag(2 * Z)
        )


def test_hessian_and_products():
    x = np.array([1.2, 0.8, -0.3])
    H = hessian(rosenbrock)(x)
    expected = np.zeros((3, 3))
    for i in range(2):
        expected[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        expected[i + 1, i + 1] += 200
        expected[i, i + 1] = expected[i + 1, i] = -400 * x[i]
    np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-10)
    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(hvp(rosenbrock, (x,), (v,)), expected @ v, rtol=1e-12)
    for mode in ("fwd", "rev"):
        again = jacobian(jacobian(rosenbrock, mode=mode), mode="rev")(x)
        np.testing.assert_allclose(again, expected, rtol=1e-12, atol=1e-10)
    assert hessian(lambda x: x**3)(2.0) == 12.0
    blocks = hessian(lambda x, y: np.sum(x) * y**2, argnums=(0, 1))(X, 3.0)
    np.testing.assert_array_equal(blocks[0][1], np.full(3, 6.0))
    np.testing.assert_array_equal(blocks[1][0], np.full(3, 6.0))
    assert blocks[1][1] == 2 * np.sum(X)
    product = hvp(lambda x, y: np.sum(x) * y**2, (X, 3.0), (np.ones(3), 1.0))
    np.testing.assert_allclose(product[0], np.full(3, 6.0))
    np.testing.assert_allclose(product[1], 18.0 + 2 * np.sum(X))
    nested = hvp(lambda p: np.sum(p["a"] ** 3), ({"a": X},), ({"a": v},))
    np.testing.assert_allclose(nested["a"], 6 * X * v)


def test_forward_mode():
    out, out_dot = jvp(f, (X,), (np.ones(3),))
    np.testing.assert_array_equal(out, f(X))
    np.testing.assert_allclose(out_dot, np.cos(W @ X) * (W @ np.ones(3)), rtol=1e-14)
    # What does not depend on the arguments has tangent zero, whole numbers among it.
    out, out_dot = jvp(lambda x: (x, 3, np.arange(2)), (2.0,), (1.0,))
    assert out_dot[:2] == (1.0, 0.0)
    np.testing.assert_array_equal(out_dot[2], np.zeros(2))
    out, out_dot, aux = jvp(lambda x: (x * x, x), (3.0,), (1,), has_aux=True)
    assert (out, out_dot, aux) == (9.0, 6.0, 3.0)
    pushed = jvp(lambda x: np.concatenate([x, x * x, np.ones(1)]), (X,), (X,))[1]
    np.testing.assert_allclose(pushed, [*X, *(2 * X * X), 0.0])


def test_perturbations_are_not_confused_in_forward_mode():
    def derivative(f):
        return lambda x: jvp(f, (x,), (1.0,))[1]

    assert derivative(lambda x: x * derivative(lambda y: x + y)(1.0))(1.0) == 1.0
    assert derivative(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert grad(lambda x: x * derivative(lambda y: x * y * y)(2.0))(3.0) == 24.0
    f, g = np.sin, np.sin
    for _ in range(5):
        f, g = derivative(f), grad(g)
        np.testing.assert_allclose(f(0.3), g(0.3), rtol=1e-14)


@pytest.mark.parametrize(
    ("primals", "tangents", "error", "message"),
    [
        (X, (X,), TypeError, "primals is a ndarray; a tuple is needed, .* jvp"),
        ((X,), X, TypeError, "tangents is a ndarray"),
        ((X,), (X, X), ValueError, "1 primals and 2 tangents"),
        ((X,), (X[:2],), ValueError, r"has shape \(2,\); \(3,\) is expected"),
        (({"a": X},), ({"b": X},), TypeError, "parts .*'b'.*'a'.* the same"),
        (([X, X],), ([X],), TypeError, "must be the same"),
        ((True,), (1.0,), TypeError, "argument 0 is a bool"),
    ],
)
def test_tangents_unlike_the_primals(primals, tangents, error, message):
    with pytest.raises(error, match=message):
        jvp(lambda x: x, primals, tangents)


def test_elementwise_grad():
    np.testing.assert_allclose(elementwise_grad(np.tanh)(X), 1 - np.tanh(X) ** 2)
    np.testing.assert_allclose(elementwise_grad(elementwise_grad(np.sin))(X), -np.sin(X))
    np.testing.assert_array_equal(elementwise_grad(lambda a, x: a * x, 1)(2.0, X), np.full(3, 2.0))
    assert elementwise_grad(lambda x: x**2)(3.0) == 6.0
    Z = X + 1j
    np.testing.assert_allclose(elementwise_grad(lambda z: z * z)(Z), 2 * Z)


def test_complex_gradients():
    # f = |z|² = z conj(z): ∂f/∂x − i ∂f/∂y = 2x − 2iy.
    def f(z):
        return np.real(z * np.conj(z))

    assert grad(f)(3.0 + 4.0j) == 6.0 - 8.0j
    assert type(grad(f)(3.0 + 4.0j)) is complex
    assert grad(lambda z: z**3, holomorphic=True)(1 + 1j) == 3 * (1 + 1j) ** 2
    with pytest.raises(TypeError, match="holomorphic=True"):
        grad(lambda z: z**3)(1 + 1j)
    _, pullback = vjp(lambda z: z * (2 + 1j), np.array([1j]))
    np.testing.assert_array_equal(pullback(np.array([1j]))[0], [1j * (2 + 1j)])
    # Real arguments stay real whatever happens between.
    x_bar = grad(lambda x: np.real(np.sum((x * (1 + 2j)) ** 2)))(X)
    np.testing.assert_allclose(x_bar, 2 * X * ((1 + 2j) ** 2).real)
    assert x_bar.dtype == float
    with pytest.raises(
        NotImplementedError,
        match="cbrt: there is no derivative rule",
    ):
        grad(lambda z: np.real(np.cbrt(z)))(1 + 1j)


def test_auxiliary_results():
    (value, aux), gradient = value_and_grad(lambda x: (np.sum(x**2), [x, "text"]), has_aux=True)(X)
    assert value == np.sum(X**2)
    assert aux[1] == "text"
    np.testing.assert_array_equal(aux[0], X)
    np.testing.assert_array_equal(gradient, 2 * X)
    gradient, aux = grad(lambda x: (x**2, x * 3), has_aux=True)(2.0)
    assert (gradient, aux) == (4.0, 6.0)
    _, pullback, _ = vjp(lambda x: (x**2, 1), X, has_aux=True)
    np.testing.assert_array_equal(pullback(np.ones(3))[0], 2 * X)
    with pytest.raises(TypeError, match=r"has_aux=True needs a function that returns a pair"):
        grad(lambda x: x**2, has_aux=True)(2.0)
    # Second derivatives with respect to what is passed out pass through the outer trace.
    assert grad(lambda x: grad(lambda y: (y * x, x * x), has_aux=True)(x)[1])(3.0) == 6.0


def test_transforms_nest():
    v = np.array([1.0, -2.0, 0.5])
    H = hessian(rosenbrock)(X)
    along = lambda x: np.sum(grad(rosenbrock)(x) * v)  # noqa: E731 (a formula)
    np.testing.assert_allclose(grad(along)(X), H @ v, rtol=1e-12)
    pulled = vjp(lambda x: jvp(rosenbrock, (x,), (v,))[1], X)[1](1.0)[0]
    np.testing.assert_allclose(pulled, H @ v, rtol=1e-12)
    pulled = vjp(grad(rosenbrock), X)[1](v)[0]
    np.testing.assert_allclose(pulled, H @ v, rtol=1e-12)
    third = jacobian(hessian(rosenbrock))(X)
    np.testing.assert_allclose(third, np.transpose(third, (2, 0, 1)), atol=1e-9)
    np.testing.assert_allclose(third[0, 0, 0], 2400 * X[0], rtol=1e-12)
    graph = autodiff.trace(lambda x: np.sum(hessian(rosenbrock)(x) @ v), X)
    np.testing.assert_allclose(graph.forward(2 * X), np.sum(hessian(rosenbrock)(2 * X) @ v))


def test_the_hessian_times_a_vector_of_a_function_that_writes_into_arrays():
    def cubes(x, k):
        y = np.zeros(3)
        y[:k] = x[:k]
        y[0] *= 2
        return np.sum(y**3)

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(autodiff.hvp(cubes)(x, 2, np.ones(3)), [48.0, 12.0, 0.0])


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_jacobian_without_elements_has_the_type_of_one_with_some(mode):
    def f(x):
        return np.sin(x) * 2.0

    for size in (0, 2):
        assert autodiff.jacobian(f, mode=mode)(np.ones(size, np.float32)).dtype == np.float32

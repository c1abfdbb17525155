"""Complex numbers: parts, absolute value and phase, and holomorphic functions on their branches."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, value_and_grad
from autodiff.core.primitive import PRIMITIVES

STEP = 1e-6


def differences(f, z):
    """Return the convention of the gradient, ∂f/∂x - i ∂f/∂y, by central differences."""
    z = np.asarray(z)
    gradient = np.zeros(z.shape, complex)
    for place in np.ndindex(z.shape):
        move = np.zeros(z.shape)
        move[place] = STEP
        along_x = (f(z + move) - f(z - move)) / (2 * STEP)
        along_y = (f(z + 1j * move) - f(z - 1j * move)) / (2 * STEP)
        gradient[place] = along_x - 1j * along_y
    return gradient


def some(rng, *shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


REAL_FUNCTIONS = {
    "real": lambda z: np.sum(np.real(z) ** 2),
    "imag": lambda z: np.sum(np.imag(z) ** 3),
    "both": lambda z: np.sum(np.real(z) * np.imag(z)),
    "conj": lambda z: np.sum(np.real(np.conj(z) * z * z)),
    "abs": lambda z: np.sum(np.abs(z)),
    "square": lambda z: np.sum(np.abs(z) ** 2),
    "angle": lambda z: np.sum(np.angle(z)),
    "degrees": lambda z: np.sum(np.angle(z, deg=True)),
    "sign": lambda z: np.sum(np.real(np.sign(z) * (1 + 2j))),
    "close": lambda z: np.sum(np.real(np.real_if_close(z) ** 2)),
    "holomorphic": lambda z: np.sum(np.real(np.sin(z) * np.exp(z) / (z + 3) - 2j * z**3)),
    "roots": lambda z: np.sum(np.imag(np.sqrt(z) + np.log(z) + z ** (0.5 + 1j))),
    "inverse": lambda z: np.sum(np.imag(np.arcsin(z) + np.arctanh(z) + np.arccosh(z))),
    "constants": lambda z: np.sum(np.real((1 - 2j) * z + np.array([1j, 2.0, 3.0]) / z)),
}


@pytest.mark.each("name", REAL_FUNCTIONS)
def test_gradients_of_real_functions(name, rng):
    f = REAL_FUNCTIONS[name]
    z = some(rng, 3)
    value, z_bar = value_and_grad(f)(z)
    np.testing.assert_allclose(value, f(z), rtol=1e-14)
    assert z_bar.dtype == complex
    np.testing.assert_allclose(z_bar, differences(f, z), rtol=1e-6, atol=1e-8)
    graph = autodiff.trace(f, z)
    fresh = some(rng, 3)
    np.testing.assert_allclose(graph.forward(fresh), f(fresh), rtol=1e-14)
    np.testing.assert_allclose(graph.backward()["z"], differences(f, fresh), rtol=1e-6, atol=1e-8)


@pytest.mark.each("name", REAL_FUNCTIONS)
def test_second_order(name, rng):
    f = REAL_FUNCTIONS[name]
    z, weights = some(rng, 3), some(rng, 3)

    def projected(z):
        return np.sum(np.real(weights * grad(f)(z)))

    np.testing.assert_allclose(grad(projected)(z), differences(projected, z), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.abs(np.exp(1j * x) + x)),
        lambda x: np.sum(np.real(np.sqrt(x + 0j)) + np.imag(np.sqrt(x + 0j))),
        lambda x: np.sum(np.imag(np.log(x * (1 + 1j)))),
        lambda x: np.sum(np.angle(x + 1j)),
        lambda x: np.sum(np.abs(np.emath.sqrt(x)) + np.imag(np.emath.log(x))),
        lambda x: np.sum(np.real(np.emath.arcsin(3 * x) * np.emath.power(x, 0.3))),
        lambda x: np.sum(np.real(2.0 ** (1j * x) + (x * x) ** (2 + 1j))),
        lambda x: np.sum(np.abs(np.sinc(x + 0.3j))),
    ],
)
def test_real_arguments_of_functions_that_go_through_complex_numbers(f, rng, slope):
    x = np.array([-1.3, 0.7, 2.1])
    value, x_bar = value_and_grad(f)(x)
    assert x_bar.dtype == float
    directions, expected = slope(f, [x])
    np.testing.assert_allclose(np.sum(x_bar * directions[0]), expected, rtol=1e-6)
    np.testing.assert_allclose(value, f(x), rtol=1e-14)


def test_at_zero_absolute_value_and_sign_have_derivative_zero():
    z = np.array([0j, 3 + 4j])
    np.testing.assert_allclose(grad(lambda z: np.sum(np.abs(z)))(z), [0, 0.6 - 0.8j], rtol=1e-15)
    np.testing.assert_array_equal(grad(lambda z: np.sum(np.abs(z) ** 2))(z), [0, 6 - 8j])
    assert grad(lambda z: np.sum(np.real(np.sign(z))))(z)[0] == 0


def test_absolute_value_does_not_overflow():
    z = np.array([3e200 + 4e200j, 3e-200 - 4e-200j])
    expected = [0.6 - 0.8j, 0.6 + 0.8j]
    np.testing.assert_allclose(grad(lambda z: np.sum(np.abs(z)))(z), expected, rtol=1e-15)


def test_of_real_tensors_they_are_what_numpy_makes_of_real_arrays():
    x = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.real(x) * np.real(x)))(x), 2 * x)
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.conj(x) * x))(x), 2 * x)
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.imag(x) + x))(x), np.ones(3))
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.angle(x) * x))(x), np.angle(x))
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.sign(x) * x))(x), np.sign(x))
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.real_if_close(x)))(x), np.ones(3))


def test_nearly_real_numbers_become_real():
    def f(z):
        return np.sum(np.real_if_close(z) ** 2)

    z = np.array([1.0 + 1e-15j, 2.0 - 1e-16j])
    value, z_bar = value_and_grad(f)(z)
    assert not np.iscomplexobj(value)
    np.testing.assert_array_equal(z_bar, [2, 4])
    with pytest.raises(autodiff.BranchChanged):
        autodiff.trace(f, z).forward(z + 1e-3j)


def test_single_precision_stays_single():
    z = np.array([1 + 2j, 3 - 1j], np.complex64)
    for f in REAL_FUNCTIONS.values():
        if f is not REAL_FUNCTIONS["constants"]:
            value, z_bar = value_and_grad(f)(z)
            assert (value.dtype, z_bar.dtype) == (np.float32, np.complex64)


@pytest.mark.each("name", ["arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"])
@pytest.mark.each(
    "z",
    [2 + 1e-3j, 2 - 1e-3j, -2 + 1e-3j, -2 - 1e-3j, 1e-3 + 2j, -1e-3 + 2j, 1e-3 - 2j, -1e-3 - 2j],
)
def test_slopes_beside_branch_cuts(name, z):
    entry, f = PRIMITIVES[name], getattr(np, name)
    z = np.complex128(z)
    slope = entry.jvp(0)(np.complex128(1), f(z), z)
    for direction in (1e-5, 1e-5j):
        expected = (f(z + direction) - f(z - direction)) / (2 * direction)
        np.testing.assert_allclose(slope, expected, rtol=1e-7)


def test_slopes_of_large_complex_numbers_do_not_overflow():
    for name in ("arcsin", "arcsinh", "arccosh"):
        z = np.complex128(1e200 + 1e200j)
        entry = PRIMITIVES[name]
        slope = entry.jvp(0)(np.complex128(1), getattr(np, name)(z), z)
        np.testing.assert_allclose(np.abs(slope), 1 / np.abs(z), rtol=1e-14)

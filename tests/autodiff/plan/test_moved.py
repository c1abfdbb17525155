"""Elements that plans move: rolled in two copies, whatever the layout and the shift."""

import numpy as np
import pytest

import autodiff

SHIFTS = [
    (1, 0),
    (-1, 1),
    (7, -1),
    (0, 0),
    (5, None),
    (-26, None),
    ((1, 2), (0, 1)),
    ((1, 2), (1, 1)),
    (2, (0, 1)),
    ((1, 3), None),
    (np.int64(2), 0),
    (5, 0),
]


@pytest.mark.each("layout", ["C", "F", "reversed"])
@pytest.mark.each(("shift", "axis"), SHIFTS)
def test_a_roll_is_that_of_numpy(shift, axis, layout, rng):
    x = rng.normal(size=(5, 3))
    x = {"C": x, "F": np.asfortranarray(x), "reversed": x[::-1, ::-1]}[layout]

    def f(x):
        moved = np.roll(x * x, shift, axis)
        return np.sum(np.sin(moved) * x), moved

    plan = autodiff.compile(autodiff.value_and_grad(f, has_aux=True))
    (value, moved), x_bar = plan(x)
    (expected, wanted), other = autodiff.value_and_grad(f, has_aux=True)(x)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_array_equal(moved, wanted)
    np.testing.assert_allclose(x_bar, other, rtol=1e-12, atol=1e-14)


def test_rolls_write_into_buffers(rng):
    def f(u):
        for _ in range(3):
            u = u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
        return np.sum(u**2)

    x = rng.normal(size=50)
    plan = autodiff.compile(autodiff.value_and_grad(f))
    np.testing.assert_allclose(plan(x)[1], autodiff.grad(f)(x), rtol=1e-12)
    assert "np.roll" not in plan.plan(x).source


@pytest.mark.parametrize("dtype", ["complex128", "float32", "int64"])
def test_rolls_of_other_types(dtype, rng):
    x = rng.normal(size=6) * np.arange(6)
    k = np.arange(6).astype(dtype)

    def f(x, k):
        return np.sum(np.abs(np.roll(k, 2) * np.roll(x, 1)))

    for each in (f, autodiff.grad(f)):
        np.testing.assert_allclose(autodiff.compile(each)(x, k), each(x, k), rtol=1e-6)
    assert autodiff.compile(lambda x: np.roll(x, 3))(np.zeros((0,))).shape == (0,)

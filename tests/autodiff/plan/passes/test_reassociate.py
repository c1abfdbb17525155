"""Products of products are taken in the order that multiplies least."""

import numpy as np
import pytest

import autodiff

FUNCTIONS = {
    "a vector first": (lambda x, a, b: x @ (a @ b), ((50,), (50, 40), (40, 30))),
    "one row of a stack": (
        lambda x, a, b: np.sum(a @ b, axis=1) + x,
        ((30,), (5, 50, 40), (5, 40, 30)),
    ),
    "a flat matrix": (lambda x, a, b: x @ (a @ b), ((2, 50), (50, 40), (40, 30))),
    "stacks": (lambda x, a, b: x @ (a @ b), ((5, 2, 50), (5, 50, 40), (40, 30))),
    "a vector and a stack": (lambda x, a, b: x @ (a @ b), ((50,), (5, 50, 40), (5, 40, 30))),
    "nothing to gain": (lambda x, a, b: x @ (a @ b), ((50, 2), (2, 50), (50, 30))),
    "used twice": (lambda x, a, b: (x @ (a @ b)) @ (a @ b).T, ((50,), (50, 40), (40, 30))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_order_makes_no_difference_but_in_time(name, rng):
    f, shapes = FUNCTIONS[name]
    args = [rng.normal(size=shape) for shape in shapes]
    plan = autodiff.compile(f)
    np.testing.assert_allclose(plan(*args), f(*args), rtol=1e-11, atol=1e-11)
    args = [2 * x for x in args]
    np.testing.assert_allclose(plan(*args), f(*args), rtol=1e-11, atol=1e-11)
    # The memory of the product that is avoided, or of the one that would be made instead.
    source = plan.plan(*args).source
    assert ("(50, 30)" in source) is (name == "used twice")
    assert ("(2, 30)" in source) is (name == "nothing to gain")


STACKS = {
    "factors of columns": (lambda f, a, b, v: ((f[:, None] * a) * b) @ v, True),
    "factors in another order": (lambda f, a, b, v: (b * (f[:, None] * a)) @ v, True),
    "a column and a row": (lambda f, a, b, v: (f[:, None] * a[:, :1] * b[0]) @ v, True),
    "used twice": (lambda f, a, b, v: np.max(m := f[:, None] * a) + (m * b) @ v, False),
    "all differ": (lambda f, a, b, v: (f[:, None] * a * (f[:, None, :1] + b)) @ v, False),
    "columns alone": (lambda f, a, b, v: (f[:, None] * a[:1]) @ v, False),
    "a matrix last": (lambda f, a, b, v: (f[:, None] * a) @ b.T, False),
}


@pytest.mark.parametrize("name", STACKS)
def test_factors_of_columns_wait(name, rng):
    f, waits = STACKS[name]
    args = [rng.normal(size=shape) for shape in ((3, 5), (7, 5), (7, 5), (5,))]
    plan = autodiff.compile(f)
    for _ in range(2):
        np.testing.assert_allclose(plan(*args), f(*args), rtol=1e-11, atol=1e-11)
        args = [-2 * x for x in args]
    assert ("(3, 7, 5)" not in plan.plan(*args).source) is (waits or name == "columns alone")


def test_the_jacobian_of_a_fit_makes_no_stack_of_matrices(rng):
    def model(p, t):
        return np.exp(-t[:, None] * p[2:]) @ p[:2]

    t, p = rng.random(50), rng.random(4)
    plan = autodiff.compile(autodiff.jacobian(model))
    decays = np.exp(-t[:, None] * p[2:])
    wanted = np.concatenate([decays, -t[:, None] * decays * p[:2]], axis=1)
    np.testing.assert_allclose(plan(p, t), wanted, rtol=1e-12)
    assert "(4, 50, 2)" not in plan.plan(p, t).source


def test_a_long_product_has_its_factors_without_recursion(rng):
    def f(c, a, v):
        m = c[:, None] * a
        for k in range(1500):
            m = m * (1.0 + 1e-4 * k * a)
        return m @ v

    args = [rng.random(shape) for shape in ((2, 3), (4, 3), (3,))]
    np.testing.assert_allclose(autodiff.compile(f)(*args), f(*args), rtol=1e-9)

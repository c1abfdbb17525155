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

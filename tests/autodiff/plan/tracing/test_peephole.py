"""Forms of several operations that a plan knows a shorter derivative of."""

import numpy as np

import autodiff


def test_both_tails_of_a_logistic_function_have_their_digits():
    def f(x):
        return np.sum(1 / (1 + np.exp(-x)))

    x = np.array([-800.0, -40.0, 0.0, 1.0, 30.0, 40.0, 700.0])
    step, curve = autodiff.compile(autodiff.grad(f)), autodiff.compile(autodiff.hessian(f))
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(step(x), 1 / (2 + np.exp(x) + np.exp(-x)), rtol=1e-13)
        np.testing.assert_allclose(step(x), autodiff.grad(f)(x), rtol=1e-13)
        np.testing.assert_allclose(curve(x[1:]), autodiff.hessian(f)(x[1:]), rtol=1e-12)
    assert "rule of sigmoid" in step.plan(x).source
    number = autodiff.compile(autodiff.grad(lambda t: 1 / (1 + np.exp(-t))))
    for t in x.tolist():
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(number(t), 1 / (2 + np.exp(t) + np.exp(-t)), rtol=1e-13)

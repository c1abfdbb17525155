"""Roots and minima: derivatives of solutions by the implicit function theorem."""

import numpy as np
import pytest
import scipy.optimize as so

import autodiff
import autodiff.scipy.optimize as optimize

M = np.array([[3.0, 1.0], [1.0, 2.0]])
T = np.linspace(0.0, 2.0, 8)
Y = 1.5 * np.exp(-0.7 * T) + 0.05 * np.cos(9.0 * T)


def cube(t, a):
    return t**3 - a


def system(x, a):
    return [x[0] ** 2 + x[1] - a[0], x[1] ** 3 + x[0] - a[1]]


def valley(x, a):
    return np.sum((x - np.sin(a)) ** 2) + 0.5 * np.sum(x**4) + x[0] * a[1]


def decay(t, p, k):
    return p * np.exp(-k * t)


TIGHT = {"xtol": 1e-13}
CASES = [
    ("scipy.optimize.root_scalar", lambda f, a: f(cube, args=(a,), x0=1.0, x1=2.0).root, (1.3,)),
    (
        "scipy.optimize.root_scalar",
        lambda f, a: f(lambda t: cube(t, a), bracket=[0.0, 3.0], xtol=1e-14).root,
        (1.3,),
    ),
    (
        "scipy.optimize.root_scalar",
        lambda f, a: f(lambda t: cube(t, a), x0=1.0, fprime=lambda t: 3.0 * t**2).root,
        (1.3,),
    ),
    *(
        (f"scipy.optimize.{name}", lambda f, a: f(cube, 0.0, 3.0, args=(a,), xtol=1e-14), (1.3,))
        for name in ("brentq", "brenth", "bisect", "ridder", "toms748")
    ),
    ("scipy.optimize.newton", lambda f, a: f(lambda t: cube(t, a), 1.0, tol=1e-12), (1.3,)),
    (
        "scipy.optimize.newton",
        lambda f, a: f(lambda t: cube(t, a), np.array([1.0, 1.5]), tol=1e-12),
        ([1.3, 2.0],),
    ),
    (
        "scipy.optimize.fsolve",
        lambda f, a: f(system, [1.0, 1.0], args=(a,), **TIGHT),
        ([2.0, 2.5],),
    ),
    ("scipy.optimize.fsolve", lambda f, a: f(lambda t: cube(t, a), 1.0, **TIGHT), (1.3,)),
    (
        "scipy.optimize.root",
        lambda f, a: f(lambda x: system(x, a), [1.0, 1.0], tol=1e-13).x,
        ([2.0, 2.5],),
    ),
    (
        "scipy.optimize.fixed_point",
        lambda f, a: f(lambda x: np.cos(a * x), [0.5, 0.6], xtol=1e-13),
        (0.8,),
    ),
    (
        "scipy.optimize.minimize",
        lambda f, a: f(valley, np.zeros(3), args=(a,), method="BFGS", options={"gtol": 1e-9}).x,
        ([0.5, 1.0, -1.0],),
        {"rough"},
    ),
    (
        "scipy.optimize.minimize",
        lambda f, a: (
            f(lambda x: valley(x, a), np.zeros(3), bounds=[(0.0, None), (None, None), (0.2, 2)]).x
        ),
        ([2.0, 1.0, -1.0],),
        {"rough"},
    ),
    (
        "scipy.optimize.minimize_scalar",
        lambda f, a: f(lambda x: np.exp(x) - a * x, tol=1e-12).x,
        (1.7,),
        {"rough"},
    ),
    (
        "scipy.optimize.least_squares",
        lambda f, y: f(lambda p: decay(T, p[0], p[1]) - y, [1.0, 1.0], xtol=1e-14, ftol=1e-14).x,
        (Y,),
        {"rough"},
    ),
    (
        "scipy.optimize.curve_fit",
        lambda f, y: f(decay, T, y, xtol=1e-14, ftol=1e-14)[0],
        (Y,),
        {"rough"},
    ),
]


def test_cases(case, holds):
    holds(case)


@pytest.mark.each("start", [1.0, 1.0 + 1e-9, 1.3])
@pytest.mark.each("method", ["secant", "newton", "halley", "brentq"])
def test_a_start_at_the_root_has_the_right_derivative(start, method):
    more = {
        "secant": {"x0": start, "x1": 2.0},
        "newton": {"x0": start, "fprime": lambda t: 3.0 * t**2},
        "halley": {"x0": start, "fprime": lambda t: 3.0 * t**2, "fprime2": lambda t: 6.0 * t},
        "brentq": {"bracket": [0.0, 2.5]},
    }[method]

    def cube_root(a):
        return optimize.root_scalar(lambda t: t**3 - a, method=method, **more).root

    assert np.isclose(autodiff.grad(cube_root)(1.0), 1 / 3, rtol=1e-6)
    assert np.isclose(autodiff.grad(autodiff.grad(cube_root))(1.0), -2 / 9, rtol=1e-6)
    third = autodiff.grad(autodiff.grad(autodiff.grad(cube_root)))
    assert np.isclose(third(1.0), 10 / 27, rtol=1e-5)


def test_a_double_root_has_no_derivative():
    def root(a):
        return optimize.newton(lambda t: (t - 1.0) ** 2 - a, 1.0, fprime=lambda t: 2 * (t - 1.0))

    with np.errstate(all="ignore"):
        assert not np.isfinite(autodiff.grad(root)(0.0))


def test_a_root_that_was_not_found_has_the_derivative_nan():
    def root(a):
        return optimize.root(lambda x: x**2 + a, [1.0]).x[0]

    assert np.isnan(autodiff.grad(root)(1.0))


def test_branches_of_the_function():
    def root(a):
        def f(x):
            return x - a if x < 1.0 else x**2 - 2.0 * a

        return optimize.brentq(f, 0.0, 5.0)

    assert np.isclose(autodiff.grad(root)(3.0), 1.0 / np.sqrt(6.0))
    assert np.isclose(autodiff.grad(root)(0.5), 1.0)


def test_plans_solve_again():
    def loss(a):
        return optimize.brentq(lambda t: t**3 - a, 0.0, 9.0, xtol=1e-14) ** 2

    plan = autodiff.compile(autodiff.value_and_grad(loss))
    for a in (1.5, 2.5, 8.0):
        value, slope = plan(a)
        np.testing.assert_allclose([value, slope], [a ** (2 / 3), 2 / 3 * a ** (-1 / 3)], rtol=1e-9)


def test_results_hold_no_plain_number_that_depends_on_a_tensor():
    def loss(a):
        said = optimize.minimize(lambda x: valley(x, a), np.zeros(3))
        assert not hasattr(said, "jac")
        return said.fun

    a = np.array([0.5, 1.0, -1.0])
    x = so.minimize(lambda x: valley(x, a), np.zeros(3)).x
    np.testing.assert_allclose(
        autodiff.grad(loss)(a), autodiff.grad(lambda a: valley(x, a))(a), 1e-5
    )


def test_constraints_are_refused():
    with pytest.raises(autodiff.Undifferentiable, match="constraints= is not supported"):
        autodiff.grad(
            lambda a: (
                optimize.minimize(
                    lambda x: valley(x, a), np.zeros(3), constraints={"type": "eq", "fun": np.sum}
                ).fun
            )
        )(np.ones(3))


def test_assignments():
    costs = np.array([[1.0, 2.0], [3.0, 0.5]])

    def cheapest(c):
        rows, columns = optimize.linear_sum_assignment(c)
        return np.sum(c[rows, columns] ** 2)

    np.testing.assert_allclose(autodiff.grad(cheapest)(costs), [[2.0, 0.0], [0.0, 1.0]])
    # scipy.optimize.linear_sum_assignment on plain numbers
    assert [list(x) for x in optimize.linear_sum_assignment(costs)] == [[0, 1], [0, 1]]

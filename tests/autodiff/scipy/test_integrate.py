"""Integrals and differential equations on tensors."""

import numpy as np
import pytest
import scipy.integrate

import autodiff
import autodiff.scipy.integrate as integrate

R = np.random.default_rng(3)
Y = R.normal(size=(3, 6))
X = np.array([0.0, 0.5, 0.7, 1.5, 1.6, 2.5])
T = np.linspace(0.0, 2.0, 5)
P = np.array([0.7, 0.3])
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def swing(y, t, p):
    return [y[1], -p[0] * np.sin(y[0]) - p[1] * y[1] + 0.1 * np.cos(t)]


def growth(t, y, a):
    return a * y * (1.0 - y)


CASES = [
    ("scipy.integrate.trapezoid", lambda f, y: f(y), (Y,)),
    ("scipy.integrate.trapezoid", lambda f, y, x: f(y, x), (Y, X)),
    ("scipy.integrate.trapezoid", lambda f, y, d: f(y, dx=d, axis=0), (Y, 0.3)),
    *(
        ("scipy.integrate.simpson", lambda f, y, x, n=n: f(y[:, :n], x=x[:n]), (Y, X))
        for n in (2, 3, 4, 5, 6)
    ),
    ("scipy.integrate.simpson", lambda f, y, d: f(y, dx=d, axis=0), (Y, 0.3)),
    ("scipy.integrate.cumulative_trapezoid", lambda f, y: f(y, initial=0), (Y,)),
    ("scipy.integrate.cumulative_trapezoid", lambda f, y, x: f(y, x), (Y, X)),
    ("scipy.integrate.cumulative_trapezoid", lambda f, y, d: f(y, dx=d, axis=0), (Y, 0.3)),
    (
        "scipy.integrate.quad",
        lambda f, a, b, k: f(lambda x: np.exp(-k * x**2) * x, a, b)[0],
        (0.2, 1.5, 0.8),
    ),
    (
        "scipy.integrate.quad",
        lambda f, k: f(lambda x, k: np.exp(-k[0] * x) * k[1], 0, np.inf, args=(k,))[0],
        (P,),
    ),
    (
        "scipy.integrate.quad",
        lambda f, k: f(lambda x: np.exp(-((x - k) ** 2)), -np.inf, np.inf)[0] * k,
        (0.3,),
    ),
    (
        "scipy.integrate.quad",
        lambda f, k: f(lambda x: np.abs(x - k) * np.cos(x), 0.0, 1.0, points=[0.4])[0],
        (0.4,),
        {"rough", "first"},
    ),
    (
        "scipy.integrate.dblquad",
        lambda f, k: f(lambda y, x: np.exp(-k * x * y), 0.0, 1.0, 0.0, lambda x: x)[0],
        (0.8,),
    ),
    (
        "scipy.integrate.odeint",
        lambda f, y0, p: f(swing, y0, T, args=(p,), **TIGHT),
        ([0.5, -0.2], P),
        {"rough"},
    ),
    (
        "scipy.integrate.odeint",
        lambda f, y0, t, a: f(lambda t, y: growth(t, y, a), y0, t, tfirst=True, **TIGHT),
        (0.2, T, 1.3),
        {"rough"},
    ),
    (
        "scipy.integrate.solve_ivp",
        lambda f, y0, p: f(lambda t, y: swing(y, t, p), (0, 2), y0, t_eval=T, **TIGHT).y,
        ([0.5, -0.2], P),
        {"rough"},
    ),
    *(
        (
            "scipy.integrate.solve_ivp",
            lambda f, a, end, m=m: f(
                growth, (0.0, end), [0.2, 0.3], args=(a,), method=m, rtol=1e-7, atol=1e-8
            ).y[:, -1],
            (1.3, 1.5),
            {"rough", "first"},
        )
        for m in ("RK45", "DOP853", "LSODA", "Radau", "BDF")
    ),
    (
        "scipy.integrate.solve_ivp",
        lambda f, a: f(growth, (0.0, 2.0), [0.2], args=(a,), dense_output=True, **TIGHT).sol(T),
        (1.3,),
        {"rough"},
    ),
]


def test_cases(case, holds):
    holds(case)


def test_derivatives_are_those_of_the_exact_solution():
    # y = y0 exp(-a t); SciPy's default tolerance of odeint is 1.5e-8.
    def end(a, y0):
        return integrate.odeint(lambda y, t: -a * y, y0, np.array([0.0, 1.0, 2.0]))[-1, 0]

    a, y0 = 1.3, 0.7
    value, slope = autodiff.value_and_grad(end, (0, 1))(a, y0)
    exact = np.exp(-2.0 * a)
    np.testing.assert_allclose([value, *slope], [y0 * exact, -2 * y0 * exact, exact], rtol=3e-7)
    second = autodiff.grad(autodiff.grad(end))(a, y0)
    np.testing.assert_allclose(second, 4.0 * y0 * exact, rtol=1e-6)


def test_integrals_of_nothing_that_is_a_tensor_are_those_of_scipy():
    import scipy.integrate as si

    assert integrate.quad(np.cos, 0.0, 1.0) == si.quad(np.cos, 0.0, 1.0)
    plain = integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0])
    np.testing.assert_array_equal(plain.y, si.solve_ivp(lambda t, y: -y, (0, 1), [1.0]).y)


def test_branches_of_the_right_side():
    def end(a):
        def slope(y, t):
            return -a * y if y[0] > 0.5 else -0.5 * a

        return integrate.odeint(slope, [1.0], [0.0, 1.5], rtol=1e-10, atol=1e-10)[-1, 0]

    # exp(-a t) to ln 2 / a, then 0.5 - 0.5 a (t - ln 2 / a).
    np.testing.assert_allclose(autodiff.grad(end)(1.0), -0.75, rtol=1e-5)


def test_plans_integrate_again():
    def loss(a):
        return integrate.quad(lambda x: np.exp(-a * x), 0.0, 1.0)[0]

    plan = autodiff.compile(autodiff.value_and_grad(loss))
    for a in (0.5, 1.0, 2.0):
        value, slope = plan(a)
        np.testing.assert_allclose(value, (1 - np.exp(-a)) / a, rtol=1e-10)
        exact = (np.exp(-a) * (1 + a) - 1) / a**2
        np.testing.assert_allclose(slope, exact, rtol=1e-10)


def test_events_are_refused():
    with pytest.raises(autodiff.Undifferentiable, match="events= is not supported"):
        autodiff.grad(
            lambda a: integrate.solve_ivp(
                lambda t, y: -a * y, (0, 1), [1.0], events=lambda t, y: y[0]
            ).y[0, -1]
        )(1.0)


def test_a_right_side_may_write_into_an_array_that_it_makes():
    class Chain:
        def __init__(self, k):
            self.k = k

        def __call__(self, t, y):
            slope = np.zeros_like(y)
            slope[0] = -self.k * y[0]
            slope[1:] = self.k * (y[:-1] - y[1:])
            return slope

    def last(k):
        found = scipy.integrate.solve_ivp(Chain(k), (0.0, 2.0), np.array([1.0, 0.0]), **TIGHT)
        return found.y[1, -1]

    def stiff(k):
        options = {"method": "Radau", "vectorized": True, **TIGHT}
        return scipy.integrate.solve_ivp(lambda t, y: -k * y, (0.0, 2.0), [1.0], **options).y[0, -1]

    # y₁ = k t exp(-k t) with k t = 1.4.
    assert autodiff.grad(last)(0.7) == pytest.approx(2.0 * np.exp(-1.4) * (1.0 - 1.4), rel=1e-6)
    assert autodiff.grad(autodiff.grad(last))(0.7) == pytest.approx(
        4.0 * np.exp(-1.4) * (1.4 - 2.0), rel=1e-5
    )
    assert autodiff.grad(stiff)(0.7) == pytest.approx(-2.0 * np.exp(-1.4), rel=1e-6)

"""First derivatives where a cotangent of zero meets an infinite slope."""

import numpy as np
import pytest

import autodiff

_NAN = float("nan")
#: Function, point, and its derivative there; NaN where none is known.
_CASES = {
    "root": (lambda x: np.sqrt(x) ** 2, 0.0, 1.0),
    "two roots": (lambda x: np.sqrt(x) * np.sqrt(2 * x), 0.0, np.sqrt(2)),
    "powers": (lambda x: (x**0.25) ** 3 * x**0.25, 0.0, 1.0),
    "power between": (lambda x: (x**0.75) ** 4, 0.0, 0.0),
    "power that stays infinite": (lambda x: (x**0.25) ** 2, 0.0, _NAN),
    "cube root": (lambda x: np.cbrt(x) ** 3 + x, 0.0, 2.0),
    "square of a cube root": (lambda x: np.cbrt(x) ** 2, 0.0, _NAN),
    "even series": (lambda x: np.cos(np.sqrt(x)), 0.0, -0.5),
    "arccos": (lambda x: np.arccos(x) ** 2, 1.0, -2.0),
    "polynomial of Chebyshev": (lambda x: np.cos(5 * np.arccos(x)), 1.0, 25.0),
    "arcsin": (lambda x: (np.arcsin(x) + np.pi / 2) ** 2, -1.0, 2.0),
    "arccosh": (lambda x: np.cosh(np.arccosh(x)), 1.0, 1.0),
    "sine of arcsin": (lambda x: np.sin(np.arcsin(x)), 1.0, 1.0),
    "sine of arcsin, below": (lambda x: np.sin(np.arcsin(x)) * 2, -1.0, 2.0),
    "cosine of arccos": (lambda x: np.cos(np.arccos(x)), -1.0, 1.0),
    "square of sine of arccos": (lambda x: np.sin(np.arccos(x)) ** 2, -1.0, 2.0),
    "sum with arcsin": (lambda x: np.sin(np.arcsin(x)) + np.arcsin(x), 1.0, np.inf),
    "tangent of arcsin": (lambda x: np.tan(np.arcsin(x)), 1.0, np.inf),
    "root of a cosine of arcsin": (lambda x: np.cos(np.arcsin(x)), 1.0, -np.inf),
    "tanh of arctanh": (lambda x: np.tanh(np.arctanh(x)), 1.0, _NAN),
    "operand that turns": (lambda x: np.arcsin(np.sin(x)), np.pi / 2, _NAN),
    "root that turns": (lambda x: np.sqrt(1 + np.cos(x)), np.pi, _NAN),
    "within a kink": (lambda x: np.abs(np.sqrt(x)) ** 2, 0.0, 1.0),
    "of a square": (lambda x: np.sqrt(x**2) ** 2, 0.0, 0.0),
    "chosen": (lambda x: np.where(x >= 0, np.sqrt(x) ** 2, 0), 0.0, 1.0),
    "masked": (lambda x: np.where(x > 0, x * np.log(x), 0), 0.0, 0.0),
    "constant mask": (lambda x: 0.0 * np.sqrt(x) + x, 0.0, 1.0),
    "logarithm": (lambda x: np.exp(2 * np.log(x)), 0.0, _NAN),
    "pole": (lambda x: 1 / (1 / x + 0.5), 0.0, _NAN),
    "flat overflow": (lambda x: 1 / (1 + np.exp(-x)), -800.0, 0.0),
    "overflow": (lambda x: np.log(1 + np.exp(x)), 800.0, _NAN),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.each("name", _CASES)
def test_zero_times_infinity_is_a_limit_or_nan(name):
    f, x, wanted = _CASES[name]
    graph = autodiff.trace(f, x)
    graph.forward(x)
    both = np.array([x, x])
    found = [
        autodiff.grad(f)(x),
        autodiff.jvp(f, (x,), (1.0,))[1],
        graph.backward()["x"],
        *np.diag(autodiff.jacobian(f)(both)),
        *autodiff.vmap(autodiff.grad(f))(both),
        *autodiff.grad(lambda v: np.mean(f(v[::-1])))(np.array([x, 0.3 + x, x]))[::2] * 3,
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    inner = [
        autodiff.value_and_grad(autodiff.grad(f))(x)[0],
        autodiff.value_and_grad(lambda x: autodiff.jvp(f, (x,), (1.0,))[1])(x)[0],
        autodiff.vmap(autodiff.value_and_grad(autodiff.grad(f)))(both)[0][1],
    ]
    # Where 6e-17 times infinity is not the limit there is none within another derivative.
    rounded = "of arc" in name and np.isfinite(wanted)
    np.testing.assert_allclose(inner, _NAN if rounded else wanted, rtol=1e-12)
    second = autodiff.grad(autodiff.grad(f))(x), autodiff.jvp(autodiff.grad(f), (x,), (1.0,))[1]
    # Nothing is known of the derivative of a limit; what is masked or flat has none but 0.
    wanted = {"of a square": 2.0}.get(name, 0.0)
    assert all(np.isnan(y) or y == wanted for y in second)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_plan_leaves_zero_times_infinity_to_the_function():
    for name in ("root", "within a kink", "arccos", "logarithm", "masked", "root that turns"):
        f, x, wanted = _CASES[name]
        plan = autodiff.compile(autodiff.grad(f))
        v_plan = autodiff.compile(autodiff.grad(lambda v, f=f: np.sum(f(v))))
        for _ in range(2):
            assert plan(0.4) == pytest.approx(autodiff.grad(f)(0.4))
            np.testing.assert_allclose(plan(x), wanted)
            assert v_plan(np.full(9, 0.4))[0] == pytest.approx(plan(0.4))
            np.testing.assert_allclose(v_plan(np.full(9, x)), wanted)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_where_there_is_no_value_there_is_no_slope():
    outside = {np.sqrt: -1, np.log: -1, np.log2: -2, np.log10: -0.5, np.log1p: -1.5, np.arcsin: 1.5}
    outside |= {np.arccos: -2, np.arctanh: 3, np.arccosh: 0.5, lambda x: x**0.5: -1}
    for f, end in outside.items():
        x, direction = np.array([0.6, end, 0.6]) + (f is np.arccosh), np.eye(3)[1]
        x[1] = end

        def total(x, f=f):
            return 3.0 - np.sum(f(x))

        found = autodiff.grad(total)(x)
        assert np.isnan(found).tolist() == [False, True, False], f
        assert np.isnan(autodiff.jvp(total, (x,), (direction,))[1])
        assert np.isnan(autodiff.hvp(total)(x, direction)[1])
        plan = autodiff.compile(autodiff.grad(total))
        plan(np.full(3, x[0]))
        np.testing.assert_allclose(plan(x), found)
    assert autodiff.grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0)))(-np.ones(2)).tolist() == [
        0,
        0,
    ]


def test_slopes_at_the_negative_zero_are_those_at_zero():
    for f in (np.sqrt, np.log, np.log2, lambda x: x**0.5, lambda x: np.float_power(x, 0.3)):
        with np.errstate(divide="ignore"):
            found = autodiff.grad(lambda x, f=f: np.sum(f(x)))(np.array([0.0, -0.0]))
        assert np.isposinf(found).all()


def test_limits_that_depend_on_the_way_are_none():
    assert np.isnan(autodiff.grad(lambda x: np.prod(np.sqrt(x)))(np.zeros(2))).all()
    # The others of a vector are not touched by it.
    found = autodiff.grad(lambda x: np.sqrt(x[0] * x[1]) ** 2 + x[2])(np.array([0.0, 3.0, 1.0]))
    np.testing.assert_allclose(found, [3.0, 0.0, 1.0])


def test_large_arrays_are_looked_at_before_memory_is_given_up():
    x = np.zeros(20_000)
    np.testing.assert_allclose(autodiff.grad(lambda x: np.sum(np.sqrt(x) ** 2))(x), 1.0)

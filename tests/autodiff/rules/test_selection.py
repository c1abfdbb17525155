"""Selecting among values: where, select, piecewise, clip, and numbers for what is none."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad

MASK = np.array([[True, False, True], [False, True, True]])
A = (2, 3)
NAN, INF = np.nan, np.inf

CALLS = {
    np.where: [
        (lambda x: np.where(x, x, 2.0), [A]),
        (lambda x: np.where(MASK, [1.0, 2.0, 3.0], x), [A]),
        (lambda x: np.where(MASK, [x[0, 0], 2.0, 3.0], x), [A]),
        (lambda x: np.where(x > 0, np.sqrt(np.abs(x)), 0), [A]),
        (lambda x: x[np.where(x > 0)], [A]),
        (lambda x: x[np.where(x)[0]], [A]),
    ],
    np.select: [
        (lambda x: np.select([x > 1, x > 0, x < -1], [x**2, 3 * x, 1.0]), [(9,)]),
        (lambda x: np.select([x > 0], [x], default=np.sum(x)), [A]),
        (lambda x: np.select([MASK, ~MASK], [x, 2 * x], -1.0), [A]),
        (lambda x, y: np.select((MASK, MASK[0], True), [1, y, x]), [A, (3,)]),
        (lambda x: np.select(MASK, x), [A]),
        (lambda x: np.select([MASK[0], MASK[1]], x, default=x[0, 0]), [A]),
        (lambda x: np.select([x > 0, x > -1], [1, 2.0]) * x, [A]),
    ],
    np.piecewise: [
        (lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda x: x**2, np.sqrt]), [(9,)]),
        (lambda x: np.piecewise(x, [x < 0], [lambda x: x**2, np.exp]), [A]),
        (lambda x: np.piecewise(x, x < 0, [-1.0, lambda x: x / np.sum(x)]), [(6,)]),
        (lambda x: np.piecewise(x, [x > -1, x > 0], [2.0, lambda x: 3 * x]), [A]),
        (lambda x: np.piecewise(x, [x > 0], [x[0], 0.0]), [(3,)]),
        (lambda x: np.piecewise(x, [x > 0], [lambda x, a, b: a * x + b, 1.0], 2.0, 3.0), [A]),
        (lambda x: np.piecewise(x, [True], [np.exp]), [()]),
        (lambda x: np.piecewise(x, [x > 9.0, x < -9.0], [np.exp, np.log]) + x, [()]),
        (lambda x: np.piecewise(x, [[True, False]], [np.exp, np.sin]), [A]),
        (lambda x: np.piecewise(x, [MASK[0]], [lambda x: x * np.arange(2.0), 0]), [(3,)]),
    ],
    np.clip: [
        (lambda x: np.clip(x, -0.5, None), [A]),
        (lambda x, y: np.clip(0.1, x, y), [(3,), (3,)]),
        (lambda x, y: np.clip(x, max=y), [A, ()]),
        (lambda x: np.clip(x, min=None, max=None), [A]),
        (lambda x: np.clip(x, a_min=[-0.1, 0.0, 0.1], a_max=1), [A]),
    ],
    np.nan_to_num: [
        (lambda x: np.nan_to_num(x), [A]),
        (lambda x: np.nan_to_num(np.where(MASK, x, NAN), nan=7.0), [A]),
        (lambda x: np.nan_to_num(np.where(MASK, x, INF), posinf=np.sum(x)), [A]),
        (lambda x: np.nan_to_num(np.where(MASK, x, -INF), False, neginf=1.0), [A]),
        (lambda x: np.nan_to_num(x), [()]),
    ],
    np.real_if_close: [(lambda x: np.real_if_close(x, tol=10), [A])],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_nan_to_num_has_no_slope_where_it_replaces():
    x = np.array([NAN, 1.0, INF, -INF])
    value, x_bar = value_and_grad(
        lambda x: np.sum(np.nan_to_num(x) * np.array([1.0, 2.0, 0.0, 0.0]))
    )(x)
    assert value == 2.0
    np.testing.assert_array_equal(x_bar, [0, 2, 0, 0])
    assert grad(lambda a: np.sum(np.nan_to_num(np.where([True, False], NAN, a), nan=a)))(1.0) == 2.0
    small = x.astype(np.float32)
    value, x_bar = value_and_grad(lambda x: np.max(np.nan_to_num(x)))(small)
    assert (value, value.dtype, x_bar.dtype) == (np.finfo("f4").max, np.float32, np.float32)


def test_piecewise_calls_a_function_only_where_its_condition_holds():
    seen = []

    def root(x):
        seen.append(x.shape)
        return np.sqrt(x)

    x = np.array([-4.0, 4.0, 9.0])
    value, x_bar = value_and_grad(lambda x: np.sum(np.piecewise(x, [x > 0], [root, lambda x: x])))(
        x
    )
    assert (value, seen) == (1.0, [(2,)])
    np.testing.assert_allclose(x_bar, [1, 1 / 4, 1 / 6])
    seen.clear()
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(np.piecewise(x, [x > 99], [root, 0.0])))(x), np.zeros(3)
    )
    assert not seen


def test_select_keeps_the_type_of_its_choices(rng):
    x = rng.normal(size=3).astype(np.float32)
    f = lambda x: np.select([x > 0, x < -1], [1, x], 0)  # noqa: E731
    value, x_bar = value_and_grad(lambda x: np.sum(f(x)))(x)
    assert (f(x).dtype, value.dtype, x_bar.dtype) == (np.float32,) * 3


def test_positions_from_where_are_guarded(rng):
    x = np.array([1.0, -1.0, 2.0])
    graph = trace(lambda x: np.sum(x[np.where(x > 0)] ** 2), x)
    assert graph.forward(x[::-1] * 2) == 20.0
    with pytest.raises(autodiff.BranchChanged, match="shape of 'nonzero'"):
        graph.forward(np.abs(x))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.where(x, x), ValueError, "both or none|either both"),
        (lambda x: np.select([MASK], [x, x]), ValueError, "1 conditions and 2 choices"),
        (
            lambda x: np.select([], [x][:0]) + np.select([x > 0][:0], x[:0]),
            ValueError,
            "no cond|emp",
        ),
        (lambda x: np.select([np.ones(A)], [x]), TypeError, "condition 0 is of dtype float64"),
        (lambda x: np.piecewise(x, [x > 0], [1.0, 2.0, 3.0]), ValueError, "3 functions arrived"),
        (lambda x: np.clip(x, 0.0), TypeError, "both are needed"),
        (lambda x: np.clip(x, 0.0, 1.0, max=2.0), ValueError, "give one pair"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=A))

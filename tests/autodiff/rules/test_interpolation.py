"""Interpolation, differences, slopes, and numbers in steps."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad

A, C = (2, 3), (4, 3, 5)
KNOTS = np.array([-1.0, -0.25, 0.5, 2.0])

CALLS = {
    np.interp: [
        (lambda x: np.interp(x, KNOTS, KNOTS**2), [A]),
        (lambda y: np.interp(np.linspace(-3, 3, 7), KNOTS, y), [(4,)]),
        (lambda x, xp, fp: np.interp(x, np.sort(xp), fp), [(9,), (5,), (5,)]),
        (lambda x, xp: np.interp(x, np.cumsum(np.exp(xp)), [1.0, 2.0, 4.0]), [(), (3,)]),
        (lambda x, y: np.interp(x, KNOTS, y, left=-1.0, right=7), [(9,), (4,)]),
        (lambda x, v: np.interp(4 * x, KNOTS, KNOTS, v, right=2 * v), [(9,), ()]),
        (lambda x, y: np.interp(x, KNOTS, y, period=3.5), [(9,), (4,)]),
        (
            lambda x, xp, p: np.interp(9 * x, xp, [1.0, 2.0, 4.0], period=2.0 + p**2),
            [(9,), (3,), ()],
        ),
        (lambda x: np.interp(x, KNOTS[::-1], KNOTS, period=-2.5), [(9,)]),
        (lambda x, y: np.interp(x, [0.0], y), [(9,), (1,)]),
        (lambda x, y: np.interp(x, KNOTS, y), [(0,), (4,)]),
        (lambda x: np.interp(x, range(3), [1, 5, 2]), [A]),
    ],
    np.unwrap: [
        (lambda x: np.unwrap(9 * x), [(9,)]),
        (lambda x: np.unwrap(9 * x, axis=0), [C]),
        (lambda x: np.unwrap(9 * x, 4.0), [C]),
        (lambda x: np.unwrap(9 * x, discont=0.5, period=2.5), [(9,)]),
        (lambda x, p: np.unwrap(9 * x, period=1.0 + p**2), [(9,), ()]),
        (lambda x: np.unwrap(x), [(1,)]),
        (lambda x: np.unwrap(x), [(0,)]),
    ],
    np.linspace: [
        (lambda x: np.linspace(x, 1.0, 5), [()]),
        (lambda x, y: np.linspace(x, y), [A, (3,)]),
        (lambda x: np.linspace(0, x, 4, endpoint=False), [(3,)]),
        (lambda x, y: np.linspace(x, y, num=3, axis=-1), [A, A]),
        (lambda x, y: np.linspace(x, y, 3, axis=1, dtype=float), [A, ()]),
        (lambda x: np.linspace(x, [1.0, 2.0, 3.0], np.int64(4), device="cpu"), [(3,)]),
        (lambda x, y: np.linspace(x, y, 5, retstep=True)[1], [(), ()]),
        (lambda x, y: np.linspace(x, y, 5, False, True)[0], [(), ()]),
        (lambda x: np.linspace(x, 2.0, 1), [A]),
        (lambda x: np.linspace(x, 2.0, 0) + np.sum(x), [(3,)]),
        (lambda x: np.linspace(x, x, 3), [A]),
    ],
    np.logspace: [
        (lambda x, y: np.logspace(x, y, 4), [(), ()]),
        (lambda x: np.logspace(x, 1.0, 3, endpoint=False, base=2), [A]),
        (lambda x, b: np.logspace(x, 1, num=3, base=1.0 + b**2), [(), ()]),
        (lambda x, b: np.logspace(x, 1, 3, base=1.0 + b**2, axis=1), [(3,), (3,)]),
        (lambda b: np.logspace(0.0, 2.0, 3, base=1.0 + b**2), [(2,)]),
        (lambda x: np.logspace(x, 0.5, 3, dtype=float, axis=-1), [A]),
    ],
    np.geomspace: [
        (lambda x, y: np.geomspace(1 + x**2, 1 + y**2, 4), [(), ()]),
        (lambda x: np.geomspace(-1 - x**2, -3.0, 3, endpoint=False), [A]),
        (lambda x: np.geomspace(1.0, 2.0 + x**2, num=3, axis=-1, dtype=float), [A]),
        (lambda x: np.geomspace(x**2 + 1, 3.0, 1), [()]),
    ],
    np.diff: [
        (lambda x: np.diff(x, 0) * 2, [A]),
        (lambda x: np.diff(x, n=2, axis=1), [C]),
        (lambda x: np.diff(x, 5, axis=0) + np.sum(x), [(3, 2)]),
        (lambda x: np.diff(x, prepend=0, append=[[1.0], [2.0]]), [A]),
        (lambda x, y: np.diff(x, axis=0, prepend=y, append=2 * y), [A, ()]),
        (lambda x, y: np.diff(x, 2, prepend=y), [A, (2, 2)]),
        (lambda y: np.diff([1.0, 4.0, 9.0], append=y), [()]),
        (lambda x: np.diff(x), [(2, 0)]),
    ],
    np.ediff1d: [
        (lambda x: np.ediff1d(x), [A]),
        (lambda x, y: np.ediff1d(x, to_end=y), [A, (2,)]),
        (lambda x, y: np.ediff1d(x, y, 2 * y), [A, ()]),
        (lambda x: np.ediff1d(x, to_begin=[1, 2]) * x[0], [(1,)]),
        (lambda x: np.ediff1d(x, 3), [(0,)]),
    ],
    np.gradient: [
        (lambda x: np.gradient(x), [(5,)]),
        (lambda x: np.gradient(x, 2.0, edge_order=2), [(5,)]),
        (lambda x: np.multiply(*np.gradient(x[:, 0], 0.5)), [C]),
        (lambda x: np.gradient(x, axis=1), [C]),
        (lambda x: np.gradient(x, 2, axis=(0, -1))[1], [C]),
        (lambda x: np.gradient(x, 0.5, np.array([0.0, 1.0, 3.0]), np.arange(5.0) ** 2)[1], [C]),
        (lambda x: np.gradient(x, [0.0, 1.0, 3.0, 4.0], axis=0, edge_order=2), [C]),
        (lambda x: np.gradient(x, [0.0, 2.0, 4.0, 6.0], axis=0), [C]),
        (lambda x, y: np.gradient(x, np.cumsum(np.exp(y)), edge_order=2), [(5,), (5,)]),
        (lambda x, y: np.gradient(x, np.cumsum(np.exp(y)), edge_order=1), [(5,), (5,)]),
        (lambda x, h: np.gradient(x, 1.0 + h**2, edge_order=2), [(5,), ()]),
        (lambda y: np.gradient(np.array([1, 4, 9]), np.cumsum(np.exp(y))), [(3,)]),
        (lambda x: np.gradient(x, [0.0, 1.5]), [(2,)]),
        (lambda x: np.gradient(x, [0.0, 1.5, 2.0], edge_order=2), [(3,)]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_interp_at_and_beyond_its_knots():
    fp = KNOTS**2
    slopes = np.diff(fp) / np.diff(KNOTS)
    for x, expected in [
        (-9.0, 0.0),
        (KNOTS[0], slopes[0]),
        (KNOTS[1], slopes[1]),
        (KNOTS[3], slopes[2]),
        (9.0, 0.0),
    ]:
        assert grad(lambda x: np.interp(x, KNOTS, fp))(x) == expected
        assert autodiff.value_and_grad(lambda x: np.interp(x, KNOTS, fp))(x)[0] == np.interp(
            x, KNOTS, fp
        )
    ends = grad(lambda fp: np.sum(np.interp(np.array([-9.0, 9.0, 9.0]), KNOTS, fp)))(fp)
    assert ends.tolist() == [1, 0, 0, 2]
    assert np.isnan(value_and_grad(lambda x: np.interp(x, KNOTS, fp))(np.nan)[0])
    # A jump is two equal knots; NumPy's value at the last of them is the last one.
    jump = grad(lambda fp: np.interp(1.0, np.array([0.0, 1.0, 1.0]), fp))(np.array([0.0, 1.0, 5.0]))
    assert jump.sum() == 1


def test_second_derivative_of_interp_by_its_knots(rng, slope):
    x, xp, fp = rng.uniform(-1, 2, 20), KNOTS, rng.normal(size=4)

    def f(xp, fp):
        return np.sum(np.interp(x, xp, fp) ** 2)

    def projected(xp, fp):
        xp_bar, fp_bar = grad(f, (0, 1))(xp, fp)
        return np.sum(xp_bar * fp) + np.sum(fp_bar * xp)

    found = grad(projected, (0, 1))(xp, fp)
    directions, expected = slope(projected, (xp, fp))
    along = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    np.testing.assert_allclose(along, expected, rtol=1e-6)


def test_unwrapping_adds_constants(rng):
    p = np.cumsum(rng.uniform(-2, 5, 50)) % (2 * np.pi)
    value, p_bar = value_and_grad(lambda p: np.sum(np.unwrap(p) * np.arange(50.0)))(p)
    np.testing.assert_allclose(value, np.sum(np.unwrap(p) * np.arange(50.0)))
    np.testing.assert_allclose(p_bar, np.arange(50.0), atol=1e-10)
    half = np.array([0.0, np.pi, 0.0])
    assert value_and_grad(lambda p: np.sum(np.unwrap(p)))(half)[0] == np.sum(np.unwrap(half))


def test_equal_ends_are_no_branch():
    graph = trace(lambda x, y: np.linspace(x, y, 3), 1.0, 1.0)
    assert graph.forward(1.0, 2.0).tolist() == [1.0, 1.5, 2.0]


def test_float32_is_kept(rng):
    x = rng.normal(size=5).astype(np.float32)
    for f in (
        lambda x: np.linspace(x, 0.0, 3),
        lambda x: np.diff(x, 2),
        lambda x: np.gradient(x, 0.5),
        lambda x: np.unwrap(9 * x),
        lambda x: np.ediff1d(x, to_end=2.0),
        lambda x: np.logspace(x, 0.0, 3),
    ):
        value, x_bar = value_and_grad(lambda x, f=f: np.sum(f(x)))(x)
        assert (f(x).dtype, value.dtype, x_bar.dtype) == (np.float32,) * 3
    # np.interp computes in double precision.
    value, x_bar = value_and_grad(lambda x: np.sum(np.interp(x, KNOTS, KNOTS)))(x)
    assert (value.dtype, x_bar.dtype) == (np.float64, np.float32)


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: np.interp(x, KNOTS, [1.0]), ValueError, r"fp of shape \(1,\)"),
        (lambda x: np.interp(x, [], []), ValueError, "not empty"),
        (lambda x: np.interp(x, KNOTS, KNOTS, period=0), ValueError, "the period is 0"),
        (lambda x: np.linspace(x, 1.0, -1), ValueError, "not less than 0"),
        (lambda x: np.linspace(x, 1.0, 5, dtype=int), autodiff.Undifferentiable, "np.floor"),
        (lambda x: np.geomspace(0 * x, 1.0, 5), ValueError, "cannot include zero"),
        (lambda x: np.diff(x, -1), ValueError, "n=-1"),
        (lambda x: np.diff(x[0, 0]), ValueError, "out of bounds"),
        (lambda x: np.ediff1d(x, 1j), TypeError, "to_end of dtype complex128"),
        (lambda x: np.gradient(x[0], edge_order=3), ValueError, "edge_order=3"),
        (lambda x: np.gradient(x[:, :1], axis=1), ValueError, "needs 2 points"),
        (lambda x: np.gradient(x, axis=0, edge_order=2), ValueError, "needs 3 points"),
        (lambda x: np.gradient(x[0], [0.0, 1.0]), ValueError, r"coordinates of shape \(2,\)"),
        (lambda x: np.gradient(x[0], 1.0, 1.0), TypeError, "2 spacings and 1 axes"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=A))

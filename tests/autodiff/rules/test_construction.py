"""Arrays like a tensor, grids, functions applied along axes, and polynomials."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad

A, C = (2, 3), (2, 3, 4)


def total(arrays):
    """Return the sum of arrays times numbers of their own."""
    return sum(np.sum(a) * (i + 0.5) for i, a in enumerate(arrays))


CALLS = {
    np.zeros_like: [
        (lambda x: x + np.zeros_like(x, shape=(4, 1, 1), order="F", subok=False), [A]),
        (lambda x: x + np.zeros_like(x, np.float32, "C", True, 3, device="cpu"), [(3,)]),
    ],
    np.ones_like: [(lambda x: x * np.ones_like(x, int, shape=3), [A])],
    np.empty_like: [
        (lambda x: x * np.empty_like(x).size, [A]),
        (lambda x: x * np.empty_like(x, dtype=int, shape=(0, 3)).size, [A]),
    ],
    np.full_like: [
        (lambda x: x * np.full_like(x, 2.0), [A]),
        (lambda x, y: x * np.full_like(x, y), [A, ()]),
        (lambda x, y: np.sum(x) * np.full_like(x, y, shape=(3, 2)), [A, (2,)]),
        (lambda x: np.full_like(x, [x[0, 0], 1.0, 2.0]) * x, [A]),
        (lambda x: x * np.full_like(x, 2.7, dtype=int, order="C", subok=True, device=None), [A]),
    ],
    np.meshgrid: [
        (lambda x, y: total(np.meshgrid(x, y)), [(2,), (3,)]),
        (lambda x, y: total(np.meshgrid(x, [1.0, 2.0], y, indexing="ij")), [(2,), (3,)]),
        (lambda x, y: total(np.meshgrid(x, y, sparse=True, copy=False)), [(2,), A]),
        (lambda x, y: np.multiply(*np.meshgrid(x, y, sparse=True)), [(2,), (3,)]),
        (lambda x: np.meshgrid(x)[0], [(3,)]),
        (lambda x: np.meshgrid(x, 2.0, [0.0])[0] * 3, [()]),
    ],
    np.vander: [
        (lambda x: np.vander(x), [(3,)]),
        (lambda x: np.vander(x, 5, increasing=True), [(3,)]),
        (lambda x: np.vander(0.0 * x, 3) + x, [(3,)]),
        (lambda x: np.vander(x, 0) + np.sum(x), [(3,)]),
    ],
    np.apply_along_axis: [
        (lambda x: np.apply_along_axis(np.sum, 1, x), [A]),
        (lambda x: np.apply_along_axis(np.cumsum, 0, x), [C]),
        (lambda x: np.apply_along_axis(np.sort, -1, x), [C]),
        (lambda x: np.apply_along_axis(np.diag, 1, x), [C]),
        (lambda x: np.apply_along_axis(lambda v, a: a * v[0], 1, x, 2.5), [C]),
        (lambda x: np.apply_along_axis(np.max, 0, x), [(3,)]),
    ],
    np.apply_over_axes: [
        (lambda x: np.apply_over_axes(np.sum, x, [0, -1]), [C]),
        (lambda x: np.apply_over_axes(np.cumsum, x, 1), [A]),
    ],
    np.polyval: [
        (lambda p: np.polyval(p, 2.0), [(4,)]),
        (lambda p, x: np.polyval(p, x), [(4,), A]),
        (lambda x: np.polyval([1, 2, 3], x), [A]),
        (lambda p: np.polyval(p, np.array([1, 2])), [(3,)]),
        (lambda p: np.polyval([p[0], 1.0], p), [(2,)]),
        (lambda p, x: np.polyval(p, x), [(1,), ()]),
    ],
    np.polyadd: [
        (lambda p, q: np.polyadd(p, q), [(4,), (2,)]),
        (lambda p: np.polyadd(1.0, p), [(3,)]),
        (lambda p, q: np.polyadd(p, q), [(2,), (2,)]),
    ],
    np.polysub: [(lambda p, q: np.polysub(p, q), [(2,), (4,)])],
    np.polymul: [
        (lambda p, q: np.polymul(p, q), [(4,), (2,)]),
        (lambda p, q: np.polymul(p, q), [(1,), (3,)]),
        (lambda p: np.polymul(p, p), [(3,)]),
        (lambda p: np.polymul([0, 0, 1.0, 2.0], p), [(3,)]),
        (lambda p: np.polymul(p, 2.0), [(3,)]),
    ],
    np.polydiv: [
        (lambda p, q: np.polydiv(p, q)[0], [(5,), (3,)]),
        (lambda p, q: np.polydiv(p, q)[1], [(5,), (3,)]),
        (lambda p, q: np.polydiv(p, q)[1] + np.polydiv(p, q)[0], [(2,), (4,)]),
        (lambda p: np.polydiv([1.0, 2.0, 3.0], p)[0], [(2,)]),
        (lambda p: np.polydiv(p, [2.0])[0], [(3,)]),
    ],
    np.polyder: [
        (lambda p: np.polyder(p), [(4,)]),
        (lambda p: np.polyder(p, 2), [(4,)]),
        (lambda p: np.polyder(p, m=0) * 2, [(4,)]),
    ],
    np.polyint: [
        (lambda p: np.polyint(p), [(3,)]),
        (lambda p, k: np.polyint(p, 2, k), [(3,), (2,)]),
        (lambda p, k: np.polyint(p, m=3, k=k), [(3,), ()]),
        (lambda p: np.polyint(p, 2, [1, p[0]]), [(3,)]),
        (lambda p: np.polyint(p, 0) * 2, [(3,)]),
    ],
    np.poly: [
        (lambda r: np.poly(r), [(4,)]),
        (lambda r: np.poly([r[0], 2.0, r[1] * r[0]]), [(2,)]),
        (lambda r: np.poly(r) + np.sum(r), [(0,)]),
    ],
    np.polyfit: [
        (lambda y: np.polyfit(np.arange(6.0), y, 2), [(6,)]),
        (lambda y: np.polyfit([0, 1, 3, 4], y, 1, w=[1, 2, 2, 1]), [(4,)]),
        (lambda y: np.polyfit(np.arange(5), y, deg=3, rcond=1e-9), [(5, 2)]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    if numpy_call in [call for call, _ in CALLS[np.polyfit]]:
        f = numpy_call
        # A fit is conditioned worse than what `agrees` allows for in the last bits.
        y = rng.normal(size=shapes[0])
        value, y_bar = value_and_grad(lambda y: np.sum(f(y) ** 2))(y)
        np.testing.assert_allclose(value, np.sum(f(y) ** 2), rtol=1e-11)
        step = 1e-5 * rng.normal(size=y.shape)
        moved = (np.sum(f(y + step) ** 2) - np.sum(f(y - step) ** 2)) / 2
        np.testing.assert_allclose(np.sum(y_bar * step), moved, rtol=1e-6)
        return
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_constants_are_plain_and_can_be_written_into(rng):
    x = rng.normal(size=A)

    def f(x):
        table = np.zeros_like(x)
        table[0] = 2.0
        ones = np.full_like(x, 1.0)
        ones[1] = 5.0
        return np.sum(x * table * ones)

    np.testing.assert_array_equal(grad(f)(x), [[2, 2, 2], [0, 0, 0]])
    assert np.empty_like(x).flags.writeable
    seen = []
    grad(lambda x: np.sum(seen.append(np.zeros_like(x, order="F")) or x))(x)
    assert seen[0].flags.f_contiguous


def test_full_like_casts_a_tensor_as_numpy_does(rng):
    x = rng.normal(size=3).astype(np.float32)
    value, y_bar = value_and_grad(lambda y: np.sum(np.full_like(y * x, y[0])))(np.ones(1))
    assert (value, y_bar.tolist()) == (3.0, [3.0])
    with pytest.raises(autodiff.LostDerivative, match="lose its derivative"):
        grad(lambda y: np.sum(np.full_like(y, y, dtype=int)))(1.0)


def test_vander_at_zero():
    jacobian = [grad(lambda x, i=i: np.vander(x, 3)[0, i])(np.zeros(1))[0] for i in range(3)]
    assert jacobian == [0, 1, 0]


def test_leading_zeros_are_no_part_of_a_product():
    value, p_bar = value_and_grad(lambda p: np.sum(np.polymul(p, [1.0, 2.0])))(np.array([0.0, 3.0]))
    assert (value, p_bar.tolist()) == (9.0, [0.0, 3.0])
    graph = trace(lambda p: np.polymul(p, p), np.array([1.0, 2.0]))
    with pytest.raises(autodiff.BranchChanged):
        graph.forward(np.array([0.0, 2.0]))


def test_float32_is_kept(rng):
    x = rng.normal(size=3).astype(np.float32)
    for f in (
        lambda x: np.full_like(x, 2.0) * x,
        lambda x: np.meshgrid(x, x)[0],
        lambda x: np.apply_along_axis(np.sum, 0, x),
        lambda x: np.polyval(x, np.float32(2.0)),
        lambda x: np.polyadd(x, x[:1]),
        np.poly,
    ):
        value, x_bar = value_and_grad(lambda x, f=f: np.sum(f(x)))(x)
        assert (f(x).dtype, value.dtype, x_bar.dtype) == (np.float32,) * 3


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: np.meshgrid(x, x, indexing="no")[0], ValueError, "'xy' or 'ij'"),
        (lambda x: np.vander(x), ValueError, "a vector is needed"),
        (lambda x: np.apply_along_axis(np.sum, 1, x[:0]), ValueError, "no vectors to take"),
        (lambda x: np.apply_over_axes(lambda a, i: a[0, 0], x, 0), ValueError, "drop one axis"),
        (lambda x: np.roots(x[0]), autodiff.Undifferentiable, "companion matrix"),
        (lambda x: np.polyval(x, 1.0), ValueError, "a vector is needed"),
        (lambda x: np.polyval(x[0], np.poly1d([1.0, 2.0])), TypeError, "use np.polymul"),
        (lambda x: np.polyadd(x[0], np.poly1d([1.0])), TypeError, "p.coeffs"),
        (lambda x: np.polyder(x[0], -1), ValueError, "use np.polyint"),
        (lambda x: np.polyint(x[0], -1), ValueError, "use np.polyder"),
        (lambda x: np.polyint(x[0], 3, [1.0, 2.0]), ValueError, "3 are needed"),
        (lambda x: np.poly(x), ValueError, "a square matrix is needed"),
        (lambda x: np.polyfit(x[0], np.ones(3), 1), autodiff.Undifferentiable, "lstsq"),
        (lambda x: np.polyfit(range(3), x[0], 1, w=x[0]), autodiff.Undifferentiable, "lstsq"),
        (lambda x: np.polyfit(range(3), x[0], 1, cov=True)[0], autodiff.Undifferentiable, "cov="),
        (lambda x: np.polyfit(range(3), x[0], -1), ValueError, "deg"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=A))

"""Special points of functions that people write: ties, zeros, guards, and far out.

Each with the gradient there; at kinks and ties it is that of the convention.
"""

import numpy as np
import pytest
import scipy.linalg as sl
import scipy.special as sp

from symdiff import STRATEGIES, Untraceable, gradient

A = np.array

POINTS = {
    "sort ties": (
        lambda x: np.sum(np.sort(x) * A([1.0, 2, 3, 4])),
        A([1.0, 1, 0, 1]),
        A([3.0, 3, 1, 3]),
    ),
    "median tie": (lambda x: np.median(x), A([1.0, 1, 1]), A([1 / 3] * 3)),
    "median even tie": (lambda x: np.median(x), A([1.0, 1, 0, 2]), A([0.5, 0.5, 0, 0])),
    "quantile": (lambda x: np.quantile(x, 0.25), A([1.0, 2, 3, 4, 5]), A([0, 1.0, 0, 0, 0])),
    "prod zero": (lambda x: np.prod(x), A([0.0, 2, 3]), A([6.0, 0, 0])),
    "prod two zeros": (lambda x: np.prod(x), A([0.0, 0, 3]), A([0.0, 0, 0])),
    "cumprod zero": (lambda x: np.sum(np.cumprod(x)), A([2.0, 0, 3]), A([1.0, 8, 0])),
    "hypot 0": (lambda x: np.hypot(x[0], x[1]), A([0.0, 0]), A([0.0, 0])),
    "sinc": (lambda x: np.sum(np.sinc(x)), A([0.0, 1, 0.5]), A([0.0, -1.0, -4 / np.pi])),
    "norm1 0": (lambda x: np.linalg.norm(x, 1), A([0.0, 1, -2]), A([0.0, 1, -1])),
    "norminf tie": (lambda x: np.linalg.norm(x, np.inf), A([2.0, -2, 1]), A([0.5, -0.5, 0])),
    "heaviside": (lambda x: np.sum(x * np.heaviside(x, 0.5)), A([0.0, 1, -1]), A([0.5, 1, 0])),
    "det singular": (
        lambda x: np.linalg.det(x.reshape(2, 2)),
        A([1.0, 2, 2, 4]),
        A([4.0, -2, -2, 1]),
    ),
    "det 0": (
        lambda x: np.linalg.det(np.reshape(x, (2, 2)) + np.eye(2)),
        A([-1.0, 0, 0, -1]),
        A([0.0, 0, 0, 0]),
    ),
    "log_ndtr": (
        lambda x: np.sum(sp.log_ndtr(x)),
        A([-1000.0, 1000, 0]),
        A([1000.000999998, 0, 0.7978845608028654]),
    ),
    "ndtr": (lambda x: np.sum(sp.ndtr(x)), A([-1000.0, 1000, 0]), A([0, 0, 0.3989422804014327])),
    "softmax": (lambda x: sp.softmax(x)[0], A([1000.0, 0, -1000]), A([0.0, 0, 0])),
    "logsumexp": (lambda x: sp.logsumexp(x), A([1000.0, 1000, -1000]), A([0.5, 0.5, 0])),
    "logaddexp.reduce": (
        lambda x: np.logaddexp.reduce(x),
        A([1000.0, 1000, -1000]),
        A([0.5, 0.5, 0]),
    ),
    "expit": (lambda x: np.sum(sp.expit(x)), A([-1000.0, 1000, 0]), A([0, 0, 0.25])),
    "log_expit": (lambda x: np.sum(sp.log_expit(x)), A([-1000.0, 1000, 0]), A([1, 0, 0.5])),
    "select guard": (
        lambda x: np.sum(np.select([x > 0], [np.sqrt(x)], 0.0)),
        A([0.0, 4, -1]),
        A([0, 0.25, 0]),
    ),
    "select log": (
        lambda x: np.sum(np.select([x > 0, x == 0], [x * np.log(x), 0.0], -x)),
        A([0.0, 1, -1]),
        A([0, 1, -1]),
    ),
    "piecewise guard": (
        lambda x: np.sum(np.piecewise(x, [x > 0], [np.sqrt, 0.0])),
        A([0.0, 4, -1]),
        A([0, 0.25, 0]),
    ),
    "piecewise last": (
        lambda x: np.sum(np.piecewise(x, [x > 0, x > 1], [lambda t: t, lambda t: t**2])),
        A([0.5, 3, -1]),
        A([1, 6, 0]),
    ),
    "clip": (lambda x: np.sum(np.clip(x, 0, 1)), A([0.0, 1, 0.5]), A([0.5, 0.5, 1])),
    "max tie axis": (lambda x: np.sum(np.max(np.stack([x, x]), axis=0)), A([1.0, 2]), A([1.0, 1])),
    "interp": (
        lambda x: np.sum(np.interp(x, [0, 1, 2], [0, 10, 0.0])),
        A([0.5, 1.5, 3]),
        A([10, -10, 0]),
    ),
    "convolve zeros": (
        lambda x: np.sum(np.convolve(x, [1.0, 2.0]) ** 2),
        A([0.0, 0, 0]),
        A([0.0, 0, 0]),
    ),
    "arctan2": (lambda x: np.arctan2(x[0], x[1]), A([0.0, -1]), A([-1.0, 0])),
    "nuclear 0": (
        lambda x: np.linalg.norm(x.reshape(2, 2), "nuc"),
        A([0.0, 0, 0, 0]),
        A([0.0, 0, 0, 0]),
    ),
    "spectral": (
        lambda x: np.linalg.norm(x.reshape(2, 2), 2),
        A([3.0, 0, 0, 1]),
        A([1.0, 0, 0, 0]),
    ),
    "eig tie sum": (
        lambda x: np.sum(np.linalg.eigvalsh(x.reshape(2, 2)) ** 2),
        A([1.0, 0, 0, 1]),
        A([2.0, 0, 0, 2]),
    ),
    "mod": (lambda x: np.sum(x % 2), A([3.0, -1, 5.5]), A([1, 1, 1])),
    "floor": (lambda x: np.sum(np.floor(x) * x), A([1.5, -1.5]), A([1, -2.0])),
    "gradient": (lambda x: np.sum(np.gradient(x) ** 2), A([0.0, 0, 0]), A([0.0, 0, 0])),
    "cross parallel": (lambda x: np.sum(np.cross(x, 2 * x) ** 2), A([1.0, 2, 3]), A([0.0, 0, 0])),
    "cov const": (lambda x: np.cov(x), A([1.0, 1, 1]), A([0.0, 0, 0])),
    "std ddof": (lambda x: np.std(x, ddof=1), A([1.0, 1, 1]), A([0.0, 0, 0])),
    "j0": (lambda x: np.sum(sp.j0(x)), A([0.0, 1]), A([0, -sp.j1(1)])),
    "i0": (lambda x: np.sum(sp.i0(x) + sp.i0e(x)), A([0.0]), A([0.0])),
    "gammaln": (lambda x: np.sum(sp.gammaln(x)), A([1.0, 100]), A([sp.psi(1), sp.psi(100)])),
    "erfcx": (
        lambda x: np.sum(sp.erfcx(x)),
        A([0.0, 30]),
        A([-2 / np.sqrt(np.pi), 2 * 30 * sp.erfcx(30) - 2 / np.sqrt(np.pi)]),
    ),
    "pinv": (lambda x: np.linalg.pinv(x.reshape(2, 1))[0, 0], A([2.0, 0]), A([-0.25, 0])),
    "empty prod": (lambda x: np.prod(x[:0]) * x[0], A([2.0, 0]), A([1.0, 0])),
    "expm far": (
        lambda x: np.trace(sl.expm(x.reshape(2, 2))),
        A([-1000.0, 0, 0, 1]),
        A([0.0, 0, 0, np.e]),
    ),
    "copysign": (lambda x: np.sum(np.copysign(x, A([1.0, -0.0]))), A([-2.0, 3]), A([-1.0, -1])),
    "fmod": (
        lambda x: np.sum(np.fmod(x, 2.0) * x),
        A([0.0, -3, 1e17 + 16]),
        A([0.0, -4, 1e17 + 16]),
    ),
    "x root x": (
        lambda x: np.sum(x * np.sqrt(x) + 2 * x**2 * np.sqrt(x) + x**0.25 * x + np.sqrt(x) ** 3),
        A([0.0, 1]),
        A([0.0, 9.25]),
    ),
    "flat roots": (
        lambda x: np.sum(
            np.sqrt(x**3) + np.sqrt(2 * x**4) + (x**2) ** 0.75 + np.cbrt(x**4) + (x**4 / 3) ** 0.25
        ),
        A([0.0, 1]),
        A([0.0, 1.5 + 2 * 2**0.5 + 1.5 + 4 / 3 + 3**-0.25]),
    ),
    "steep roots": (lambda x: np.sum(np.cbrt(x**2) + (x**2) ** 0.25), A([0.0, 1]), [np.nan, 7 / 6]),
    "trace expm": (
        lambda x: np.trace(sl.expm(x.reshape(2, 2))),
        A([0.0, 0, 0, 0]),
        A([1.0, 0, 0, 1]),
    ),
}
#: What ``strategy="matrix"`` refuses with LinAlgError.
_SINGULAR = {"det singular", "det 0"}


@pytest.mark.sampled(4)
@pytest.mark.each("name", POINTS)
def test_one_answer_from_all_strategies(name):
    f, x, expected = POINTS[name]
    with np.errstate(all="ignore"):
        value_there = float(f(x))
    for strategy in STRATEGIES:
        if strategy == "matrix" and name in _SINGULAR:
            continue
        g = gradient(f, strategy=strategy, x=x.shape)
        with np.errstate(all="ignore"):  # of branches that are not taken, as in NumPy
            value, found = g.value_and_gradient(x=x)
        np.testing.assert_allclose(value, value_there, 1e-9, 1e-12, err_msg=strategy)
        np.testing.assert_allclose(found["x"], expected, 1e-9, 1e-12, err_msg=strategy)


def test_second_derivatives_go_on_where_a_series_is_put_in():
    h = gradient(lambda x: np.sinc(x), x=()).hessian()
    np.testing.assert_allclose(h(x=0)["x"]["x"], -(np.pi**2) / 3)


def test_no_second_derivative_where_an_extreme_is_attained_twice():
    functions = (np.max, np.min, np.ptp, np.median, lambda x: np.sort(x)[1])
    for f in (*functions, lambda x: np.linalg.norm(x, np.inf)):
        for strategy in STRATEGIES:
            h = gradient(lambda x, f=f: f(x) ** 2 + f(x), strategy=strategy, x=(3,)).hessian()
            with np.errstate(all="ignore"):
                tied, apart = h(x=[1.0, 1, 1])["x"]["x"], h(x=[1.0, 2, 4])["x"]["x"]
            assert np.isnan(tied).all(), (f, strategy)
            slope = gradient(lambda x, f=f: f(x), x=(3,))(x=[1.0, 2, 4])["x"]
            np.testing.assert_allclose(apart, 2 * np.outer(slope, slope), atol=1e-12)


def test_a_maximum_that_is_taken_off_and_added_leaves_no_kink():
    def f(x):
        m = np.max(x)
        return np.log(np.sum(np.exp(x - m))) + m - np.log(np.exp(x - m) / np.sum(np.exp(x - m)))[0]

    for strategy in STRATEGIES:
        g = gradient(f, strategy=strategy, x=(3,))
        p = np.exp([1.0, 1, 0]) / np.sum(np.exp([1.0, 1, 0]))
        np.testing.assert_allclose(
            g.hessian()(x=[1.0, 1, 0])["x"]["x"], 2 * (np.diag(p) - np.outer(p, p)), rtol=1e-12
        )
        np.testing.assert_allclose(g(x=[1000.0, 1000, 0])["x"], [0, 1, 0], atol=1e-12)


def test_what_is_too_large_to_write_out_is_refused():
    for f in (np.linalg.det, np.linalg.inv, lambda a: np.linalg.solve(a, a)):
        with pytest.raises(Untraceable, match=r"terms to write out.*use strategy='matrix'"):
            gradient(lambda a, f=f: np.sum(f(a)), a=(9, 9))

"""Functions of scipy.linalg on tensors."""

import numpy as np
import pytest
import scipy.linalg as sl

import autodiff
import autodiff.scipy.linalg as linalg

R = np.random.default_rng(7)
A = R.normal(size=(3, 3)) + 3.0 * np.eye(3)
S = A @ A.T
B = R.normal(size=(3, 2))
V = R.normal(size=3)
T = R.normal(size=(4, 3))
BANDS = R.normal(size=(4, 5)) + 4.0 * (np.arange(4) == 1)[:, None]
HALF = np.array([[5.0, 6.0, 7.0, 5.0], [1.0, -1.0, 0.5, 0.0]])
UPPER = np.array([[0.0, 1.0, -1.0, 0.5], [5.0, 6.0, 7.0, 5.0]])


def sym(x):
    return x + np.swapaxes(x, -1, -2)


CASES = [
    ("scipy.linalg.solve", lambda f, a, b: f(a, b), (A, V)),
    ("scipy.linalg.solve", lambda f, a, b: f(a, b), (A, B)),
    ("scipy.linalg.solve", lambda f, a, b: f(a, b, assume_a="gen", transposed=True), (A, B)),
    *(
        ("scipy.linalg.solve", lambda f, a, b, s=s: f(sym(a), b, assume_a=s), (S, V))
        for s in ("sym", "pos", "her", "positive definite")
    ),
    *(
        ("scipy.linalg.solve", lambda f, a, b, s=s: f(a, b, assume_a=s), (A, V))
        for s in ("upper triangular", "lower triangular", "diagonal", "tridiagonal")
    ),
    ("scipy.linalg.solve", lambda f, a, b: f(a, b, assume_a="sym", lower=True), (A, V)),
    ("scipy.linalg.solve_triangular", lambda f, a, b: f(a, b), (A, V)),
    ("scipy.linalg.solve_triangular", lambda f, a, b: f(a, b, lower=True), (A, B)),
    ("scipy.linalg.solve_triangular", lambda f, a, b: f(a, b, trans="T"), (A, B)),
    (
        "scipy.linalg.solve_triangular",
        lambda f, a, b: f(a, b, trans=1, lower=True, unit_diagonal=True),
        (A, B),
    ),
    ("scipy.linalg.cholesky", lambda f, a: f(sym(a)), (S,)),
    ("scipy.linalg.cholesky", lambda f, a: f(sym(a), lower=True), (S,)),
    ("scipy.linalg.cho_factor", lambda f, a: np.triu(f(sym(a))[0]), (S,)),
    ("scipy.linalg.cho_solve", lambda f, b: f(sl.cho_factor(S), b), (B,)),
    ("scipy.linalg.cho_solve", lambda f, c, b: f((np.tril(c), True), b), (A, V)),
    ("scipy.linalg.lu_factor", lambda f, a: f(a)[0], (A[::-1],)),
    ("scipy.linalg.lu_factor", lambda f, a: f(a)[0], (T,)),
    ("scipy.linalg.lu_factor", lambda f, a: f(a)[0], (T.T,)),
    ("scipy.linalg.lu_solve", lambda f, b: f(sl.lu_factor(A[::-1]), b), (B,)),
    *(
        (
            "scipy.linalg.lu_solve",
            lambda f, c, b, t=t: f((c, np.array([2, 1, 2])), b, trans=t),
            (A, V),
        )
        for t in (0, 1, 2)
    ),
    ("scipy.linalg.lu", lambda f, a: f(a)[1] @ f(a)[2] ** 2, (A[::-1],)),
    ("scipy.linalg.lu", lambda f, a: f(a, permute_l=True)[0], (T,)),
    ("scipy.linalg.lu", lambda f, a: f(a)[2], (T.T,)),
    ("scipy.linalg.expm", lambda f, a: f(a), (0.5 * A,)),
    ("scipy.linalg.expm", lambda f, a: f(a), (0.2 * R.normal(size=(2, 2, 2)),)),
    ("scipy.linalg.sqrtm", lambda f, a: f(a), (A,)),
    ("scipy.linalg.logm", lambda f, a: f(a), (A,), {"alone"}),
    (
        "scipy.linalg.fractional_matrix_power",
        lambda f, a: np.real(f(a, 0.3)),
        (A[:2, :2],),
        {"alone"},
    ),
    *(
        (f"scipy.linalg.{name}", lambda f, a: f(a), (0.4 * A,))
        for name in ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
    ),
    ("scipy.linalg.expm_frechet", lambda f, a, e: f(a, e)[1], (0.3 * A, V * A)),
    ("scipy.linalg.expm_frechet", lambda f, a, e: f(a, e, compute_expm=False), (0.3 * A, A)),
    ("scipy.linalg.eigh", lambda f, a: f(sym(a))[0], (S,)),
    ("scipy.linalg.eigh", lambda f, a: f(sym(a))[1], (S,)),
    ("scipy.linalg.eigh", lambda f, a: f(a, lower=False)[1] ** 2, (A,)),
    ("scipy.linalg.eigh", lambda f, a: f(sym(a), eigvals_only=True, subset_by_index=[1, 2]), (S,)),
    *(
        ("scipy.linalg.eigh", lambda f, a, b, t=t: f(sym(a), sym(b), type=t)[1] ** 2, (A, S))
        for t in (1, 2, 3)
    ),
    ("scipy.linalg.eigvalsh", lambda f, a: f(sym(a)), (S,)),
    ("scipy.linalg.eigvalsh", lambda f, a, b: f(sym(a), sym(b)), (A, S)),
    ("scipy.linalg.eig", lambda f, a: np.abs(f(a)[0]), (A,)),
    ("scipy.linalg.eigvals", lambda f, a: np.abs(f(a)), (A,)),
    ("scipy.linalg.svd", lambda f, a: f(a)[0], (A,)),
    ("scipy.linalg.svd", lambda f, a: f(a, full_matrices=False)[2], (T,)),
    ("scipy.linalg.svd", lambda f, a: f(a, compute_uv=False), (T,)),
    ("scipy.linalg.svdvals", lambda f, a: f(a), (T,)),
    ("scipy.linalg.qr", lambda f, a: f(a)[0] * f(a)[1], (A,)),
    ("scipy.linalg.qr", lambda f, a: f(a, mode="economic")[0], (T,)),
    ("scipy.linalg.qr", lambda f, a: f(a, mode="r")[0], (T,)),
    ("scipy.linalg.qr", lambda f, a: f(a, pivoting=True, mode="economic")[1], (T,)),
    ("scipy.linalg.polar", lambda f, a: f(a)[0], (A,)),
    ("scipy.linalg.polar", lambda f, a: f(a)[1], (T,)),
    ("scipy.linalg.polar", lambda f, a: f(a, side="left")[1], (T.T,)),
    ("scipy.linalg.polar", lambda f, a: f(a)[0], (np.eye(3),)),
    ("scipy.linalg.solve_sylvester", lambda f, a, b, q: f(a, b, q), (A, S[:2, :2], B)),
    ("scipy.linalg.solve_continuous_lyapunov", lambda f, a, q: f(a, q), (A, S)),
    ("scipy.linalg.solve_discrete_lyapunov", lambda f, a, q: f(a, q), (0.1 * A, S)),
    (
        "scipy.linalg.solve_discrete_lyapunov",
        lambda f, a, q: f(a, q, method="bilinear"),
        (0.1 * A, S),
    ),
    (
        "scipy.linalg.solve_banded",
        lambda f, ab, b: f((2, 1), ab, b),
        (BANDS, R.normal(size=(5, 2))),
    ),
    ("scipy.linalg.solve_banded", lambda f, ab, b: f((2, 1), ab, b), (BANDS, R.normal(size=5))),
    ("scipy.linalg.solveh_banded", lambda f, ab, b: f(ab, b, lower=True), (HALF, np.arange(4.0))),
    ("scipy.linalg.solveh_banded", lambda f, ab, b: f(ab, b), (UPPER, np.arange(4.0))),
    ("scipy.linalg.solve_toeplitz", lambda f, c, b: f(c, b), ([5.0, 1.0, 0.5], V)),
    (
        "scipy.linalg.solve_toeplitz",
        lambda f, c, r, b: f((c, r), b),
        ([5.0, 1.0, 0.5], [5.0, 2.0, -0.5], B),
    ),
    ("scipy.linalg.toeplitz", lambda f, c: f(c), (V,)),
    ("scipy.linalg.toeplitz", lambda f, c, r: f(c, r), (V, np.arange(4.0))),
    ("scipy.linalg.hankel", lambda f, c, r: f(c, r), (V, np.arange(4.0))),
    ("scipy.linalg.circulant", lambda f, c: f(c), (V,)),
    ("scipy.linalg.block_diag", lambda f, a, b, c: f(a, b, c), (A, V, 2.0)),
    ("scipy.linalg.norm", lambda f, a: f(a), (A,)),
    ("scipy.linalg.norm", lambda f, a: f(a, 1, axis=0), (A,)),
    ("scipy.linalg.det", lambda f, a: f(a), (A,)),
    ("scipy.linalg.inv", lambda f, a: f(a), (A,)),
    ("scipy.linalg.pinv", lambda f, a: f(a), (T,)),
    ("scipy.linalg.lstsq", lambda f, a, b: f(a, b)[0], (T, np.arange(4.0))),
    ("scipy.linalg.lstsq", lambda f, a, b: f(a, b)[1], (T, np.arange(4.0))),
]


def test_cases(case, holds):
    holds(case)


@pytest.mark.parametrize("name", ["expm", "inv", "sqrtm", "cosm"])
def test_complex_matrices(name):
    a = A + 0.3j * S[::-1]
    function = getattr(linalg, name)
    found = autodiff.grad(lambda a: np.sum(function(a) * V), holomorphic=True)(a)
    h = 1e-6
    for place in ((0, 1), (2, 2)):
        step = np.zeros((3, 3))
        step[place] = h
        theirs = getattr(sl, name)
        slope = np.sum((theirs(a + step) - theirs(a - step)) * V) / (2 * h)
        np.testing.assert_allclose(found[place], slope, rtol=1e-6)


def test_what_is_not_supported_is_named():
    with pytest.raises(autodiff.Undifferentiable, match="subset_by_value= is not supported"):
        autodiff.grad(lambda a: linalg.eigh(a, subset_by_value=[0.0, 1.0])[0][0])(S)
    with pytest.raises(TypeError, match="nothing"):
        autodiff.grad(lambda a: linalg.expm(a, nothing=1)[0, 0])(S)

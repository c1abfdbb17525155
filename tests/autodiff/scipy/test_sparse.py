"""Sparse matrices and tensors."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl

import autodiff
from autodiff.scipy import sparse

R = np.random.default_rng(9)
D = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [4.0, 0.0, 5.0], [0.0, -1.0, 0.5]])
SQUARE = sp.csr_array(np.array([[4.0, 1.0, 0.0], [0.0, 3.0, -1.0], [1.0, 0.0, 5.0]]))
X, Y, M = R.normal(size=3), R.normal(size=4), R.normal(size=(3, 2))
DATA = R.normal(size=5) + 3.0
ROWS, COLUMNS = np.array([0, 1, 2, 0, 2]), np.array([0, 1, 2, 2, 0])
#: A number that stands in the place of another is added.
TWICE = np.array([0, 1, 2, 0, 0]), np.array([0, 1, 2, 2, 0])
FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")


@pytest.mark.each("kind", ["array", "matrix"])
@pytest.mark.each("form", FORMATS)
def test_products_of_a_constant_matrix(form, kind, agrees):
    a = getattr(sp, f"{form}_{kind}")(D)
    agrees(lambda x: a @ x, X)
    agrees(lambda x: a.dot(x) ** 2, X)
    agrees(lambda y: a.T @ y, Y)
    agrees(lambda y: y @ a, Y)
    agrees(lambda m: a @ m, M)
    agrees(lambda m: m.T @ a.T, M)
    np.testing.assert_allclose(
        autodiff.hessian(lambda x: np.sum((a @ x) ** 2))(X), 2.0 * D.T @ D, atol=1e-12
    )
    np.testing.assert_allclose(autodiff.vmap(lambda x: a @ x)(M.T), M.T @ D.T)
    np.testing.assert_allclose(autodiff.jacobian(lambda x: a + x)(X)[0], np.eye(3))
    if kind == "matrix":
        agrees(lambda x: a * x, X)


def test_a_matrix_that_changes_is_noticed():
    a = sp.csr_array(D)

    def loss(x):
        return np.sum((a @ x) ** 2)

    plan = autodiff.compile(autodiff.grad(loss))
    before = plan(X)
    np.testing.assert_allclose(before, 2.0 * D.T @ D @ X)
    a.data *= 2.0
    np.testing.assert_allclose(plan(X), 4.0 * before)


def test_a_matrix_that_is_sorted_between_the_passes():
    a = sp.csr_array((np.array([1.0, 2.0]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    _, pullback = autodiff.vjp(lambda x: a @ x, X)
    a.sort_indices()
    np.testing.assert_allclose(pullback(np.ones(1))[0], [2.0, 0.0, 1.0])


def test_shapes_that_do_not_align():
    with pytest.raises(ValueError, match="dimension mismatch"):
        autodiff.grad(lambda y: np.sum(sp.csr_array(D) @ y))(Y)


def dense(a):
    return a.toarray() if hasattr(a, "toarray") else np.asarray(a)


CASES = [
    *(
        (
            f"scipy.sparse.{form}_{kind}",
            lambda f, d, x, p=p: f((d, p), shape=(4, 3)) @ x,
            (DATA, X),
        )
        for form in ("csr", "csc", "coo")
        for kind in ("array", "matrix")
        for p in ((ROWS, COLUMNS), TWICE)
    ),
    (
        "scipy.sparse.csr_array",
        lambda f, d: f((d, [0, 2, 1, 2, 0], [0, 2, 3, 5])).toarray(),
        (DATA,),
    ),
    (
        "scipy.sparse.csc_array",
        lambda f, d: f((d, [0, 2, 1, 2, 0], [0, 2, 3, 5])).toarray(),
        (DATA,),
    ),
    ("scipy.sparse.csr_array", lambda f, m: f(m) @ np.ones(2), (M,)),
    *(
        ("scipy.sparse.csr_array", lambda f, d, g=g: g(f((d, TWICE), shape=(4, 3))), (DATA,))
        for g in (
            lambda a: a.T @ Y,
            lambda a: Y @ a,
            lambda a: a.sum() * a.sum(axis=0),
            lambda a: a.sum(axis=1) ** 2,
            lambda a: a.diagonal(),
            lambda a: a.diagonal(1),
            lambda a: a.trace() ** 2,
            lambda a: (2.0 * a - a / 3.0).toarray(),
            lambda a: (a + sp.csr_array(D)).toarray() ** 2,
            lambda a: (sp.csr_array(D) - a).toarray(),
            lambda a: np.asarray(a + D) * 1.0 if sp.issparse(a) else a + D,
            lambda a: (a @ sp.csr_array(D).T).toarray(),
            lambda a: (sp.csr_array(D).T @ a).toarray(),
            lambda a: (a.T @ a).toarray(),
            lambda a: a.multiply(D).toarray(),
            lambda a: (a * D).toarray(),
            lambda a: a.tocsc().dot(X),
            lambda a: (-a).T.toarray() @ D,
        )
    ),
    ("scipy.sparse.diags", lambda f, x: f(x) @ np.ones(3), (X,)),
    ("scipy.sparse.diags", lambda f, x, y: f([x, y[:2]], [0, 1]) @ X, (X, Y)),
    ("scipy.sparse.diags_array", lambda f, x: f([x, 2 * x[:2]], offsets=[0, -1]).toarray(), (X,)),
    ("scipy.sparse.diags", lambda f, x: f([x[:1]], [1], shape=(3, 4)).toarray(), (X,)),
    *(
        (f"scipy.sparse.{name}", lambda f, x, t=t: dense(f(t(diagonal(f, x)))), (X,))
        for name, t in (
            ("hstack", lambda a: [a, sp.csr_array(D[:3])]),
            ("vstack", lambda a: [sp.csr_array(D), a]),
            ("bmat", lambda a: [[a, None], [None, a]]),
            ("block_array", lambda a: [[a, sp.csr_array(D[:3])], [None, a]]),
            ("block_diag", lambda a: [a, sp.csr_array(D)]),
        )
    ),
    ("scipy.sparse.kron", lambda f, x: dense(f(diagonal(f, x), sp.csr_array(D))), (X,)),
    ("scipy.sparse.linalg.spsolve", lambda f, b: f(SQUARE, b), (X,)),
    ("scipy.sparse.linalg.spsolve", lambda f, b: f(SQUARE.tocsc(), b), (M,)),
    (
        "scipy.sparse.linalg.spsolve",
        lambda f, d, b: f(compressed(f, d), b),
        (DATA + 2.0, X),
    ),
    ("scipy.sparse.linalg.factorized", lambda f, b: f(SQUARE.tocsc())(b), (X,)),
    ("scipy.sparse.linalg.norm", lambda f, d: f(compressed(f, d)), (DATA,)),
]


def diagonal(f, x):
    """Return a diagonal matrix, of SciPy's if the function is SciPy's."""
    return (
        sp.diags_array(x, format="csr")
        if f.__module__.startswith("scipy")
        else sparse.diags_array(x)
    )


def compressed(f, d):
    places = (ROWS, COLUMNS)
    module = sp if f.__module__.startswith("scipy") else sparse
    return module.csc_array((d, places), shape=(3, 3))


def test_cases(case, holds):
    holds(case)


def test_a_large_system_stays_sparse():
    n = 20_000

    def loss(x):
        a = sparse.diags([2.0 + x**2, -np.ones(n - 1), -np.ones(n - 1)], [0, 1, -1])
        return np.sum(sparse.linalg.spsolve(a, np.ones(n)))

    x = R.normal(size=n)
    slope = autodiff.grad(loss)(x)
    a = sp.diags([2.0 + x**2, -np.ones(n - 1), -np.ones(n - 1)], [0, 1, -1], format="csc")
    y, z = spl.spsolve(a, np.ones(n)), spl.spsolve(a.T.tocsc(), np.ones(n))
    np.testing.assert_allclose(slope, -2.0 * x * y * z, rtol=1e-9)


def test_elements_cannot_be_picked():
    with pytest.raises(autodiff.Undifferentiable, match="toarray"):
        autodiff.grad(lambda x: sparse.diags(x)[0, 0])(X)

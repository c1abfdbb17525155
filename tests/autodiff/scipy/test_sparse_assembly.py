"""Sparse matrices that are written into, as finite elements are assembled."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl

import autodiff

KINDS = [sp.lil_matrix, sp.lil_array, sp.dok_matrix, sp.dok_array]
X = np.array([0.5, 1.0, 2.0])
BAR = np.array([[1.0, -1.0], [-1.0, 1.0]])


def bars(kind):
    def f(x):
        K = kind((4, 4))
        for e in range(3):
            for a in range(2):
                for b in range(2):
                    K[e + a, e + b] += x[e] * BAR[a, b]
        return np.sum(spl.spsolve(K[1:, 1:].tocsc(), np.ones(3)) ** 2)

    return f


def blocks(kind):
    def f(x):
        K = kind((4, 4))
        for e in range(3):
            K[np.ix_([e, e + 1], [e, e + 1])] += x[e] * BAR
        K[0, 0] += 1.0
        return np.sum(spl.spsolve(K.tocsr(), np.ones(4)))

    return f


def lines(kind):
    def f(x):
        K = kind((3, 3))
        K.setdiag(x**2)
        K[1], K[:, 2] = x, x[:, None]
        K[0, [0, 1]] = x[:2]
        K[-1, -1] *= x[1]
        L = K.copy()
        L[1, 1] = 0.0
        parts = K @ x + K.T @ x + K.dot(x) + K.diagonal() + (L * 2.0).toarray() @ x
        return np.sum(parts**2) + (K + L).sum() + K[0, 1] * 3 + K.trace()

    return f


def written_over(kind):
    def f(x):
        K = kind((3, 3))
        K[0, 0], K[1, 1], K[2, 2] = x[0], x[1], x[2] ** 2
        K[0, 0] = 2.0
        K[:2, :2] = np.ones((2, 2))
        return K.tocsr().sum() + x[0]

    return f


def plain(kind):
    """The matrix has no tensors, in a function that needs a second attempt."""

    def f(x):
        K = kind((3, 3))
        K[0, 0], K[1, 2] = 2.0, 1.0
        K.setdiag(3.0)
        y = np.zeros(3)
        y[:] = x
        assert all(map(sp.issparse, (K, K.tocsc(), K[:2])))
        return np.sum(K @ y) + K.nnz + spl.spsolve(K.tocsr(), np.ones(3)) @ y

    return f


@pytest.mark.each("kind", KINDS)
@pytest.mark.each("make", [bars, blocks, lines, written_over, plain])
def test_gradients_and_plans(make, kind):
    f = make(kind)
    differences = [(f(X + 1e-6 * e) - f(X - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    value, x_bar = autodiff.value_and_grad(f)(X)
    np.testing.assert_allclose(value, f(X), rtol=1e-12)
    np.testing.assert_allclose(x_bar, differences, rtol=1e-6, atol=1e-7)
    plan = autodiff.compile(autodiff.grad(f))
    plan(X)
    np.testing.assert_allclose(plan(1.1 * X), autodiff.grad(f)(1.1 * X), rtol=1e-12)


@pytest.mark.each("kind", KINDS)
def test_rows_are_those_of_scipy_or_a_sentence(kind):
    def f(x, tensors):
        K = kind((3, 3))
        K[0, 0], K[1, 1] = 2.0, x[1] if tensors else 3.0
        y = np.zeros(3)
        y[:] = x
        shapes = [np.shape(K[1]), np.shape(K[:, 1]), np.shape(K[[0, 1], [0, 1]]), K[[0, 1]].shape]
        return np.sum(y) * sum(len(s) * s[0] for s in shapes)

    np.testing.assert_allclose(autodiff.grad(f)(X, False), f(X, False) / X.sum())
    if issubclass(kind, sp.spmatrix):
        autodiff.grad(f)(X, True)
    else:
        with pytest.raises(autodiff.Undifferentiable, match="take a slice"):
            autodiff.grad(f)(X, True)

"""Linear algebra, at matrices of full rank and at degenerate ones."""

import numpy as np

from compare.conformance.case import Case

__all__ = ["CASES"]

_A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 2.0]])
_G = np.array([[1.0, 2.0, -1.0], [0.5, -1.5, 2.0], [3.0, 0.3, 1.0]])
_B = np.array([1.0, -2.0, 0.5])
_EYE = np.eye(3)
_INV_A, _INV_G = np.linalg.inv(_A), np.linalg.inv(_G)
_C = np.array([[1.0, 2.0, 0.0], [2.0, -1.0, 3.0], [0.0, 3.0, 0.5]])


def _of(name, function, x, truth, **more):
    return Case(name, function, (x,), (np.asarray(truth, float)[()],), rtol=1e-8, **more)


def _symmetric(f):
    return lambda x: f((x + x.T) / 2)


def _matrix_function(x):
    w, v = np.linalg.eigh((x + x.T) / 2)
    return np.sum(_C * ((v * np.exp(w)) @ v.T))


def _square_root(x):
    w, v = np.linalg.eigh((x + x.T) / 2)
    return np.sum(_C * ((v * np.sqrt(w)) @ v.T))


def _polar(x):
    u, _, vt = np.linalg.svd(x)
    return np.sum(_G * (u @ vt))


_DEGENERATE = "a covariance at the identity: the derivative exists, since the vectors do not matter"
_U, _S, _VT = np.linalg.svd(_G)


CASES = [
    _of("x @ y", lambda x: np.sum(x @ _G), _A, np.tile(_G.sum(1), (3, 1))),
    _of("matrix @ vector", lambda x: x @ _B @ _B, _A, np.outer(_B, _B)),
    _of("dot of two vectors", lambda x: np.dot(x, x), _B, 2 * _B),
    _of("vdot", lambda x: np.vdot(x, _B), _B, _B),
    _of("inner of matrices", lambda x: np.sum(np.inner(x, _G)), _A, np.tile(_G.sum(0), (3, 1))),
    _of("outer", lambda x: np.sum(np.outer(x, _B)), _B, np.full(3, _B.sum())),
    _of("tensordot of all axes", lambda x: np.tensordot(x, _G, 2), _A, _G),
    _of("einsum with a diagonal", lambda x: np.einsum("ii->", x), _A, _EYE),
    _of(
        "einsum ij,jk->",
        lambda x: np.einsum("ij,jk->", x, x),
        _A,
        np.add.outer(np.zeros(3), _A.sum(1)) + _A.sum(0)[:, None],
    ),
    _of("kron", lambda x: np.sum(np.kron(x, _G)), _A, np.full((3, 3), _G.sum())),
    _of("trace", lambda x: np.trace(x @ x), _G, 2 * _G.T),
    _of("det", lambda x: np.linalg.det(x), _G, np.linalg.det(_G) * _INV_G.T),
    _of(
        "det of a matrix of rank 2",
        lambda x: np.linalg.det(x),
        np.diag([1.0, 2.0, 0.0]),
        np.diag([0.0, 0.0, 2.0]),
        why="det · inv(x)ᵀ divides by zero; the cofactors are finite",
    ),
    _of(
        "det of a matrix of rank 1",
        lambda x: np.linalg.det(x),
        np.diag([1.0, 0.0, 0.0]),
        np.zeros((3, 3)),
    ),
    _of("slogdet", lambda x: np.linalg.slogdet(x)[1], _G, _INV_G.T),
    _of("inv", lambda x: np.sum(_C * np.linalg.inv(x)), _G, -_INV_G.T @ _C @ _INV_G.T),
    _of(
        "solve by its matrix",
        lambda x: np.sum(np.linalg.solve(x, _B)),
        _G,
        -np.outer(_INV_G.T @ np.ones(3), _INV_G @ _B),
    ),
    _of(
        "solve by its right side",
        lambda b: np.sum(np.linalg.solve(_G, b)),
        _B,
        _INV_G.T @ np.ones(3),
    ),
    _of(
        "pinv of full rank", lambda x: np.sum(_C * np.linalg.pinv(x)), _G, -_INV_G.T @ _C @ _INV_G.T
    ),
    _of("matrix_power", lambda x: np.trace(np.linalg.matrix_power(x, 3)), _G, 3 * (_G @ _G).T),
    _of(
        "matrix_power, negative",
        lambda x: np.trace(np.linalg.matrix_power(x, -1)),
        _G,
        -(_INV_G @ _INV_G).T,
    ),
    _of(
        "cholesky",
        lambda x: np.sum(np.log(np.diag(np.linalg.cholesky((x + x.T) / 2)))),
        _A,
        _INV_A / 2,
    ),
    _of(
        "qr: the determinant of R",
        lambda x: np.sum(np.log(np.abs(np.diag(np.linalg.qr(x)[1])))),
        _G,
        _INV_G.T,
    ),
    _of("eigvalsh: the sum", lambda x: np.sum(np.linalg.eigvalsh((x + x.T) / 2)), _A, _EYE),
    _of(
        "eigvalsh: the sum of logarithms",
        lambda x: np.sum(np.log(np.linalg.eigvalsh((x + x.T) / 2))),
        _A,
        _INV_A,
    ),
    _of(
        "eigh: the largest",
        lambda x: np.linalg.eigh((x + x.T) / 2)[0][-1],
        np.diag([1.0, 2.0, 3.0]),
        np.diag([0.0, 0.0, 1.0]),
    ),
    _of(
        "eigvalsh: the sum of squares at the identity",
        lambda x: np.sum(np.linalg.eigvalsh((x + x.T) / 2) ** 2),
        _EYE,
        2 * _EYE,
        why=_DEGENERATE,
    ),
    _of(
        "eigh: matrix exponential at the identity",
        _matrix_function,
        _EYE,
        np.e * _C,
        why=_DEGENERATE,
    ),
    _of(
        "eigh: matrix exponential at zero", _matrix_function, np.zeros((3, 3)), _C, why=_DEGENERATE
    ),
    _of("eigh: square root at the identity", _square_root, _EYE, _C / 2, why=_DEGENERATE),
    _of(
        "svd: the sum of values", lambda x: np.sum(np.linalg.svd(x, compute_uv=False)), _G, _U @ _VT
    ),
    _of(
        "svd: the product of U and V at the identity",
        _polar,
        _EYE,
        (_G - _G.T) / 2,
        why=_DEGENERATE,
    ),
    _of(
        "svd: the sum of squares at the identity",
        lambda x: np.sum(np.linalg.svd(x, compute_uv=False) ** 2),
        _EYE,
        2 * _EYE,
    ),
    _of("nuclear norm", lambda x: np.linalg.norm(x, "nuc"), _G, _U @ _VT),
    _of(
        "nuclear norm at the identity",
        lambda x: np.linalg.norm(x, "nuc"),
        _EYE,
        _EYE,
        why=_DEGENERATE,
    ),
    _of("spectral norm", lambda x: np.linalg.norm(x, 2), _G, np.outer(_U[:, 0], _VT[0])),
    _of("frobenius norm", lambda x: np.linalg.norm(x), _G, _G / np.sqrt(np.sum(_G**2))),
    _of(
        "largest row sum",
        lambda x: np.linalg.norm(x, np.inf),
        np.array([[1.0, -2.0], [0.5, 0.1]]),
        [[1.0, -1.0], [0.0, 0.0]],
    ),
    _of(
        "norm of rows",
        lambda x: np.sum(np.linalg.norm(x, axis=1)),
        _G,
        _G / np.linalg.norm(_G, axis=1, keepdims=True),
    ),
    _of(
        "a batch of determinants",
        lambda x: np.sum(np.linalg.det(np.stack([x, 2 * x]))),
        _G,
        9 * np.linalg.det(_G) * _INV_G.T,
    ),
    _of(
        "cross",
        lambda x: np.sum(np.cross(x, _B)),
        np.array([0.3, 1.0, -2.0]),
        np.cross(_B, np.ones(3)),
    ),
    _of(
        "multi_dot",
        lambda x: np.trace(np.linalg.multi_dot([x, _G, x])),
        _A,
        (_G @ _A).T + (_A @ _G).T,
    ),
    Case(
        "eigh: an eigenvector at the identity",
        lambda x: np.linalg.eigh((x + x.T) / 2)[1][0, 0],
        (_EYE,),
        None,
        why="which vector it is, is nobody's choice: NaN or an error is right, a number is not",
    ),
    Case(
        "norm at zero",
        lambda x: np.linalg.norm(x),
        (np.zeros((2, 2)),),
        None,
        {"the subgradient of minimum norm": (np.zeros((2, 2)),)},
        why="a norm is convex: PyTorch documents that it takes this one (Autograd mechanics)",
    ),
    Case(
        "eigvalsh: the largest at the identity",
        lambda x: np.linalg.eigvalsh((x + x.T) / 2)[-1],
        (_EYE,),
        None,
        {
            "a subgradient: any projection of rank 1": (np.diag([0.0, 0.0, 1.0]),),
            "the even share": (_EYE / 3,),
        },
        why="a kink: each matrix ≥ 0 of trace 1 is a subgradient (Lewis 1996, Derivatives of "
        "spectral functions)",
    ),
    Case(
        "log-determinant, second order",
        _symmetric(lambda x: np.linalg.slogdet(x)[1]),
        (_A,),
        (-_INV_A @ np.ones((3, 3)) @ _INV_A,),
        order=2,
        rtol=1e-8,
    ),
    Case(
        "matrix exponential at zero by eigh, second order",
        _matrix_function,
        (np.zeros((3, 3)),),
        ((_C @ np.ones((3, 3)) + np.ones((3, 3)) @ _C) / 2,),
        order=2,
        rtol=1e-8,
        why=_DEGENERATE,
    ),
    Case(
        "sum of squared eigenvalues at the identity, second order",
        lambda x: np.sum(np.linalg.eigvalsh((x + x.T) / 2) ** 2),
        (_EYE,),
        (np.full((3, 3), 2.0),),
        order=2,
        rtol=1e-8,
        why=_DEGENERATE,
    ),
    Case(
        "nuclear norm at the identity, second order",
        lambda x: np.linalg.norm(x, "nuc"),
        (_EYE,),
        (np.zeros((3, 3)),),
        order=2,
        rtol=1e-8,
        atol=1e-12,
    ),
]

"""Distances on tensors."""

import numpy as np
import pytest

import autodiff
from autodiff.scipy import spatial

R = np.random.default_rng(6)
X, Y = R.normal(size=(4, 3)), R.normal(size=(5, 3))
V = np.array([0.7, 1.3, 0.4])
METRICS = [
    ("euclidean", {}),
    ("euclidean", {"w": V}),
    ("sqeuclidean", {}),
    ("cityblock", {}),
    ("chebyshev", {}),
    ("minkowski", {"p": 3}),
    ("minkowski", {"p": 1.5, "w": V}),
    ("cosine", {}),
    ("correlation", {}),
    ("canberra", {}),
    ("braycurtis", {}),
    ("mahalanobis", {"VI": np.diag(V)}),
    ("seuclidean", {"V": V}),
]
POSITIVE = {"jensenshannon"}
CASES = [
    *(
        ("scipy.spatial.distance.cdist", lambda f, x, y, m=m, k=k: f(x, y, m, **k), (X, Y))
        for m, k in METRICS
    ),
    *(
        ("scipy.spatial.distance.pdist", lambda f, x, m=m, k=k: f(x, m, **k), (X,))
        for m, k in METRICS
    ),
    ("scipy.spatial.distance.pdist", lambda f, x: f(x, "jensenshannon"), (np.abs(X),)),
    ("scipy.spatial.distance.pdist", lambda f, x: f(x, "seuclidean"), (X,)),
    ("scipy.spatial.distance.pdist", lambda f, x: f(x, "mahalanobis"), (R.normal(size=(6, 3)),)),
    ("scipy.spatial.distance.cdist", lambda f, x, y: f(x, y, "seuclidean"), (X, Y)),
    (
        "scipy.spatial.distance.cdist",
        lambda f, x, y: f(x, y, lambda a, b: np.sum((a - b) ** 4)),
        (X, Y),
    ),
    *(
        (f"scipy.spatial.distance.{m}", lambda f, x, y, k=k: f(x, y, **k), (X[0], Y[0]))
        for m, k in METRICS
    ),
    (
        "scipy.spatial.distance.jensenshannon",
        lambda f, x, y: f(x, y, 2.0),
        (np.abs(X[0]), np.abs(Y[0])),
    ),
    ("scipy.spatial.distance.squareform", lambda f, x: f(x), (np.arange(6.0),)),
    (
        "scipy.spatial.distance.squareform",
        lambda f, x: f(x + x.T),
        (X @ X.T - np.diag(V @ X.T) * 0,),
    ),
]
CASES[-1] = (
    "scipy.spatial.distance.squareform",
    lambda f, x: f((x + x.T) * (1 - np.eye(4))),
    (X @ X.T,),
)


def test_cases(case, holds):
    holds(case)


def test_distance_of_a_point_from_itself():
    # As of the norm at 0: the first derivative is 0, so that a sum over all pairs has one.
    found = autodiff.grad(lambda x: np.sum(spatial.distance.cdist(x, x)))(X)
    apart = X[:, None] - X[None]
    norms = np.linalg.norm(apart, axis=-1) + np.eye(4)
    np.testing.assert_allclose(found, 2.0 * np.sum(apart / norms[..., None], axis=1))


def test_unknown_metrics_are_named():
    with pytest.raises(autodiff.Undifferentiable, match="metric='dice' is not supported"):
        autodiff.grad(lambda x: np.sum(spatial.distance.pdist(x, "dice")))(X)

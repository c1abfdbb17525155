"""Arrays made of lengths that have a name and no number: np.eye(X.shape[0])."""

import numpy as np
import pytest
from numpy import eye, identity

from symdiff import gradient

_RNG = np.random.default_rng(5)


def helper(n):
    return np.eye(n)


def ridge(X, y, lam):
    return y @ np.linalg.solve(X @ X.T + lam * np.eye(X.shape[0]), y)


def imported(X, y, lam):
    n = X.shape[0]
    return y @ np.linalg.solve(X @ X.T + lam * eye(n), y) + np.sum(identity(n) @ y)


def in_a_helper(X, y, lam):
    return y @ np.linalg.solve(X @ X.T + lam * helper(X.shape[0]), y)


def filled(X, y, lam):
    n, d = X.shape
    return np.sum((X @ np.ones(d) - lam * np.full(n, 2.0) + np.zeros((n,))) ** 2) + np.sum(
        np.ones((n, d)) * X
    )


@pytest.mark.parametrize("f", [ridge, imported, in_a_helper, filled])
def test_constructors_take_named_lengths(f):
    X, y, lam = _RNG.standard_normal((4, 3)), _RNG.standard_normal(4), 0.7
    found = gradient(f, strategy="matrix", X=("n", "d"), y=("n",), lam=())
    values = found(X=X, y=y, lam=lam)
    known = dict(zip(("X", "y", "lam"), (X, y, lam), strict=True))
    for name, x_bar in values.items():
        direction = _RNG.standard_normal(np.shape(known[name]))
        ends = [f(**{**known, name: known[name] + sign * 1e-6 * direction}) for sign in (1.0, -1.0)]
        assert np.sum(x_bar * direction) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_the_identity_prints_as_one():
    assert "I" in str(gradient(ridge, strategy="matrix", X=("n", "d"), y=("n",), lam=()))


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda X: np.sum(np.eye(X.shape[0], k=1)), "of named lengths the identity alone"),
        (lambda X: sum(X[i, 0] for i in range(X.shape[0])), "range needs a number as length"),
    ],
)
def test_what_needs_a_number_says_so(f, words):
    with pytest.raises(TypeError, match=words):
        gradient(f, strategy="matrix", X=("n", "n"))

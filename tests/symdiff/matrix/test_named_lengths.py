"""Arrays made of lengths that have a name and no number: np.eye(X.shape[0])."""

import numpy as np
import pytest
from numpy import eye, identity

from symdiff import gradient
from symdiff.matrix.lengths import joined

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


def _centred(X):
    n = X.shape[0]
    return np.trace(X.T @ (np.eye(n) - np.ones((n, n)) / n) @ X)


PARTS = {
    "neighbours": (lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2) + np.sum(np.diff(x, n=2) ** 2), 1),
    "ends": (lambda x: np.sum(x[:2] ** 2) + np.sum(x[-2:] ** 3) + np.sum(x[1:-1][1:] ** 2), 1),
    "joined": (lambda x: np.sum(np.concatenate([x, x[1:], [2.0]]) ** 3), 1),
    "bias": (lambda X: np.sum(np.column_stack([np.ones(X.shape[0]), X]) ** 3), 2),
    "moved": (lambda x: np.sum(x**2 * np.roll(x, 1) * x[::-1]) + np.trapezoid(np.cumsum(x)), 1),
    "padded": (lambda x: np.sum(np.pad(x, (1, 2)) ** 3 * np.pad(np.sin(x), (2, 1))), 1),
    "arithmetic": (lambda x: np.sum(x[1:] + np.ones(x.shape[0] - 1)) ** 2 / (2 * len(x.shape)), 1),
    "covariance": (lambda X: np.linalg.slogdet(np.cov(X.T) + np.eye(X.shape[1]))[1], 2),
    "centred": (_centred, 2),
}


def test_slices_and_joined_arrays_of_named_lengths(rng, differences):
    for name, (f, rank) in PARTS.items():
        (argument,) = f.__code__.co_varnames[: f.__code__.co_argcount]
        g = gradient(f, strategy="matrix", inputs={argument: ("n", 2)[:rank]})
        for n in (4, 7):
            point = {argument: rng.normal(size=(n, 2)[:rank])}
            value, found = g.value_and_gradient(**point)
            np.testing.assert_allclose(value, f(**point), rtol=1e-12, err_msg=name)
            differences(f, found, point)
        assert g.latex()
        assert g.operations.total_flops.free_symbols
    short = gradient(PARTS["ends"][0], strategy="matrix", x=("n",))
    with pytest.raises(ValueError, match="the length n has to be 2 at least"):
        short(x=[1.0])


def test_sums_of_lengths_are_written_in_one_way():
    assert joined(["n", "m", -1, "n"]) == "m + 2*n - 1"
    assert joined(["n"], -1) == "-n"
    assert joined([joined(["m", 3]), joined(["m", "n"], -1)]) == "-n + 3"
    assert joined(["n", -2, joined(["n"], -1)]) == -2

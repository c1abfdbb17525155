"""Sparse Jacobians and Hessians against dense ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from autodiff import hessian, jacobian


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def on_a_grid(x):
    u = x.reshape(6, 5)
    return np.sum((u[1:] - u[:-1]) ** 4) + np.sum(np.roll(u, 1, axis=1) * u)


SCALAR = {
    "band": rosenbrock,
    "five diagonals": lambda x: np.sum((x[:-2] - 2 * x[1:-1] + x[2:]) ** 4),
    "differences": lambda x: np.sum(np.diff(np.sin(x), n=2) ** 4),
    "arrow": lambda x: x[0] * np.sum(x**2),
    "grid": on_a_grid,
    "separable": lambda x: np.sum(np.where(x > 0, x**3, np.exp(x))),
    "full": lambda x: np.sum(x) ** 3,
    "blocks": lambda x: np.sum(np.prod(x.reshape(10, 3), axis=1)),
    "constant": lambda x: 1.0 + 0.0 * x[0],
    "gathered": lambda x: np.sum(x[np.array([0, 5, 5, 7])] ** 3),
}


@pytest.mark.parametrize("f", SCALAR.values(), ids=SCALAR)
def test_hessians(f, rng):
    x = rng.normal(size=30)
    found, expected = hessian(f, sparsity="auto")(x), hessian(f)(x)
    assert isinstance(found, sparse.csr_array)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-12, atol=1e-13)
    given_pattern = hessian(f, sparsity=sparse.csr_array(expected != 0))(x)
    np.testing.assert_allclose(given_pattern.toarray(), expected, rtol=1e-12, atol=1e-13)


def test_patterns_are_no_larger_than_need_be(rng):
    x = rng.normal(size=30)
    for name in ("band", "five diagonals", "differences", "arrow", "grid"):
        expected = np.count_nonzero(hessian(SCALAR[name])(x))
        assert hessian(SCALAR[name], sparsity="auto")(x).nnz == expected


VECTORS = {
    "products": lambda x: x[1:] * x[:-1],
    "one full row": lambda x: np.concatenate([x[1:] * x[:-1], [np.sum(x)]]),
    "matrix": lambda x: np.array([[1.0, 0.0, 2.0]] * 2) @ x[:3],
    "table": lambda x: np.stack([x, x**2]),
    "number": lambda x: x[3] * x[4],
    "empty": lambda x: x[:0],
}


@pytest.mark.each("mode", [None, "fwd", "rev"])
@pytest.mark.each("f", VECTORS.values())
def test_jacobians(f, mode, rng):
    x = rng.normal(size=9)
    found = jacobian(f, mode=mode, sparsity="auto")(x)
    np.testing.assert_allclose(found.toarray(), np.reshape(jacobian(f)(x), (-1, 9)), rtol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    pattern=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=1, max_size=20, unique=True
    ),
    mode=st.sampled_from([None, "fwd", "rev"]),
)
def test_any_pattern(pattern, mode):
    rows, columns = np.array(pattern).T
    weights = np.zeros((6, 7))
    weights[rows, columns] = np.arange(1.0, len(rows) + 1)
    found = jacobian(lambda x: weights @ x, mode=mode, sparsity=weights != 0)(np.ones(7))
    np.testing.assert_array_equal(found.toarray(), weights)


def test_few_passes(monkeypatch):
    from autodiff.transforms.call import Call

    count = []
    push = Call.push
    monkeypatch.setattr(Call, "push", lambda self, x: count.append(1) or push(self, x))
    hessian(rosenbrock, sparsity="auto")(np.ones(1000))
    assert len(count) == 3


def test_refusals():
    x = np.ones(3)
    with pytest.raises(ValueError, match=r"pattern has shape \(2, 2\); \(3, 3\) is expected"):
        jacobian(np.sin, sparsity=np.eye(2))(x)
    with pytest.raises(ValueError, match="leaves out an element of row 0"):
        jacobian(lambda x: x * np.sum(x[:2]), sparsity=np.eye(3))(x)
    with pytest.raises(ValueError, match="'auto' or a pattern"):
        jacobian(np.sin, sparsity="yes")(x)
    with pytest.raises(ValueError, match=r"one array as argument.*autodiff\.ravel"):
        jacobian(lambda p: p["a"], sparsity="auto")({"a": x, "b": x})

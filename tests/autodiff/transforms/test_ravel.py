"""Nested structures as vectors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import autodiff
from autodiff import grad, hessian, ravel

NUMBERS = st.floats(-9, 9, width=32)
LEAVES = st.one_of(
    NUMBERS,
    arrays(np.float64, st.sampled_from([(), (0,), (3,), (2, 2)]), elements=NUMBERS),
    arrays(np.float32, st.sampled_from([(1,), (2, 3)]), elements=NUMBERS),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    ),
    max_leaves=6,
)


def leaves(tree):
    if isinstance(tree, dict):
        return [x for key in tree for x in leaves(tree[key])]
    if isinstance(tree, list | tuple):
        return [x for part in tree for x in leaves(part)]
    return [tree]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tree=TREES)
def test_there_and_back(tree):
    flat, unravel = ravel(tree)
    back = unravel(flat)
    assert flat.shape == (sum(np.size(x) for x in leaves(tree)),)
    for x, y in zip(leaves(tree), leaves(back), strict=True):
        assert type(x) is type(y)
        assert np.asarray(x).dtype == np.asarray(y).dtype
        np.testing.assert_array_equal(x, y)
    again = ravel(back)[0]
    np.testing.assert_array_equal(again, flat)


def test_derivatives_pass_through_both():
    params = {"w": np.array([[1.0, 2.0]]), "b": 3.0}
    flat, unravel = ravel(params)

    def loss(params):
        return np.sum(params["w"] ** 2) * params["b"]

    found, _ = ravel(grad(loss)(params))
    np.testing.assert_array_equal(grad(lambda v: loss(unravel(v)))(flat), found)
    assert hessian(lambda v: loss(unravel(v)))(flat).shape == (3, 3)
    through = grad(lambda p: np.sum(ravel(p)[0] ** 2))(params)
    np.testing.assert_array_equal(through["w"], 2 * params["w"])
    assert through["b"] == 6.0
    np.testing.assert_array_equal(autodiff.compile(grad(lambda v: loss(unravel(v))))(flat), found)


def test_refusals_say_what_arrived():
    _, unravel = ravel([1.0, np.ones(2)])
    with pytest.raises(ValueError, match=r"shape \(2,\) arrived; .* 3 numbers"):
        unravel(np.ones(2))
    with pytest.raises(TypeError, match="dtype <U1"):
        ravel({"a": "b"})

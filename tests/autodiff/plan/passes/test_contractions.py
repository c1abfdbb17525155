"""Einstein sums in plans: products of matrices, in an order that the plan knows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff
from autodiff.plan.passes.contractions import _path
from autodiff.plan.program import INPUT, Node

#: Subscripts with shapes of their operands.
CALLS = [
    ("ab,bc->ac", [(2, 3), (3, 4)]),
    ("ab,bc->ca", [(2, 3), (3, 4)]),
    ("ab,bc->ac", [(2, 3), (1, 4)]),
    ("ab,bc->ac", [(1, 3), (3, 4)]),
    ("a,b->ba", [(3,), (4,)]),
    ("ab,ab->", [(3, 4), (3, 4)]),
    ("ab,ba->a", [(3, 4), (4, 3)]),
    ("ab,cd->ad", [(3, 4), (2, 5)]),
    (",a->a", [(), (3,)]),
    ("zab,zbc->zac", [(4, 2, 3), (4, 3, 2)]),
    ("zab,zb->za", [(4, 2, 3), (4, 3)]),
    ("zab,bz->az", [(1, 2, 3), (3, 4)]),
    ("abc->ca", [(2, 3, 4)]),
    ("aa->a", [(3, 3)]),
    ("...ab,b->a...", [(2, 3, 4), (4,)]),
    ("ab,b,ca,bd->cd", [(2, 3), (3,), (4, 2), (3, 1)]),
    ("pia,qja,rka->ijk", [(2, 3, 4)] * 3),
    ("aib,bjc,ckd,dla->ijkl", [(2, 3, 4), (4, 3, 2), (2, 2, 3), (3, 2, 2)]),
    ("ab,ab->b", [(1, 3), (0, 3)]),
]


def agrees(subscripts, operands, optimize):
    def f(*xs):
        return np.sum(np.cos(np.real(np.einsum(subscripts, *xs, optimize=optimize))))

    eager = autodiff.value_and_grad(f, tuple(range(len(operands))))
    plan = autodiff.compile(eager)
    for factor in (1.0, 0.5):
        moved = [factor * x for x in operands]
        (value, bars), (expected, wanted) = plan(*moved), eager(*moved)
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14)
        for x_bar, other in zip(bars, wanted, strict=True):
            np.testing.assert_allclose(x_bar, other, rtol=1e-10, atol=1e-12)
    return plan.plan(*operands).source


@pytest.mark.each("kind", ["float64", "complex128", "layouts"])
@pytest.mark.each(("subscripts", "shapes"), CALLS)
def test_a_plan_gives_the_sums_of_the_function(subscripts, shapes, kind, rng):
    operands = [rng.normal(size=shape) for shape in shapes]
    if kind == "complex128":
        operands = [x + 1j * rng.normal(size=x.shape) for x in operands]
    if kind == "layouts":
        operands = [np.asfortranarray(x)[..., ::-1] if x.ndim else x for x in operands]
    agrees(subscripts, operands, len(operands) > 2)


def test_no_path_is_looked_for_when_a_plan_runs(rng):
    operands = [rng.normal(size=(4, 5, 4)) for _ in range(4)]
    source = agrees("aib,bjc,ckd,dla->ijkl", operands, True)
    assert ".dot(" in source
    assert not [x for x in source.splitlines() if "einsum(" in x.partition("#")[0]]


def test_the_path_is_that_of_the_user():
    args = [Node(INPUT, (), {}, (4, 4), np.dtype(float)) for _ in range(3)]
    order = ["einsum_path", (0, 2), (0, 1)]
    assert _path(args, {"subscripts": "ab,bc,cd->ad", "optimize": order}) == order[1:]


@st.composite
def sums(draw):
    """Draw subscripts, and the lengths of their labels."""
    labels = "abcde"
    term = st.lists(st.sampled_from(labels), min_size=0, max_size=3, unique=True).map("".join)
    terms = draw(st.lists(term, min_size=1, max_size=4))
    present = sorted(set("".join(terms)))
    target = draw(st.lists(st.sampled_from(present), unique=True)) if present else []
    lengths = {label: draw(st.integers(1, 3)) for label in labels}
    # An axis of length 1 is repeated along others of its label.
    shapes = [tuple(draw(st.sampled_from([1, lengths[x]])) for x in term) for term in terms]
    return f"{','.join(terms)}->{''.join(target)}", shapes


@settings(max_examples=60, deadline=None)
@given(sums(), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_sum(case, optimize, seed):
    subscripts, shapes = case
    rng = np.random.default_rng(seed)
    agrees(subscripts, [rng.normal(size=shape) for shape in shapes], optimize)

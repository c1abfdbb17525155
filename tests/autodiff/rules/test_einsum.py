"""Einstein's summation: every form of subscripts, against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff

A, B, C = (2, 3), (3, 4), (2, 3, 4)

#: Subscripts with the shapes of their operands.
SUBSCRIPTS = [
    ("ij,jk->ik", [A, B]),
    ("ij,jk", [A, B]),
    ("ba,cb", [(3, 2), (4, 3)]),
    ("ij->ji", [A]),
    ("ij", [A]),
    ("ji", [A]),
    ("ij->", [A]),
    ("ijk->j", [C]),
    (" i j , j -> i ", [A, (3,)]),
    ("Ij,jI", [A, (3, 2)]),
    ("aB,bA->", [A, A]),
    # Diagonals.
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iij->ij", [(2, 2, 3)]),
    ("iji->j", [(2, 3, 2)]),
    ("iii->i", [(2, 2, 2)]),
    ("iijj->ij", [(2, 2, 3, 3)]),
    ("ii,ii->", [(3, 3), (3, 3)]),
    ("ii,ij->j", [(3, 3), (3, 2)]),
    # An ellipsis.
    ("...ij,...jk->...ik", [(5, 2, 3), (5, 3, 4)]),
    ("...ij,jk", [(5, 2, 3), B]),
    ("i...->...", [C]),
    ("...i->i...", [C]),
    ("i...,i...->...", [C, (2, 1, 4)]),
    ("...,...", [C, (3, 1)]),
    ("...a,...a->...", [(4, 1, 3), (2, 3)]),
    ("...", [()]),
    ("...,i->i...", [(), (3,)]),
    ("...ii->...i", [(2, 3, 3)]),
    # Axes of length 1 are broadcast.
    ("ij,jk->ik", [(2, 1), B]),
    ("ij,ij->ij", [(1, 3), (2, 1)]),
    ("ij,ij->", [(1, 3), (2, 3)]),
    ("i,i->i", [(1,), (3,)]),
    # Labels of one operand only.
    ("ij,k->i", [A, (4,)]),
    ("ij,k->", [A, (4,)]),
    ("i,j,k->", [(2,), (3,), (4,)]),
    # Many operands, scalars, empty ones.
    ("ij,jk,kl->il", [A, B, (4, 2)]),
    ("ij,jk,kl,lm,i->m", [A, B, (4, 2), (2, 2), (2,)]),
    (",ij,->ij", [(), A, ()]),
    (",,", [(), (), ()]),
    ("ij,jk->ik", [(2, 0), (0, 4)]),
    ("ij,j->i", [(0, 3), (3,)]),
    ("ij,ij->ij", [(1, 3), (0, 3)]),
]

#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.einsum: [
        *((lambda *xs, s=s: np.einsum(s, *xs), shapes) for s, shapes in SUBSCRIPTS),
        # Lists of labels.
        (lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [0, 2]), [A, B]),
        (lambda x, y: np.einsum(x, [0, 1], y, [1, 2]), [A, B]),
        (lambda x, y: np.einsum(x, [30, 4], y, [4, 2]), [A, B]),
        (lambda x: np.einsum(x, [1, 1]), [(3, 3)]),
        (lambda x, y: np.einsum(x, [Ellipsis, 0], y, [0], [0, Ellipsis]), [C, (4,)]),
        (lambda x, y: np.einsum(x, [..., 0], y, [0, 1], [..., 1]), [C, (4, 2)]),
        # Other arguments.
        *(
            (lambda x, y, z, o=o: np.einsum("ij,jk,kl->il", x, y, z, optimize=o), [A, B, (4, 2)])
            for o in (True, False, "greedy", "optimal", ["einsum_path", (0, 1), (0, 1)])
        ),
        (lambda x, y: np.einsum("ij,jk->ik", x, y, order="F", casting="same_kind"), [A, B]),
        (lambda x: np.einsum("ij->j", x, dtype=np.longdouble), [A]),
        # Operands that are no tensors.
        (lambda x: np.einsum("ij,jk", [[1, 2, 3]], x), [B]),
        (lambda x: np.einsum("i,j,ij->", x, [1.0, 2.0, 3.0], np.ones((2, 3))), [(2,)]),
        (lambda x: np.einsum("ii,ij->j", np.arange(9.0).reshape(3, 3), x), [B]),
        (lambda x: np.einsum("ij,jk,ki->", x, x.T, x @ x.T), [A]),
    ],
    np.einsum_path: [
        (lambda x: x * len(np.einsum_path("ij,jk,kl", x, x, x)[0]), [(2, 2)]),
        (lambda x: x * len(np.einsum_path(x, [0, 1], x, [1, 2], optimize="optimal")[0]), [(2, 2)]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_strided_arrays(numpy_call, shapes, strided, agrees):
    if all(shapes):
        agrees(numpy_call, *map(strided, shapes))


@pytest.mark.each(("subscripts", "shapes"), SUBSCRIPTS)
def test_complex_operands(subscripts, shapes, rng, agrees):
    def parts(*xs):
        z = np.einsum(subscripts, *(x + 1j * y for x, y in zip(xs[::2], xs[1::2], strict=True)))
        return np.stack([np.real(z), np.imag(z)])

    agrees(parts, *(rng.normal(size=shape)[()] for shape in shapes for _ in range(2)))


@pytest.mark.each(("subscripts", "shapes"), SUBSCRIPTS)
def test_second_order(subscripts, shapes, rng, slope):
    xs = [rng.normal(size=shape)[()] for shape in shapes]
    everything = tuple(range(len(xs)))
    directions = [rng.normal(size=shape)[()] for shape in shapes]

    def projected(*xs):
        gradients = autodiff.grad(lambda *ys: np.sum(np.einsum(subscripts, *ys) ** 2), everything)
        return sum(np.sum(d * g) for d, g in zip(directions, gradients(*xs), strict=True))

    moves, expected = slope(projected, xs)
    second = autodiff.grad(projected, everything)(*xs)
    found = sum(np.sum(g * d) for g, d in zip(second, moves, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@st.composite
def sums_of_products(draw):
    """Return subscripts with an output, and shapes in which some axes are broadcast."""
    lengths = {label: draw(st.integers(0, 3)) for label in "abcd"}
    terms = draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=4))
    present = sorted(set("".join(terms)))
    output = "".join(draw(st.permutations(present))[: draw(st.integers(0, len(present)))])
    shapes = []
    for term in terms:
        # Of a label that a term has twice, both axes are of the same length.
        own = {x: draw(st.sampled_from([1, lengths[x]])) for x in sorted(set(term))}
        shapes.append(tuple(own[x] for x in term))
    optimize = draw(st.booleans())
    return f"{','.join(terms)}->{output}", shapes, optimize


@settings(max_examples=150, deadline=None)
@given(case=sums_of_products(), seed=st.integers(0, 2**32 - 1))
def test_any_sum_of_products(case, seed):
    subscripts, shapes, optimize = case
    rng = np.random.default_rng(seed)
    xs = [np.asarray(rng.normal(size=shape)) for shape in shapes]

    def f(*xs):
        return np.einsum(subscripts, *xs, optimize=optimize)

    out, pullback = autodiff.vjp(f, *xs)
    plain = f(*xs)
    assert np.shape(out) == np.shape(plain)
    np.testing.assert_allclose(out, plain, rtol=1e-12, atol=1e-13)
    g = np.asarray(rng.normal(size=np.shape(plain)))[()]
    for i, x_bar in enumerate(pullback(g)):
        assert np.shape(x_bar) == shapes[i]
        # The sum is linear in each operand.
        x_dot = rng.normal(size=shapes[i])
        moved = f(*xs[:i], x_dot, *xs[i + 1 :])
        np.testing.assert_allclose(np.sum(x_bar * x_dot), np.sum(g * moved), rtol=1e-10, atol=1e-11)


def test_large_products_of_matrices_are_pulled_back_by_products_of_matrices(rng):
    # Large enough for the backward pass to look for an order of its own.
    x, y, g = rng.normal(size=(8, 40, 30)), rng.normal(size=(8, 30, 50)), rng.normal(size=(40, 50))
    x_bar, y_bar = autodiff.vjp(lambda x, y: np.einsum("bij,bjk->ik", x, y), x, y)[1](g)
    np.testing.assert_allclose(x_bar, g @ y.swapaxes(1, 2), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(y_bar, x.swapaxes(1, 2) @ g, rtol=1e-12, atol=1e-12)
    z = rng.normal(size=(30, 40, 50))
    x_bar = autodiff.grad(lambda x: np.einsum("bij,jik,bl->", x, z, x[:, :, 0]))(x)
    sums = np.sum(z, axis=2).T
    by_hand = np.sum(x[:, :, 0], axis=1)[:, None, None] * sums
    by_hand[:, :, 0] += np.sum(x * sums, axis=(1, 2))[:, None]
    np.testing.assert_allclose(x_bar, by_hand, rtol=1e-11, atol=1e-9)


def test_float32_is_kept(rng):
    x, y = (rng.normal(size=(3, 3)).astype(np.float32) for _ in range(2))
    out, pullback = autodiff.vjp(lambda x, y: np.einsum("ij,jk,ii->ik", x, y, x), x, y)
    assert out.dtype == np.float32
    assert all(x_bar.dtype == np.float32 for x_bar in pullback(np.ones_like(out)))


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: np.einsum("ij,jk", x), ValueError, "2 operands .* 1 arrays"),
        (lambda x: np.einsum("ij->ik", x), ValueError, "'k', which no operand has"),
        (lambda x: np.einsum("ij->ii", x), ValueError, "more than once"),
        (lambda x: np.einsum("ijk", x), ValueError, "operand 0 has 2 axes"),
        (lambda x: np.einsum("i", x), ValueError, "operand 0 has 2 axes"),
        (lambda x: np.einsum("i...->i", x), ValueError, "no '...'"),
        (lambda x: np.einsum("i..->i", x), ValueError, "one '...'"),
        (lambda x: np.einsum("i->j->k", x), ValueError, "only once"),
        (lambda x: np.einsum("ij-ji", x), ValueError, "only once"),
        (lambda x: np.einsum("ij->i,j", x), ValueError, "more than one output"),
        (lambda x: np.einsum("i1", x), ValueError, "may contain letters"),
        (lambda x: np.einsum("ii", x), ValueError, "operand 0 .* axes of several lengths"),
        (lambda x: np.einsum("ij,jk", x, x), ValueError, "einsum"),
        (lambda x: np.einsum(x, ["i", "j"]), TypeError, "integers and Ellipsis"),
        (lambda x: np.einsum("ij", x, dtype=np.float32), TypeError, "does not allow float64"),
        (lambda x: np.einsum("ij", x, dtype=int, casting="unsafe"), TypeError, "lose its deriv"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        autodiff.grad(lambda x: np.sum(call(x)))(rng.normal(size=A))

"""Functions that join arrays, insert into them, delete from them and split them."""

import numpy as np
import pytest

import autodiff
from autodiff import grad

A, C = (2, 3), (2, 3, 4)


def spread(parts):
    """Return the sum of parts times numbers of their own, so that each has its own cotangent."""
    return sum(np.sum(part) * (i + 0.5) for i, part in enumerate(parts))


CALLS = {
    np.concatenate: [
        (lambda x: np.concatenate([x, [[1, 2, 3]]], dtype=float), [A]),
        (lambda x: np.concatenate(x), [C]),
        (lambda x: np.concatenate([x, x], -1, dtype=np.longdouble), [A]),
        (lambda x: np.concatenate([[x[0, 0], 2.0], x[1]]), [A]),
        (lambda x: np.concatenate([x, np.array([[True, False, True]])], casting="unsafe"), [A]),
    ],
    np.stack: [
        (lambda x: np.stack(x, axis=-1), [C]),
        (lambda x, y: np.stack([x, y], -2, dtype=float, casting="safe"), [A, A]),
        (lambda x: np.stack([x, [x[0], 1.0, x[1]]]), [(3,)]),
    ],
    np.vstack: [
        (lambda x, y: np.vstack((x, y, [1.0, 2.0, 3.0]), dtype=float), [(3,), (1, 3)]),
        (lambda x: np.vstack([x, 2.0]), [()]),
    ],
    np.hstack: [(lambda x, y: np.hstack([x, y], dtype=float), [C, (2, 1, 4)])],
    np.dstack: [
        (lambda x, y: np.dstack([x, y]), [A, A]),
        (lambda x, y: np.dstack([x, y, np.ones((1, 3, 1))]), [(3,), (1, 3, 2)]),
    ],
    np.column_stack: [(lambda x, y: np.column_stack((x, y, [1.0, 2.0])), [(2,), (2, 0)])],
    np.block: [
        (lambda x: np.block(x), [A]),
        (lambda x, y: np.block([x, y]), [(3,), (2,)]),
        (lambda x, y: np.block([[x, np.ones((2, 1))], [y, 0.0]]), [(2, 2), (1, 2)]),
        (lambda x: np.block([[np.eye(2), np.zeros((2, 3))], [x.T, np.eye(3)]]), [A]),
        (lambda x, y: np.block([[[x], [y]], [[y], [x]]]), [A, A]),
        (lambda x: np.block([x, 1, x]), [(1, 1, 4)]),
        (lambda x: np.block([x, 1.5]), [()]),
    ],
    np.append: [
        (lambda x, y: np.append(x, y), [A, (2,)]),
        (lambda x: np.append(x, [[1.0, 2.0, 3.0]], axis=0), [A]),
        (lambda x: np.append([1.0], x), [()]),
    ],
    np.insert: [
        (lambda x: np.insert(x, 1, 5.0), [A]),
        (lambda x, y: np.insert(x, 1, y), [(4,), ()]),
        (lambda x, y: np.insert(x, 1, y, axis=1), [A, (2,)]),
        (lambda x, y: np.insert(x, 1, y, axis=0), [A, (2, 3)]),
        (lambda x, y: np.insert(x, [1], y, axis=1), [A, (2, 1)]),
        (lambda x, y: np.insert(x, [3, 0, -1], y, axis=1), [A, (2, 3)]),
        (lambda x, y: np.insert(x, [2, 2], y), [(4,), (2,)]),
        (lambda x, y: np.insert(x, [2, 2], y), [(4,), ()]),
        (lambda x, y: np.insert(x, slice(0, 4, 2), y), [(4,), (2,)]),
        (lambda x, y: np.insert(x, np.array([True, False, True, False]), y), [(4,), (2,)]),
        (lambda x: np.insert(x, [], 1.0) * x, [(4,)]),
        (lambda x: np.insert(x, -1, np.float32(2), axis=-1), [C]),
        (lambda y: np.insert(np.arange(4.0), [0, 4], y), [(2,)]),
        (lambda x: np.insert(x, 3, x), [(3,)]),
    ],
    np.delete: [
        (lambda x: np.delete(x, 1), [A]),
        (lambda x: np.delete(x, -1, axis=1), [A]),
        (lambda x: np.delete(x, slice(None, None, 2), 1), [C]),
        (lambda x: np.delete(x, slice(2, 0, -1), 1), [C]),
        (lambda x: np.delete(x, [0, 0, -1], 2), [C]),
        (lambda x: np.delete(x, np.array([True, False, True]), axis=1), [A]),
        (lambda x: np.delete(x, []), [(3,)]),
        (lambda x: np.delete(x, np.int64(0)), [(3,)]),
    ],
    np.split: [
        (lambda x: spread(np.split(x, 2)), [(4, 2)]),
        (lambda x: spread(np.split(x, np.array([1, 3]), axis=-1)), [C]),
    ],
    np.array_split: [
        (lambda x: spread(np.array_split(x, 3)), [(7,)]),
        (lambda x: spread(np.array_split(x, 5, axis=-1)), [A]),
        (lambda x: spread(np.array_split(x, (1, 2), axis=1)), [C]),
        (lambda x: np.array_split(x, 3)[1] * x[:1], [(3, 0)]),
    ],
    np.hsplit: [
        (lambda x: spread(np.hsplit(x, 2)), [(2, 4)]),
        (lambda x: spread(np.hsplit(x, [1])), [(4,)]),
    ],
    np.vsplit: [(lambda x: spread(np.vsplit(x, [1])), [C])],
    np.dsplit: [(lambda x: spread(np.dsplit(x, 2)), [C])],
    np.unstack: [
        (lambda x: spread(np.unstack(x)), [A]),
        (lambda x: spread(np.unstack(x, axis=-2)), [C]),
        (lambda x: np.unstack(x)[1] * np.unstack(x)[0], [(2,)]),
    ],
}


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))
    wide = [rng.normal(size=tuple(2 * n for n in shape)) for shape in shapes if shape]
    if len(wide) == len(shapes):
        agrees(numpy_call, *(x[tuple(slice(None, None, -2) for _ in x.shape)] for x in wide))


def test_blocks_of_random_depth_are_numpys(rng):
    for _ in range(20):
        heights, widths = rng.integers(0, 3, 2), rng.integers(1, 4, 3)
        rows = [[rng.normal(size=(h, w)) for w in widths] for h in heights]
        first = rows[0][0]

        def f(x, rows=rows):
            return np.sum(np.block([[x, *rows[0][1:]], *rows[1:]]) ** 2)

        value, x_bar = autodiff.value_and_grad(f)(first)
        assert value == f(first)
        np.testing.assert_allclose(x_bar, 2 * first)


def test_values_take_the_type_of_the_array_they_are_inserted_into(rng):
    x = rng.normal(size=3).astype(np.float32)
    joined = np.insert(x, 1, 2.0)
    value, x_bar = autodiff.value_and_grad(lambda x: np.sum(np.insert(x, 1, np.float64(2.0))))(x)
    assert value.dtype == x_bar.dtype == joined.dtype == np.float32
    with pytest.raises(autodiff.LostDerivative, match="lose its derivative"):
        grad(lambda x: np.sum(np.insert(np.arange(3), 1, x)))(1.5)


def test_places_that_are_computed_are_branches(rng):
    x = np.array([0.5, -1.0, 2.0])
    for f in (
        lambda x: np.sum(np.insert(x, np.argmax(x), 7.0 * x[0]) ** 2),
        lambda x: np.sum(np.delete(x, np.argmax(x)) ** 2),
        lambda x: np.split(x, [np.argmax(x)])[0][1] ** 2,
        lambda x: np.roll(x, np.argmax(x))[0] * x[1],
        lambda x: np.sum(np.repeat(x, np.argsort(x))),
    ):
        graph = autodiff.trace(f, x)
        assert graph.forward(x + 0.1) == f(x + 0.1)
        np.testing.assert_array_equal(graph.backward()["x"], grad(f)(x + 0.1))
        with pytest.raises(autodiff.BranchChanged):
            graph.forward(x[::-1])


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: np.concatenate([x, x[0]]), ValueError, "concatenate: "),
        (lambda x: np.concatenate([x[0, 0], x[0, 1]]), ValueError, "cannot be joined: use np.sta"),
        (lambda x: np.concatenate([x, x], dtype=int), TypeError, "by the rule 'same_kind'"),
        (
            lambda x: np.concatenate([x, x], dtype=int, casting="unsafe"),
            autodiff.LostDerivative,
            "lose its derivative",
        ),
        (lambda x: np.stack([x, x[0]]), ValueError, r"shapes \[\(2, 3\), \(3,\)\]"),
        (lambda x: np.stack([x, x], axis=5), ValueError, "out of bounds"),
        (lambda x: np.block([[x], x]), ValueError, r"nested \[0, 1\] deep"),
        (lambda x: np.block([[x], []]), ValueError, "an empty list"),
        (lambda x: np.block([x, (x,)]), TypeError, "a tuple arrived"),
        (lambda x: np.insert(x, 9, 1.0), IndexError, "out of bounds"),
        (lambda x: np.delete(x, 9), IndexError, "out of bounds"),
        (lambda x: np.delete(x, np.array([True, False])), ValueError, "boolean array"),
        (lambda x: np.split(x, 2, axis=1)[0], ValueError, "equal division"),
        (lambda x: np.hsplit(x[0, 0], 1)[0], ValueError, "1 axes are needed"),
        (lambda x: np.vsplit(x[0], 1)[0], ValueError, "2 axes are needed"),
        (lambda x: np.dsplit(x, 1)[0], ValueError, "3 axes are needed"),
        (lambda x: np.unstack(x[0, 0])[0], ValueError, "out of bounds"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=A))

"""Products of matrices and vectors: every argument, real and complex."""

import itertools

import numpy as np
import pytest

import autodiff

A, C = (2, 3), (2, 3, 4)
POINTS = (4, 3)

#: For each function calls, with the shapes of their arguments.
CALLS = {
    np.dot: [
        (lambda x, y: np.dot(x, y), [(3,), (3,)]),
        (lambda x: np.dot(x, 2), [A]),
        (lambda x: np.dot([[1, 2], [3, 4]], x), [A]),
        (lambda x, y: np.dot(x, y), [(0, 3), (3, 2)]),
    ],
    np.linalg.matmul: [(lambda x, y: np.linalg.matmul(x, y), [C, (4, 2)])],
    np.vdot: [
        (lambda x, y: np.vdot(x, y), [(), ()]),
        (lambda x: np.vdot([[1.0, 2.0, 3.0]] * 2, x), [A]),
    ],
    np.linalg.vecdot: [
        (lambda x, y: np.linalg.vecdot(x, y), [(2, 3), (3,)]),
        (lambda x, y: np.linalg.vecdot(x, y, axis=0), [(3, 2), (3, 1)]),
        (lambda x: np.linalg.vecdot(np.ones((2, 3)), x, axis=-2), [A]),
    ],
    np.inner: [(lambda x: np.inner([[1.0, 2.0, 3.0]], x), [A])],
    np.outer: [(lambda x: np.outer([1.0, 2.0], x), [A]), (lambda x: np.outer(x, 3.0), [()])],
    np.linalg.outer: [
        (lambda x, y: np.linalg.outer(x, y), [(3,), (2,)]),
        (lambda x, y: np.linalg.outer(x, y), [(0,), (2,)]),
    ],
    np.tensordot: [
        (lambda x: np.tensordot([[1.0, 2.0]], x, 1), [A]),
        (lambda x, y: np.tensordot(x, y, ((0, 1), (0, 1))), [(2, 0), (2, 0, 3)]),
    ],
    np.linalg.tensordot: [
        (lambda x, y: np.linalg.tensordot(x, y, axes=1), [A, (3, 2)]),
        (lambda x, y: np.linalg.tensordot(x, y, axes=((0,), (1,))), [A, (3, 2)]),
    ],
    np.kron: [
        (lambda x, y: np.kron(x, y), [A, (3, 2)]),
        (lambda x, y: np.kron(x, y), [(2,), (3, 1, 2)]),
        (lambda x, y: np.kron(x, y), [(), A]),
        (lambda x: np.kron([[1.0, 2.0]], x), [(3,)]),
        (lambda x, y: np.kron(x, y), [(0, 2), (3, 1)]),
    ],
    np.cross: [
        (lambda x, y: np.cross(x, y), [(3,), (3,)]),
        (lambda x, y: np.cross(x, y), [POINTS, (3,)]),
        (lambda x, y: np.cross(x, y, axis=0), [(3, 4), (3, 1)]),
        (lambda x, y: np.cross(x, y, axisa=0, axisb=-1, axisc=0), [(3, 4), POINTS]),
        (lambda x: np.cross([1.0, 2.0, 3.0], x), [POINTS]),
    ],
    np.linalg.cross: [
        (lambda x, y: np.linalg.cross(x, y), [POINTS, POINTS]),
        (lambda x, y: np.linalg.cross(x, y, axis=0), [(3, 2), (3, 2)]),
    ],
    np.trace: [
        (lambda x: np.trace(x, 1, 2, 0), [C]),
        (lambda x: np.trace(x, offset=-1, axis1=-1, axis2=1), [C]),
        (lambda x: np.trace(x, offset=5), [A]),
        (lambda x: np.trace(x, dtype=np.longdouble), [A]),
        (lambda x: np.trace(x), [(0, 3)]),
    ],
    np.linalg.trace: [
        (lambda x: np.linalg.trace(x), [C]),
        (lambda x: np.linalg.trace(x, offset=-1, dtype=np.float64), [C]),
    ],
    np.linalg.matrix_transpose: [(lambda x: np.linalg.matrix_transpose(x), [C])],
    np.linalg.multi_dot: [
        (lambda x, y: np.linalg.multi_dot([x, y]), [A, (3, 4)]),
        (lambda x, y, z: np.linalg.multi_dot([x, y, z]), [A, (3, 4), (4, 1)]),
        (lambda x, y, z: np.linalg.multi_dot([x, y, z]), [(3,), (3, 4), (4,)]),
        (lambda x: np.linalg.multi_dot([np.ones((2, 3)), x, np.ones((1, 1)), x[0]]), [(3, 1)]),
        (lambda x, y: np.linalg.multi_dot((x, y, x, y, x)), [(2, 5), (5, 2)]),
        (lambda x, y: np.linalg.multi_dot([x, y, np.ones(2)]), [A, (3, 2)]),
    ],
    np.linalg.matrix_power: [
        *((lambda x, n=n: np.linalg.matrix_power(x, n), [(3, 3)]) for n in (0, 1, 2, 3, 5, 8)),
        (lambda x: np.linalg.matrix_power(x + 3 * np.eye(2), -1), [(2, 2)]),
        (lambda x: np.linalg.matrix_power(x + 3 * np.eye(2), -3), [(4, 2, 2)]),
    ],
}

#: The same with complex operands; what is conjugated matters here.
COMPLEX = {
    "matmul": (lambda x, y: x @ y, (2, 3), (3, 2)),
    "matmul of stacks": (lambda x, y: x @ y, (4, 2, 3), (3, 2)),
    "vecdot": (lambda x, y: np.vecdot(x, y), (2, 3), (3,)),
    "vecdot of linalg": (lambda x, y: np.linalg.vecdot(x, y, axis=0), (3, 2), (3, 2)),
    "vdot": (lambda x, y: np.vdot(x, y), (2, 2), (4,)),
    "dot": (lambda x, y: np.dot(x, y), (3,), (3,)),
    "inner": (lambda x, y: np.inner(x, y), (2, 3), (4, 3)),
    "outer": (lambda x, y: np.outer(x, y), (2,), (3,)),
    "kron": (lambda x, y: np.kron(x, y), (2, 1), (3,)),
    "cross": (lambda x, y: np.cross(x, y), (2, 3), (3,)),
    "tensordot": (lambda x, y: np.tensordot(x, y, 1), (2, 3), (3, 2)),
    "trace": (lambda x, y: np.trace(x) * np.trace(y, 1), (3, 3), (2, 3)),
    "multi_dot": (lambda x, y: np.linalg.multi_dot([x, y, x]), (2, 3), (3, 2)),
    "matrix_power": (lambda x, y: np.linalg.matrix_power(x, -2) @ y, (2, 2), (2,)),
}
if hasattr(np, "matvec"):
    COMPLEX["matvec"] = (lambda x, y: np.matvec(x, y), (4, 2, 3), (3,))
    COMPLEX["vecmat"] = (lambda x, y: np.vecmat(x, y), (4, 2), (2, 3))


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_strided_arrays(numpy_call, shapes, strided, agrees):
    if all(shapes):
        agrees(numpy_call, *map(strided, shapes))


@pytest.mark.each(("call", "left", "right"), COMPLEX.values())
def test_complex_operands(call, left, right, rng, agrees):
    def parts(a, b, c, d):
        z = call(a + 1j * b, c + 1j * d)
        return np.stack([np.real(z), np.imag(z)])

    def mixed(a, c, d):
        return np.real(call(a, c + 1j * d)) + np.imag(call(c + 1j * d, a))

    operands = [rng.normal(size=shape) for shape in (left, left, right, right)]
    agrees(parts, *operands)
    if left == right:
        agrees(mixed, *operands[1:])


@pytest.mark.parametrize("lengths", [(2, 2), (2, 3), (3, 2)])
def test_cross_products_of_vectors_in_the_plane(lengths, rng):
    # NumPy deprecates them, but computes them.
    x, y = (rng.normal(size=(4, n)) for n in lengths)
    out, pullback = autodiff.vjp(np.cross, x, y)
    with pytest.warns(DeprecationWarning, match="2-dimensional"):
        np.testing.assert_allclose(out, np.cross(x, y), rtol=1e-15)
    g = rng.normal(size=out.shape)
    for argnum, x_bar in enumerate(pullback(g)):
        x_dot = rng.normal(size=(4, lengths[argnum]))
        moved = [x_dot, y] if argnum == 0 else [x, x_dot]
        # The product is linear in each of the vectors.
        with pytest.warns(DeprecationWarning, match="2-dimensional"):
            np.testing.assert_allclose(np.sum(x_bar * x_dot), np.sum(g * np.cross(*moved)))


def test_chains_are_multiplied_in_the_cheapest_order(rng):
    lengths = (10, 1, 9, 1, 8)
    factors = [rng.normal(size=pair) for pair in itertools.pairwise(lengths)]
    graph = autodiff.trace(lambda *xs: np.linalg.multi_dot(xs), *factors)
    shapes = [node.shape for node in graph.nodes if node.primitive is not None]
    graph.forward(*factors)
    shapes = [np.shape(node.value) for node in graph.nodes if node.primitive is not None]
    # (A ((B C) D)): the product of B and C is one number.
    assert shapes[0] == (1, 1)
    np.testing.assert_allclose(graph.output.value, np.linalg.multi_dot(factors), rtol=1e-13)


def test_powers_are_squared_repeatedly(rng):
    graph = autodiff.trace(lambda x: np.linalg.matrix_power(x, 1000), np.eye(2))
    assert len(graph) < 20


def test_power_zero_has_gradient_zero(rng):
    x_bar = autodiff.grad(lambda x: np.sum(np.linalg.matrix_power(x, 0) * x))(np.ones((2, 2)))
    np.testing.assert_array_equal(x_bar, np.eye(2))


def test_a_product_with_a_shared_matrix_sums_over_the_stack_within_the_product(rng):
    x, y = rng.normal(size=(5, 4, 3)), rng.normal(size=(3, 2))
    g = rng.normal(size=(5, 4, 2))
    x_bar, y_bar = autodiff.vjp(np.matmul, x, y)[1](g)
    np.testing.assert_allclose(x_bar, np.einsum("bnm,km->bnk", g, y))
    np.testing.assert_allclose(y_bar, np.einsum("bnk,bnm->km", x, g))


@pytest.mark.each(
    ("call", "error", "message"),
    [
        (lambda x: np.cross(x, x), ValueError, "vectors of length 4 and 4"),
        (lambda x: np.cross(x, x[0, 0]), ValueError, "no axes"),
        (lambda x: np.cross(x, x, axisa=3), ValueError, "axisa"),
        (lambda x: np.linalg.cross(x, x), ValueError, "length 4 and 4, not 3"),
        (lambda x: np.linalg.outer(x, x), ValueError, "use np.outer"),
        (lambda x: np.linalg.multi_dot([x]), ValueError, "at least two"),
        (lambda x: np.linalg.multi_dot([x, x[0], x]), np.linalg.LinAlgError, "2, 1, 2 axes"),
        (lambda x: np.linalg.matrix_power(x, 2), np.linalg.LinAlgError, "is not square"),
        (lambda x: np.linalg.matrix_power(x, 1.5), TypeError, "not an integer"),
        (lambda x: np.trace(x[0]), ValueError, "axis1 and axis2"),
        (lambda x: np.trace(x, 0, 1, 1), ValueError, "repeated axis"),
        (lambda x: np.trace(x, dtype=int), TypeError, "lose its derivative"),
        (lambda x: np.dot(x, x), ValueError, "do not align"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        autodiff.grad(lambda x: np.sum(call(x)))(rng.normal(size=(2, 4)))

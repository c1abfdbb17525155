"""Elements and slices of one array: their cotangents are put together once, in every mode."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff

VECTOR, MATRIX = (6,), (4, 3)
#: By name: the shape of an array, and indices that are read one after the other.
WAYS = {
    "basic": (VECTOR, [0, 1, 2, 3, 4, 5]),
    "some": (VECTOR, [1, 4]),
    "one": (VECTOR, [3]),
    "one of many": ((90,), [3, 70, 3]),
    "negative": (VECTOR, [-1, 5, 0, -6]),
    "numpy integers": (VECTOR, [np.int64(2), np.int32(-1), (np.int64(2),)]),
    "repeated": (VECTOR, [2, 2, 2, (2,), -4]),
    "ellipsis": (VECTOR, [(Ellipsis, 2), (2, Ellipsis), Ellipsis, 2]),
    "new axes": (VECTOR, [(None, 2), (2, None), (None, slice(None)), 2]),
    "slices": (VECTOR, [slice(0, 3), slice(3, None), slice(None)]),
    "overlapping": (VECTOR, [slice(i, i + 2) for i in range(5)]),
    "many overlapping": ((40,), [slice(i, i + 2) for i in range(39)]),
    "steps": (VECTOR, [slice(None, None, 2), slice(None, None, -1), slice(4, 0, -2)]),
    "empty": (VECTOR, [slice(3, 3), 1, slice(0, 0)]),
    "masks": (VECTOR, [np.array([True, False, True, True, False, False]), 2, slice(1, 3)]),
    "positions": (VECTOR, [np.array([0, 2, 2]), [1, 1, 5], np.array(3), 3]),
    "many positions": ((40,), [np.array([i, i, -1]) for i in range(12)]),
    "tuples": (MATRIX, [(0, 0), (1, 2), (3, -1), (-1, 2), (0, 0)]),
    "rows": (MATRIX, [0, 1, 2, 3]),
    "many rows": ((30, 3), list(range(30))),
    "columns": (MATRIX, [(slice(None), k) for k in range(3)]),
    "blocks": (MATRIX, [(slice(0, 2), slice(1, 3)), (slice(1, 4), 1), (2, slice(0, 2)), (2, 1)]),
    "mixed": (MATRIX, [0, (0, 1), slice(1, 3), (np.array([0, 3]), 1), (2, 2)]),
}
TRANSFORMS = {"eager": lambda f: f, "plan": autodiff.compile}
DTYPES = [np.float64, np.float32, np.complex128]


def _drawn(rng, shape, dtype=float):
    x = rng.uniform(0.5, 1.5, shape)
    return (x + 1j * rng.uniform(0.5, 1.5, shape) if dtype is np.complex128 else x).astype(dtype)


def _of_reads(indices):
    """Return a function of the parts of an array, and the same without reading them one by one."""

    def loop(x):
        total, before = 0.0, 1.0
        for k, index in enumerate(indices):
            part = np.sum(x[index] ** 2)
            total = total + (k + 1.0) * part * before + np.sum(x[index])
            before = part
        return np.real(total)

    def at_once(x):
        numbers = np.arange(x.size).reshape(x.shape)
        places = [np.ravel(numbers[index]) for index in indices]
        flat = np.reshape(x, -1)
        matrix = np.zeros((len(places), x.size), x.dtype)
        for row, place in zip(matrix, places, strict=True):
            np.add.at(row, place, 1.0)
        parts, sums = matrix @ flat**2, matrix @ flat
        before = np.concatenate([np.ones(1), parts[:-1]])
        return np.real(np.sum(np.arange(1.0, len(places) + 1.0) * parts * before) + np.sum(sums))

    return loop, at_once


@pytest.mark.each("dtype", DTYPES)
@pytest.mark.each("way", WAYS)
@pytest.mark.each("transform", TRANSFORMS)
def test_the_gradient_is_that_of_the_same_without_reads(transform, way, dtype, rng):
    shape, indices = WAYS[way]
    loop, at_once = _of_reads(indices)
    gradient = TRANSFORMS[transform](autodiff.value_and_grad(loop))
    exact = {np.float32: 1e-4}.get(dtype, 1e-11)
    for _ in range(2):
        x = _drawn(rng, shape, dtype)
        value, x_bar = gradient(x)
        expected, expected_bar = autodiff.value_and_grad(at_once)(x)
        np.testing.assert_allclose(value, expected, rtol=exact)
        np.testing.assert_allclose(x_bar, expected_bar, rtol=exact, atol=exact)
        assert x_bar.dtype == dtype
        assert x_bar.shape == shape
        assert x_bar.flags.writeable


@pytest.mark.sampled(5)
@pytest.mark.each("way", WAYS)
@pytest.mark.each("transform", TRANSFORMS)
def test_second_derivatives_and_forward_mode(transform, way, rng):
    shape, indices = WAYS[way]
    loop, at_once = _of_reads(indices)
    x, v = _drawn(rng, shape), _drawn(rng, shape)

    def products(f):
        def along(x, v):
            return np.sum(autodiff.grad(f)(x) * v)

        def forward_over_reverse(x, v):
            return autodiff.jvp(autodiff.grad(f), (x,), (v,))[1]

        def third(x, v):
            return autodiff.grad(lambda x: np.sum(autodiff.grad(along)(x, v) * v))(x)

        def matrix(x, v):
            return autodiff.hessian(f)(x)

        return [autodiff.grad(along), forward_over_reverse, matrix, third]

    for mine, other in zip(products(loop), products(at_once), strict=True):
        found = TRANSFORMS[transform](mine)(x, v)
        np.testing.assert_allclose(found, other(x, v), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_reads_of_rows_of_slices_of_views_and_of_the_array_itself(transform, rng):
    def loop(x):
        total = np.sum(x[1:][0] * x[::-1][0]) + np.sum(x**3)
        for row in x:
            a, b, c = row
            total = total + a * b * row[-1] + np.sum(row[1:]) * row[1:][0] + c
        part = x[1:, ::-1]
        for i in range(3):
            total = total + part[i, 0] * part[i][1] * x.T[1][i]
        return total + x[..., 1][2] * x[2, None][0, 1]

    def at_once(x):
        total = np.dot(x[1], x[3]) + np.sum(x**3)
        total = total + np.sum(x[:, 0] * x[:, 1] * x[:, 2] + (x[:, 1] + x[:, 2]) * x[:, 1])
        total = total + np.sum(x[:, 2]) + np.sum(x[1:, 2] * x[1:, 1] * x[:3, 1])
        return total + x[2, 1] ** 2

    x = rng.normal(size=MATRIX)
    for f, g in ((loop, at_once), (_norm_of_gradient(loop), _norm_of_gradient(at_once))):
        value, x_bar = TRANSFORMS[transform](autodiff.value_and_grad(f))(x)
        np.testing.assert_allclose(value, g(x), rtol=1e-12)
        np.testing.assert_allclose(x_bar, autodiff.grad(g)(x), rtol=1e-11)


def _norm_of_gradient(f):
    return lambda x: np.sum(autodiff.grad(f)(x) ** 2)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_vector_valued_function_of_elements(transform, rng):
    def loop(x):
        return np.array([x[i] * x[i - 1] for i in range(len(x))])

    x = rng.normal(size=5)
    expected = np.diag(np.roll(x, 1)) + np.roll(np.diag(x), -1, axis=1)
    found = TRANSFORMS[transform](autodiff.jacobian(loop))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    stacked = TRANSFORMS[transform](autodiff.jacobian(lambda x: np.stack(list(loop(x)))))(x)
    np.testing.assert_allclose(stacked, expected, rtol=1e-13)


def test_the_gradient_is_the_callers_own_array():
    x = np.ones(4)
    gradient = autodiff.compile(autodiff.grad(lambda x: sum(v * v for v in x)))
    first = gradient(x)
    second = gradient(2.0 * x)
    np.testing.assert_array_equal(first, 2.0)
    np.testing.assert_array_equal(second, 4.0)


@pytest.mark.parametrize(
    "transform",
    {
        "gradient": autodiff.grad,
        "second order": lambda f: autodiff.grad(_norm_of_gradient(f)),
        "joined": lambda f: autodiff.grad(
            lambda x: f(np.concatenate([x[i : i + 1] for i in range(len(x))]))
        ),
        "assembled": lambda f: autodiff.grad(lambda x: f(np.array([2.0 * v for v in x]))),
    }.items(),
    ids=lambda item: item[0],
)
def test_time_is_linear_in_the_number_of_elements(transform):
    def loop(x):
        total = 0.0
        for i in range(len(x) - 1):
            total = total + x[i] * x[i + 1]
        return total

    derivative = transform[1](loop)

    def taken(n):
        x = np.ones(n)
        times = []
        for _ in range(3):
            start = time.process_time()
            derivative(x)
            times.append(time.process_time() - start)
        return min(times)

    derivative(np.ones(10))
    # Quadratic time would give 64.
    assert taken(4000) < 24 * taken(500)


@st.composite
def _programs(draw):
    """Return steps on registers: reads of a 3×4 matrix, and arithmetic on what was read."""
    steps = []
    for _ in range(draw(st.integers(1, 14))):
        kind = draw(
            st.sampled_from(["element", "row element", "slice", "row", "add", "multiply", "sin"])
        )
        steps.append((kind, *draw(st.tuples(*[st.integers(-3, 2)] * 4))))
    return steps


def _run(steps, x, element):
    registers = [1.0]
    for kind, a, b, c, d in steps:
        left, right = registers[c % len(registers)], registers[d % len(registers)]
        if kind == "element":
            new = element(x, a, b)
        elif kind == "row element":
            new = x[a][b] if element is _by_index else element(x, a, b)
        elif kind == "slice":
            new = (
                np.sum(x[a % 3 :, b])
                if element is _by_index
                else sum([element(x, i, b) for i in range(a % 3, 3)])
            )
        elif kind == "row":
            new = (
                np.sum(x[a] * x[b])
                if element is _by_index
                else sum([element(x, a, k) * element(x, b, k) for k in range(4)])
            )
        elif kind == "add":
            new = left + right
        elif kind == "multiply":
            new = left * right * 0.5
        else:
            new = np.sin(left)
        registers.append(new)
    return sum(registers[1:], 0.0 * np.sum(x))


def _by_index(x, i, k):
    return x[i, k]


def _by_mask(x, i, k):
    mask = np.zeros((3, 4))
    mask[i, k] = 1.0
    return np.sum(mask * x)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(_programs())
def test_random_programs_of_reads_agree_with_products_with_masks(steps):
    x = np.linspace(-1.0, 1.3, 12).reshape(3, 4)

    def read(x):
        return _run(steps, x, _by_index)

    def masked(x):
        return _run(steps, x, _by_mask)

    value, x_bar = autodiff.value_and_grad(masked)(x)
    for transform in TRANSFORMS.values():
        found, found_bar = transform(autodiff.value_and_grad(read))(x)
        np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found_bar, x_bar, rtol=1e-10, atol=1e-12)
    curvature = autodiff.grad(_norm_of_gradient(masked))(x)
    found = autodiff.grad(_norm_of_gradient(read))(x)
    np.testing.assert_allclose(found, curvature, rtol=1e-9, atol=1e-10)

"""Shorter forms give the same numbers, signs of zeros and NaN included."""

import numpy as np
import pytest

import autodiff
from autodiff.core.primitive import PRIMITIVES
from autodiff.plan.literals import literal
from autodiff.plan.passes.builder import Builder
from autodiff.plan.program import Node, constant, is_number

SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, 1e300, -1e-300, np.inf, -np.inf, np.nan, 3.0])
MASK = np.arange(10) % 2 == 0
FUNCTIONS = {
    "times one": lambda x: x * 1.0,
    "negatives": lambda x: -np.negative(x) + (-x) * (-x) - (-x),
    "a sum with a negative": lambda x: x + (-x * 3.0),
    "a difference with a negative": lambda x: x - (-(x * x)),
    "powers": lambda x: x**2 + x**3 - x**4 + x**1,
    "a quotient by a power of two": lambda x: x / 4.0 + x / -0.5,
    "a quotient by another number": lambda x: x / 3.0,
    "numbers together": lambda x: (x * 2.0) * 0.25 * 3.0,
    "numbers that round": lambda x: (x * 0.1) * 0.3,
    "a number times a product with a negative": lambda x: ((-x) * x) * 2.0,
    "twice": lambda x: x + x,
    "transposes": lambda x: (x.reshape(2, 5).T.T * 2.0).ravel(),
    "reshapes": lambda x: x.reshape(5, 2).reshape(2, 5).reshape(10),
    "a mean of squares": lambda x: np.mean(np.square(x)) + 0.0 * x,
    "sums along short axes": lambda x: np.sum(x.reshape(5, 2), axis=1) * np.ones(5),
    "a choice": lambda x: np.where(x > 0, x, -x),
    "a choice that is made": lambda x: (
        np.where(MASK & False, 0.0, x) + np.where(~(MASK & False), x, 1.0)
    ),
    "masks that are whole": lambda x: np.where((x > 0) & (MASK | True), x, -x),
    "no mask at all": lambda x: np.where(np.logical_and(False, x > 0), x, x * 2.0),
    "part of a mask": lambda x: np.where((x > 0) & MASK, x, -x),
    "zeros": lambda x: x * 0.0 + (x - x),
    "a zero more": lambda x: (x + 0.0) * (x + -0.0) + (np.square(x) + 0.0) - 0.0,
    "a zero less": lambda x: (x - 0.0) * (0.0 - x) + (x - -0.0),
    "a negative zero more": lambda x: -0.0 + x,
    "ones that are not one": lambda x: x * np.full(10, 1.0) * np.full(10, -1.0),
}


@pytest.mark.each("name", FUNCTIONS)
def test_values_are_the_same(name):
    f = FUNCTIONS[name]
    plan = autodiff.compile(f)
    with np.errstate(all="ignore"):
        plan(np.arange(10.0) + 0.5)
        for x in (SPECIAL, -SPECIAL, np.linspace(-3, 3, 10)):
            found, expected = plan(x), f(x)
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
            np.testing.assert_array_equal(
                np.signbit(found[found == 0]), np.signbit(expected[expected == 0])
            )
            # NumPy rounds a power once, products round each time.
            rtol = 2e-15 if name == "powers" else 4e-16
            np.testing.assert_allclose(found, expected, rtol=rtol)


def test_equal_parts_are_computed_once():
    def f(x):
        return np.exp(x * 2.0) + np.exp(2.0 * x) * np.exp(x * 2.0)

    assert autodiff.compile(f).plan(np.ones(3)).operations == 4


def test_masks_that_are_known_are_left_out():
    x = Node("input", (), {}, (3,), np.dtype(float))
    y = Node("input", (), {}, (3,), np.dtype(bool))
    for mask, kept in ((False, None), (True, y), ([True, False, True], None)):
        builder = Builder()
        known = builder.constant(np.broadcast_to(mask, 3).copy())
        both = builder.ufunc(np.bitwise_and, y, known)
        chosen = builder.make("where", (known, x, builder.number(1.0)), {}, (3,), x.dtype, np.where)
        if isinstance(mask, list):
            assert [node.op for node in builder.nodes] == ["bitwise_and", "where"]
            continue
        assert (both is y) == (kept is y)
        assert mask or not np.any(both.function)
        assert (chosen is x) == mask
    slope = builder.constant(np.array([1.0, -2.0, np.nan]))
    some = builder.constant(np.array([1.0, 0.0, 2.0]))

    def no_nan(direction):
        function = PRIMITIVES["multiply_no_nan"].function
        return builder.make("multiply_no_nan", (direction, x), {}, (3,), x.dtype, function)

    assert no_nan(slope) is x
    assert no_nan(some) is not x


def test_constants_are_folded():
    builder = Builder()
    two = builder.number(2.0)
    assert builder.ufunc(np.multiply, two, builder.number(3.0)) is builder.number(6.0)
    assert builder.number(0.0) is not builder.number(-0.0)
    assert is_number(constant(np.full((2, 3), 7.0)), 7.0)
    assert not is_number(constant(np.array([0.0, -0.0])))
    assert not builder.nodes


def test_what_is_positive_is_no_maximum_with_zero():
    builder = Builder()
    x = Node("input", (), {}, (3,), np.dtype(float))
    zero, square = builder.number(0.0), builder.ufunc(np.square, x)
    for positive in (square, builder.ufunc(np.add, builder.number(1.0), square)):
        assert builder.ufunc(np.maximum, positive, zero) is positive
        assert builder.ufunc(np.maximum, zero, positive) is positive
        assert builder.ufunc(np.maximum, positive, builder.number(0.5)) is not positive
    for other in (x, builder.ufunc(np.add, builder.number(-1.0), square)):
        assert builder.ufunc(np.maximum, other, zero) is not other


def test_a_product_with_ones_is_itself():
    builder = Builder()
    x = Node("input", (), {}, (2, 3), np.dtype(float))
    assert builder.ufunc(np.multiply, builder.number(1.0, (2, 3)), x) is x
    assert builder.ufunc(np.multiply, x, builder.number(1.0, (5, 2, 3))) is not x


def test_one_that_gives_another_shape_is_kept():
    plan = autodiff.compile(lambda x: x * np.ones((4, 1)))
    assert plan(np.arange(3.0)).shape == (4, 3)
    np.testing.assert_array_equal(plan(np.arange(3.0)), np.tile(np.arange(3.0), (4, 1)))


@pytest.mark.parametrize(
    ("f", "operations"),
    [
        (lambda x: x - 0.0, 0),
        (lambda x: x + -0.0, 0),
        (lambda x: np.exp(x) + 0.0, 1),
        (lambda x: x + 0.0, 1),
        (lambda x: x * 0.0, 1),
    ],
)
def test_zeros_are_left_out_only_where_nothing_changes(f, operations):
    """A sum with 0.0 turns -0.0 around; a product with it is NaN where a value is infinite."""
    assert autodiff.compile(f).plan(np.ones(3)).operations == operations


def test_operations_on_constants_are_done_when_the_plan_is_made():
    """Zeros of the backward pass that become arrays, and calls on arrays of the plan's own."""
    builder = Builder()
    numbers = builder.constant(np.arange(6.0).reshape(2, 3))
    turned = builder.make(
        "transpose", (numbers,), {"axes": (1, 0)}, (3, 2), numbers.dtype, np.transpose
    )
    np.testing.assert_array_equal(turned.function, np.arange(6.0).reshape(2, 3).T)
    assert not np.shares_memory(turned.function, numbers.function)
    assert builder.ufunc(np.sin, turned).op == "constant"
    assert builder.nodes == []
    large = builder.number(1.0, (1000, 1000))
    assert builder.ufunc(np.arctan, large).op == "arctan"


def test_a_function_of_the_users_own_is_never_folded():
    calls = []
    noisy = autodiff.custom(
        lambda x: calls.append(0) or 2.0 * x, vjps={0: lambda out, x: lambda g: 2.0 * g}
    )
    compiled = autodiff.compile(lambda x: x + noisy(np.float64(3.0) + 0.0 * x))
    compiled(np.ones(3))
    before = len(calls)
    compiled(np.ones(3))
    assert len(calls) > before


def test_numbers_of_numpy_stay_that_beside_complex_ones():
    """Python's operator made a complex number of 0j and a float of NumPy's, without methods."""

    def f(x, y):
        return np.sum(np.cos(np.real(np.sum(x * y))))

    x, y = np.array([1 + 2j, 3 - 1j]), np.array([0.5j, 1 + 1j])
    both = autodiff.value_and_grad(f, (0, 1))
    value, bars = autodiff.compile(both)(x, y)
    expected, wanted = both(x, y)
    assert value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(bars, wanted, rtol=1e-14)


@pytest.mark.parametrize(
    "value",
    [
        np.float32("nan"),
        np.complex128(complex("nan+infj")),
        complex("-inf-1j"),
        np.float32(-2.5),
        -1j,
    ],
)
def test_a_number_of_any_kind_has_a_source(value):
    found = eval(literal(value), {"np": np})
    assert type(found) is type(value)
    np.testing.assert_array_equal(found, value)


def test_functions_of_users_with_one_name_stay_apart():
    # They were one operation: the second gave the value of the first.
    def made(scale):
        def erf(x):
            return scale * x

        return autodiff.custom(erf, vjps={0: lambda out, x: lambda g: scale * g})

    once, twice = made(1.0), made(2.0)

    def loss(x):
        return np.sum(once(x) * twice(x))

    plan = autodiff.compile(autodiff.value_and_grad(loss))
    x = np.array([1.0, 3.0])
    value, slopes = plan(x)
    np.testing.assert_allclose(value, 20.0)
    np.testing.assert_allclose(slopes, 4.0 * x)


def test_what_is_asked_many_times_is_asked_once():
    def f(x):
        for _ in range(5):
            x = x * 1.0 if x[0] > 0 else -x
        return np.sum(x * x)

    step = autodiff.compile(f)
    assert step.plan(np.ones(2)).source.count("return changed") == 1
    np.testing.assert_allclose([step(np.ones(2)), step(-np.ones(2))], 2.0)

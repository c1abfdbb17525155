"""Methods of universal functions, each against NumPy's own."""

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace
from autodiff.core.primitive import UFUNC_METHODS

MASK = np.array([[True, False, True], [False, True, True]])


@pytest.mark.each(
    "ufunc",
    [
        *(np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin),
        *(np.logaddexp, np.logaddexp2),
    ],
)
@pytest.mark.each(
    "kwargs",
    [
        {},
        {"axis": 1, "keepdims": True},
        {"axis": None},
        {"axis": (0, 1)},
        {"axis": -1, "initial": 0.25},
        {"axis": 1, "initial": -0.5, "where": MASK},
        {"axis": 0, "dtype": np.longdouble},
    ],
)
def test_reduce(ufunc, kwargs, rng, agrees):
    reduce = ufunc.reduce
    agrees(lambda x: reduce(x, **kwargs), rng.normal(size=(2, 3)))


def test_reduce_with_tensors_beside_the_array(rng, agrees):
    for ufunc in (np.add, np.multiply, np.maximum, np.logaddexp):
        reduce = ufunc.reduce
        agrees(
            lambda x, y, reduce=reduce: reduce(x, axis=1, initial=y, where=x > -9),
            rng.normal(size=(2, 3)),
            np.float64(0.3),
        )


@pytest.mark.parametrize(
    "ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=lambda u: u.__name__
)
def test_accumulate(ufunc, rng, agrees):
    accumulate = ufunc.accumulate
    agrees(lambda x: accumulate(x), rng.normal(size=(4, 3)))
    agrees(lambda x: accumulate(x, axis=-1), rng.normal(size=(2, 3, 4)))
    agrees(lambda x: accumulate(x, 1, np.longdouble), rng.normal(size=(2, 3)))


@pytest.mark.parametrize(
    "ufunc",
    [*(np.add, np.subtract, np.multiply, np.divide, np.maximum), *(np.hypot, np.arctan2)],
    ids=lambda u: u.__name__,
)
def test_outer(ufunc, rng, agrees):
    outer = ufunc.outer
    agrees(outer, rng.uniform(1, 2, size=(2, 3)), rng.uniform(1, 2, size=4))
    agrees(lambda x: outer(x, [1.0, 2.0]), rng.uniform(1, 2, size=3))
    agrees(lambda y: outer(2.0, y), rng.uniform(1, 2, size=(2, 1)))
    assert outer(rng.normal(size=2), 3.0).shape == (2,)


def test_outer_of_comparisons_is_plain(rng):
    x = rng.normal(size=3)
    value = autodiff.vjp(lambda x: np.sum(np.less.outer(x, x) * x), x)[0]
    assert value == np.sum(np.less.outer(x, x) * x)


@pytest.mark.parametrize("name", ["reduce", "accumulate"])
def test_masks_are_plain_and_computed_anew(name):
    for ufunc in (np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and):
        call = getattr(ufunc, name)
        x, fresh = np.array([[1.0, -1.0, 2.0], [1.0, 1.0, 0.0]]), np.ones((2, 3))

        def f(x, call=call):
            return x * call(x > 0, axis=0)

        graph = trace(f, x)
        np.testing.assert_array_equal(graph.forward(fresh), f(fresh))
        np.testing.assert_array_equal(autodiff.vjp(f, x)[0], f(x))
    reduce = np.logical_or.reduce
    out = autodiff.vjp(lambda x: x * reduce(x > 0, axis=None, where=MASK, keepdims=True), x)[0]
    np.testing.assert_array_equal(out, x)


def test_a_log_of_sums_of_anything_is_stable():
    x = np.array([1000.0, 1001.0, -np.inf, -1e300])
    for ufunc, power in [(np.logaddexp, np.exp), (np.logaddexp2, np.exp2)]:
        reduce = ufunc.reduce
        expected = power(x - ufunc.reduce(x))
        np.testing.assert_allclose(grad(reduce)(x), expected, rtol=1e-13)
    np.testing.assert_array_equal(grad(np.logaddexp.reduce)(np.full(3, -np.inf)), 0)


STEPWISE = [
    *(np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.fmax, np.fmin),
    *(np.logaddexp, np.logaddexp2, np.hypot),
]


@pytest.mark.each("ufunc", STEPWISE)
def test_step_by_step(ufunc, rng, agrees):
    x, y = rng.uniform(1, 2, size=5), rng.uniform(1, 2, size=(3, 4))
    reduce, accumulate, reduceat = ufunc.reduce, ufunc.accumulate, ufunc.reduceat
    agrees(reduce, x)
    agrees(lambda x: reduce(x, axis=1, keepdims=True), y)
    agrees(accumulate, x)
    agrees(lambda x: accumulate(x, axis=-1), y)
    # A position that is not below the next one gives its element.
    agrees(lambda x: reduceat(x, [0, 3, 1, 1]), x)
    agrees(lambda x: reduceat(x, np.array([2, 0]), axis=1), y)


def test_step_by_step_from_a_number_and_of_nothing(agrees, rng):
    agrees(lambda x: np.hypot.reduce(x, initial=3.0), rng.normal(size=(2, 3)))
    agrees(lambda x: np.logaddexp.accumulate(x).sum() + np.sum(x), np.zeros(0))
    with pytest.raises(ValueError, match="along one axis"):
        grad(lambda x: np.subtract.reduce(x, axis=None))(np.ones((2, 2)))
    with pytest.raises(ValueError, match="no identity"):
        grad(lambda x: np.divide.reduce(x) + np.sum(x))(np.zeros(0))


@pytest.mark.parametrize(
    ("ufunc", "name", "inputs", "kwargs", "error", "message"),
    [
        (np.add, "reduceat", ([0, 2],), {}, IndexError, "out-of-bounds"),
        (np.power, "reduce", (), {}, autodiff.Undifferentiable, "np.power.reduce of a tensor"),
        (np.floor_divide, "reduce", (), {}, autodiff.Undifferentiable, "loop over the elements"),
        (np.add, "reduce", (), {"out": np.ones((), object)}, autodiff.LostDerivative, "out="),
        (np.maximum, "reduce", (), {"where": [True, False]}, ValueError, "needs initial="),
    ],
)
def test_what_is_refused(ufunc, name, inputs, kwargs, error, message):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(getattr(ufunc, name)(x, *inputs, **kwargs)))(np.ones(2))


def test_every_ufunc_of_two_arguments_has_an_outer_form():
    missing = [
        u.__name__
        for u in vars(np).values()
        if isinstance(u, np.ufunc)
        and u.nin == 2
        and u.signature is None
        and (u, "outer") not in UFUNC_METHODS
    ]
    assert not missing

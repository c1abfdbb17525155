"""Every mode of np.pad."""

import itertools

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad

A = (2, 3)
WIDTHS = [2, (1, 0), ((1, 2), (0, 4)), [[7], [1]], np.array([[0, 0], [9, 8]])]

CALLS = {
    np.pad: [
        *[
            (lambda x, mode=mode, w=w: np.pad(x, w, mode), [A])
            for mode, w in itertools.product(
                ("constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum"), WIDTHS
            )
        ],
        *[
            (lambda x, mode=mode, w=w: np.pad(x, w, mode), [A])
            for mode, w in itertools.product(("reflect", "symmetric", "wrap"), WIDTHS)
        ],
        *[
            (lambda x, mode=mode, w=w: np.pad(x, w, mode, reflect_type="odd"), [shape])
            for mode, w, shape in itertools.product(
                ("reflect", "symmetric"), [1, (3, 0), (2, 9), (13, 11)], [(1,), (2,), (3,), (5,)]
            )
        ],
        (lambda x: np.pad(x, 2, "reflect", reflect_type="odd"), [A]),
        (lambda x: np.pad(x, ((1, 4), (6, 2)), "symmetric", reflect_type="odd"), [A]),
        (lambda x: np.pad(x, 3, "reflect", reflect_type="even"), [(2, 1)]),
        (lambda x: np.pad(x, 3, "constant", constant_values=7), [A]),
        (lambda x: np.pad(x, 1, constant_values=((1, 2), (3, 4))), [A]),
        (lambda x: np.pad(x, 1, constant_values=(x[0, 0], 2.0)), [A]),
        (lambda x, y: np.pad(x, (2, 1), constant_values=y), [A, ()]),
        (lambda x, y: np.pad(x, (2, 1), constant_values=y), [A, (2, 2)]),
        (lambda x, y: np.pad(x, (2, 1), constant_values=[[y, 0.0], [1.0, y]]), [A, ()]),
        (lambda x: np.pad(x, (2, 1), constant_values=1.0), [(0,)]),
        (lambda x, y: np.pad(x, (2, 3), "linear_ramp", end_values=y), [A, ()]),
        (lambda x: np.pad(x, 2, "linear_ramp", end_values=((1, 2), (x[0, 0], 4))), [A]),
        (lambda x: np.pad(x, 2, "maximum", stat_length=2), [(2, 5)]),
        (lambda x: np.pad(x, 2, "minimum", stat_length=((1, 2), (3, 1))), [(2, 5)]),
        (lambda x: np.pad(x, 2, "mean", stat_length=(2, 9)), [(2, 5)]),
        (lambda x: np.pad(x, 2, "median", stat_length=2), [(2, 5)]),
        (lambda x: np.pad(x, 1, "edge"), [(2, 3, 2)]),
        (lambda x: np.pad(x, 1, "wrap"), [(2, 3, 2)]),
        (lambda x: np.pad(x, ((0, 0), (2, 2)), "edge"), [(0, 3)]),
        (lambda x: np.pad(x, 2), [(0,)]),
    ]
}
if np.lib.NumpyVersion(np.__version__) >= "2.4.0":
    CALLS[np.pad] += [
        (lambda x: np.pad(x, {-1: (1, 2)}, "edge"), [A]),
        (lambda x: np.pad(x, {0: 2, 1: (0, 1)}), [A]),
    ]


def test_value_and_gradient(numpy_call, shapes, rng, agrees):
    agrees(numpy_call, *(rng.normal(size=shape)[()] for shape in shapes))


def test_empty_mode_leaves_the_padding_open(rng):
    x = rng.normal(size=A)
    f = lambda x: np.pad(x, 1, "empty")[1:-1, 1:-1] ** 2  # noqa: E731
    value, x_bar = value_and_grad(lambda x: np.sum(f(x)))(x)
    np.testing.assert_allclose(value, np.sum(x**2))
    np.testing.assert_array_equal(x_bar, 2 * x)
    assert trace(f, x).forward(x).shape == A


def test_infinity_at_an_edge_stays_there():
    x = np.array([np.inf, 1.0, 2.0])
    value, x_bar = value_and_grad(
        lambda x: np.sum(np.pad(x, (0, 1), "reflect", reflect_type="odd"))
    )(x)
    assert value == np.inf
    assert x_bar.tolist() == [1, 0, 3]


@pytest.mark.parametrize("mode", ["linear_ramp", "mean", "median", "reflect"])
def test_float32_is_kept(mode, rng):
    x = rng.normal(size=A).astype(np.float32)
    padded = np.pad(x, 2, mode)
    value, x_bar = value_and_grad(lambda x: np.sum(np.pad(x, 2, mode)))(x)
    assert (value.dtype, x_bar.dtype, padded.dtype) == (np.float32,) * 3
    np.testing.assert_allclose(value, np.sum(padded), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.pad(x, 1, lambda *a: None), autodiff.Undifferentiable, "a function as mode"),
        (lambda x: np.pad(x, 1, "around"), ValueError, "mode='around'"),
        (lambda x: np.pad(x, 1, "edge", constant_values=1), ValueError, "does not take constant_v"),
        (lambda x: np.pad(x, -1), ValueError, "negative number"),
        (lambda x: np.pad(x, 1.5), TypeError, "integers are needed"),
        (lambda x: np.pad(x, (1, 2, 3)), ValueError, "broadcast"),
        (lambda x: np.pad(x[:, :0], 1, "edge"), ValueError, "cannot extend the empty axis 1"),
        (lambda x: np.pad(x, 1, "maximum", stat_length=0), ValueError, "yields no value"),
        (lambda x: np.pad(x, 1, "mean", stat_length=-1), ValueError, "negative number"),
    ],
)
def test_what_is_refused(call, error, message, rng):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)))(rng.normal(size=A))

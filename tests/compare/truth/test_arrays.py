import operator
import pickle

import numpy as np
import pytest

from compare.problems import namespace
from compare.truth.arrays import ExactArray, exact
from compare.truth.numbers import NoTruth, as_mpf, precision


@pytest.fixture(autouse=True)
def digits():
    with precision(60):
        yield


def third(x):
    """Whether a number is a third to more digits than float64 has."""
    return abs(float(str(as_mpf(3 * x - 1)))) < 1e-50


def test_problems_of_the_array_api_choose_numpy():
    assert namespace(exact(1.0), exact(np.ones(2))) is np


@pytest.mark.each(
    "divided",
    [
        lambda x: x / 3.0,
        lambda x: x / 3,
        lambda x: x / np.float64(3.0),
        lambda x: x / np.array(3.0),
        lambda x: np.divide(x, 3.0),
        lambda x: x * exact(3.0) ** -1,
        lambda x: x * np.reciprocal(exact(3.0)),
        lambda x: (x[None] / np.array([3.0]))[0],
        lambda x: np.sum(np.stack([x, x, x])) / 9.0,
        lambda x: np.where(x > 0, x / 3.0, 0.0),
        lambda x: next(iter(np.stack([x, x]) / 3.0)),
        lambda x: np.stack([x / 3.0, x]).tolist()[0],
        lambda x: np.linalg.solve(3.0 * x * np.eye(2), np.ones(2))[1],
        lambda x: np.full(2, x)[0] / 3.0,
        lambda x: _in_place(x),
    ],
)
def test_no_digit_is_lost_on_the_way(divided):
    assert third(divided(exact(1.0)))


def _in_place(x):
    x = x[None].copy()
    x /= 3.0
    return x[0]


@pytest.mark.each(
    "rounds",
    [
        float,
        int,
        complex,
        round,
        lambda x: x.astype(float),
        lambda x: np.asarray(x, dtype=float),
        lambda x: np.zeros(2).__setitem__(0, x),
        lambda x: np.add(np.zeros(1), x, out=np.zeros(1)),
        lambda x: np.copyto(np.zeros(()), x, casting="unsafe"),
        lambda x: np.copyto(np.zeros(2), x),
        lambda x: np.put(np.zeros(2), [0], x),
        lambda x: np.add.at(np.zeros(2), [0, 0], x),
        lambda x: np.cumsum(x[None], 0, None, np.zeros(1)),
        lambda x: np.sum(x[None], out=np.zeros(())),
        lambda x: np.fill_diagonal(np.zeros((2, 2)), x),
        lambda x: np.putmask(np.zeros(2), [True, False], x),
        lambda x: np.ones(2) * 1j * x,
        lambda x: x * np.longdouble(1.0),
        pickle.dumps,
    ],
)
def test_nothing_is_rounded_silently(rounds):
    with pytest.raises(TypeError):  # of which NoTruth is one
        rounds(exact(1.0) / 3.0)


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.eq, operator.ge])
def test_comparisons_give_masks_of_numpy(compare):
    found = compare(exact(np.array([1.0, 2.0, 3.0])), 2.0)
    assert found.dtype == bool
    assert found.tolist() == compare(np.array([1.0, 2.0, 3.0]), 2.0).tolist()


@pytest.mark.parametrize(
    "ufunc", [np.isfinite, np.isnan, np.isinf, np.signbit, np.floor, np.ceil, np.trunc, np.rint]
)
def test_what_numpy_does_not_offer_for_objects_is_there(ufunc):
    values = np.array([-2.5, -0.4, 0.5, 1.5, 2.5, np.inf, np.nan])
    if ufunc in (np.floor, np.ceil, np.trunc, np.rint):
        values = values[:5]
    found = ufunc(exact(values))
    expected = ufunc(values)
    assert found.tolist() == expected.tolist()
    assert (found.dtype == bool) == (expected.dtype == bool)


def test_a_pole_and_a_root_of_a_negative_number_are_what_numpy_says():
    with np.errstate(all="ignore"):
        assert np.isinf(exact(np.array([1.0, -1.0])) / 0.0).all()
        assert np.isnan(np.sqrt(exact(np.array([-1.0])))).all()
        assert np.isnan(np.log(exact(-1.0)))
        assert np.isnan(exact(-1.0) ** 0.5)


def test_a_scalar_stays_an_array_of_no_dimensions():
    x = exact(np.ones(3))
    assert all(isinstance(y, ExactArray) for y in (x[0], x[:2], x @ x, np.sum(x), x.mean(), -x[1]))


def test_another_thread_has_no_part_in_a_deadline():
    with precision(60, seconds=0.0), pytest.raises(NoTruth, match="longer than there is time"):
        exact(1.0) + 1.0
    assert third(exact(1.0) / 3.0)

import itertools
import math
import sys
import types

import mpmath
import numpy as np
import pytest

from compare.problems import PROBLEMS
from compare.truth import NoTruth, true_gradient
from compare.truth.arrays import exact
from compare.truth.numbers import as_mpf, precision

_I = np.array([0, 0, 1])


def digits(found, expected):
    """Return the number of decimal digits that are right."""
    with mpmath.workdps(200):
        if found == expected:
            return 200
        return int(-mpmath.log10(abs(found - expected) / abs(expected)))


def mp(text):
    with mpmath.workdps(120):
        return mpmath.mpf(eval(text, {"m": mpmath, "mpf": mpmath.mpf}))


#: Derivatives by hand: function of one number, where, and the derivative in mpmath's words.
ONE_NUMBER = [
    (np.exp, 0.5, "m.exp(mpf(0.5))"),
    (np.log, 3.0, "1 / mpf(3)"),
    (np.log1p, 0.25, "1 / mpf(1.25)"),
    (np.log2, 3.0, "1 / (3 * m.log(2))"),
    (np.log10, 3.0, "1 / (3 * m.log(10))"),
    (np.sqrt, 2.0, "1 / (2 * m.sqrt(2))"),
    (np.cbrt, -2.0, "1 / (3 * m.cbrt(4))"),
    (np.sin, 1.0, "m.cos(1)"),
    (np.cos, 1.0, "-m.sin(1)"),
    (np.tan, 1.0, "1 / m.cos(1)**2"),
    (np.arcsin, 0.5, "1 / m.sqrt(1 - mpf(0.25))"),
    (np.arctan, 0.5, "1 / mpf(1.25)"),
    (np.arccosh, 1.5, "1 / m.sqrt(mpf(1.25))"),
    (np.sinh, 1.0, "m.cosh(1)"),
    (np.tanh, 2.0, "1 / m.cosh(2)**2"),
    (np.tanh, 40.0, "1 / m.cosh(40)**2"),
    (np.square, 3.0, "mpf(6)"),
    (np.reciprocal, 3.0, "-1 / mpf(9)"),
    (np.exp2, 0.5, "m.sqrt(2) * m.log(2)"),
    (np.expm1, 1e-8, "m.exp(mpf(1e-8))"),
    (np.absolute, -3.0, "mpf(-1)"),
    (lambda x: np.power(x, 2.5), 2.0, "mpf(2.5) * m.power(2, mpf(1.5))"),
    (lambda x: 2.0**x, 0.5, "m.sqrt(2) * m.log(2)"),
    (lambda x: 1.0 / (1.0 + np.exp(-x)), 50.0, "m.exp(-50) / (1 + m.exp(-50))**2"),
    (lambda x: x**3, 0.0, "mpf(0)"),
    (lambda x: np.arctan2(x, 2.0), 1.0, "mpf(2) / 5"),
    (lambda x: np.hypot(x, 4.0), 3.0, "mpf(3) / 5"),
    (lambda x: np.logaddexp(x, 0.0), 1.0, "m.e / (1 + m.e)"),
    (lambda x: np.where(x > 0, x * np.log(x), 0.0), 2.0, "1 + m.log(2)"),
    (lambda x: np.clip(x, -1.0, 1.0) * x, 0.5, "mpf(1)"),
    (lambda x: x * 0.1, 1.0, "mpf(0.1)"),
    (lambda x: np.where(False, x, 0.1) * 0.3 * x, 1.0, "mpf(0.1) * mpf(0.3)"),
    (lambda x: float(np.float32(0.1)) * x, 1.0, "mpf(float.fromhex('0x1.99999a0000000p-4'))"),
]


@pytest.mark.each(("f", "x", "expected"), ONE_NUMBER)
def test_a_derivative_has_50_digits(f, x, expected):
    text = expected.replace("float.fromhex('0x1.99999a0000000p-4')", "0.10000000149011612")
    truth = true_gradient(lambda x: f(x), {"x": x})
    assert digits(truth.gradients["x"][()], mp(text)) >= 50
    assert not truth.slopes


@pytest.mark.each(
    ("f", "x", "expected"),
    [
        (lambda x: np.sum(x * x), [1.0, 2.0], [2, 4]),
        (lambda x: np.prod(x), [2.0, 3.0, 4.0], [12, 8, 6]),
        (lambda x: np.sum(x[_I]), [1.0, 2.0], [2, 1]),
        (lambda x: np.mean(x.reshape(2, 2) @ np.ones(2)), [1.0, 2.0, 3.0, 4.0], [0.5] * 4),
        (lambda x: np.max(x) - np.min(x), [3.0, 1.0, 2.0], [1, -1, 0]),
        (lambda x: np.sum(np.cumsum(x)), [1.0, 2.0, 3.0], [3, 2, 1]),
        (lambda x: np.einsum("i,i->", x, x), [1.0, 2.0], [2, 4]),
        (lambda x: np.sum(np.stack([x, 2 * x])), [1.0, 2.0], [3, 3]),
        (lambda x: np.concatenate([x, x]) @ np.arange(4.0), [1.0, 2.0], [2, 4]),
        (lambda x: np.var(x), [1.0, 3.0], [-1, 1]),
        (lambda x: np.linalg.norm(x), [3.0, 4.0], ["3/5", "4/5"]),
        (lambda x: x.T.dot(x), [1.0, 2.0], [2, 4]),
        (lambda x: np.array([x[0], x[1]]).sum(), [1.0, 2.0], [1, 1]),
        (lambda x: max(x[0], x[1]) * 3.0, [1.0, 2.0], [0, 3]),
        (lambda x: np.sum(np.exp(np.maximum(x, 0.0))), [-1.0, -2.0], [0, 0]),
    ],
)
def test_arrays_go_through_numpy_as_they_are(f, x, expected):
    found = true_gradient(f, {"x": np.array(x)}).gradients["x"]
    for entry, right in zip(found, expected, strict=True):
        with mpmath.workdps(60):
            exactly = mpmath.mpf(right) if not isinstance(right, str) else mpmath.mpf(0)
            if isinstance(right, str):
                above, below = right.split("/")
                exactly = mpmath.mpf(above) / int(below)
            assert abs(entry - exactly) < mpmath.mpf(10) ** -50


@pytest.mark.each(
    ("f", "x", "message"),
    [
        (lambda x: math.exp(x), 1.0, "it rounds its arguments to a float"),
        (lambda x: np.exp(float(x)), 1.0, "it rounds its arguments to a float"),
        (lambda x: int(x) * x, 1.0, "it rounds its arguments to a float"),
        (lambda x: np.sum(x.astype(float)), np.ones(2), "it rounds its arguments to a float"),
        (lambda x: _stored(x), np.ones(2), "it rounds its arguments to a float"),
        (lambda x: _added(x), np.ones(2), "it rounds its arguments to a float"),
        (lambda x: np.linalg.eigvalsh(x)[0], np.eye(2), "numpy.linalg.eigvalsh does not compute"),
        (lambda x: np.linalg.det(x), np.ones((2, 2)), "numpy.linalg.det does not compute with 50"),
        (lambda x: np.sum(np.fft.fft(x).real), np.ones(2), "no truth"),
        (lambda x: np.sum(np.sinc(x) * 1j).real, np.ones(2), "no truth"),
        (lambda x: x, np.ones(2), "returned shape (2,); expected a scalar"),
        (lambda x: np.log(x), -1.0, "the function is nan at or beside this point"),
        (lambda x: np.log(x), 0.0, "the function is -inf at or beside this point"),
        (lambda x: 1.0 / x, 0.0, "the function is +inf at or beside this point"),
        (lambda x: np.sqrt(x), 0.0, "the function is nan at or beside this point"),
        (lambda x: np.sqrt(np.abs(x)) * np.sign(x), 0.0, "two steps give derivatives by x that"),
        (lambda x: x * x if np.asarray(x).dtype == float else x, 3.0, "it goes another way there"),
        (lambda x: x.undefined, 1.0, "the function raised AttributeError"),
    ],
)
def test_what_cannot_be_known_is_refused_and_never_rounded(f, x, message):
    with pytest.raises(NoTruth) as caught:
        true_gradient(f, {"x": x})
    assert str(caught.value).startswith("no truth: ")
    assert message in str(caught.value)


def _stored(x):
    y = np.zeros(2)
    y[0] = x[0]
    return np.sum(y)


def _added(x):
    y = np.zeros(2)
    y += x
    return np.sum(y)


@pytest.mark.parametrize(
    ("f", "x", "slopes"),
    [
        (lambda x: np.abs(x), 0.0, (-1, 1)),
        (lambda x: np.maximum(x, 0.0), 0.0, (0, 1)),
        (lambda x: np.maximum(x, 2.0 * x - 1.0), 1.0, (1, 2)),
    ],
)
def test_a_kink_has_the_mean_of_its_slopes_and_says_so(f, x, slopes):
    truth = true_gradient(f, {"x": x})
    low, high = truth.slopes["x", ()]
    with mpmath.workdps(60):
        assert abs(low - slopes[0]) + abs(high - slopes[1]) < mpmath.mpf(10) ** -50
        assert abs(truth.gradients["x"][()] - mpmath.mpf(sum(slopes)) / 2) < 1e-50


_A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]])


@pytest.mark.parametrize(
    ("f", "right"),
    [
        (lambda a: np.linalg.det(a), lambda a: np.linalg.det(a) * np.linalg.inv(a).T),
        (lambda a: np.linalg.slogdet(a)[1], lambda a: np.linalg.inv(a).T),
        (lambda a: np.sum(np.linalg.inv(a)), lambda a: -np.outer(*_sums(a))),
        (
            lambda a: np.sum(np.linalg.solve(a, np.ones(3))),
            lambda a: -np.outer(np.linalg.solve(a.T, np.ones(3)), np.linalg.solve(a, np.ones(3))),
        ),
        (
            lambda a: np.sum(np.log(np.diagonal(np.linalg.cholesky(a + a.T)))),
            lambda a: np.linalg.inv(a + a.T),
        ),
    ],
)
def test_linear_algebra_goes_by_the_textbook(f, right):
    found = true_gradient(f, {"a": _A}).gradients["a"].astype(float)
    assert found == pytest.approx(right(_A), rel=1e-13)
    value = float(true_gradient(f, {"a": _A[::-1] @ _A[::-1].T + np.eye(3)}).value)
    assert value == pytest.approx(float(f(_A[::-1] @ _A[::-1].T + np.eye(3))), rel=1e-13)


def _sums(a):
    inverse = np.linalg.inv(a)
    return inverse.sum(axis=0), inverse.sum(axis=1)


def test_two_that_tie_share_evenly():
    found = true_gradient(lambda x, y: np.maximum(x, y), {"x": 3.0, "y": 3.0}).gradients
    assert [float(found[n][()]) for n in "xy"] == [0.5, 0.5]


@pytest.mark.parametrize(("balls", "entries"), [(False, 24), (True, 96)])
def test_a_sample_is_taken_where_time_is_short_and_said(monkeypatch, balls, entries):
    if balls:
        pytest.importorskip("flint")
    monkeypatch.setattr("compare.truth.gradient.INSTALLED", balls)
    # A clock on which every reading takes a tenth of a second.
    looks = itertools.count()
    clock = types.SimpleNamespace(monotonic=lambda: next(looks) / 10)
    monkeypatch.setattr("compare.truth.gradient.time", clock)
    truth = true_gradient(
        lambda x, b: np.sum(np.exp(x) * b), {"x": np.ones(300), "b": 2.0}, seconds=10.0
    )
    assert (truth.entries, truth.enclosed) == (entries, entries * balls)
    assert truth.sampled
    assert truth.parameters == 301
    known = [d for d in truth.gradients["x"] if d is not None]
    assert len(known) + 1 == truth.entries
    assert truth.gradients["b"][()] is not None
    with mpmath.workdps(60):
        assert all(abs(d - 2 * mpmath.e) < mpmath.mpf(10) ** -49 for d in known)


def test_a_function_that_takes_too_long_has_no_truth():
    with pytest.raises(NoTruth, match="longer than there is time"):
        true_gradient(lambda x: np.sum(x @ x), {"x": np.ones((200, 200))}, seconds=0.5)


def test_a_function_of_too_many_numbers_is_not_begun():
    with pytest.raises(NoTruth, match="its inputs are too many for"):
        true_gradient(lambda x: np.sum(x), {"x": np.ones(10**6)}, seconds=0.5)


def test_precision_is_put_back_after_an_error():
    with pytest.raises(NoTruth), precision(80):
        float(exact(1.0))
    with precision(40):
        assert digits(as_mpf(exact(1.0) / 3.0), mp("mpf(1) / 3")) in range(38, 45)


def test_whole_numbers_stay_what_they_are():
    truth = true_gradient(lambda x, n: x ** n[1], {"x": 2.0, "n": np.array([1, 3])})
    assert list(truth.gradients) == ["x"]
    assert float(truth.gradients["x"][()]) == 12.0


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_gradient_derived_by_hand_is_the_truth_to_50_digits(name, monkeypatch):
    problem = PROBLEMS[name]
    case = problem.case(problem.verify_size, seed=4)
    # By hand it is programmed for float64; with these it computes in as many digits as it is given.
    module = sys.modules[problem.gradient.__module__]
    for root, square in (("_ROOT_2", 2.0), ("_ROOT_8", 8.0)):
        if hasattr(module, root):
            with precision(450):
                monkeypatch.setattr(module, root, np.sqrt(exact(square)))
            # With such a constant it has no value on plain numbers any more.
            monkeypatch.setattr("compare.truth.gradient._must_be_the_same", lambda *_: None)
    truth = true_gradient(problem.function, case.inputs, case.wrt)
    assert not truth.sampled
    monkeypatch.setattr(module, "float", lambda x: x, raising=False)
    if hasattr(module, "math"):
        exactly = types.SimpleNamespace(log=np.log, sqrt=math.sqrt)
        monkeypatch.setattr(module, "math", exactly)
    with precision(80):
        _, by_hand = problem.gradient(**{n: exact(x) for n, x in case.inputs.items()})
        for argument, derivatives in truth.gradients.items():
            for entry in np.ndindex(derivatives.shape):
                expected = as_mpf(exact_entry(by_hand[argument], entry))
                with mpmath.workdps(80):
                    room = mpmath.mpf(10) ** -50 * abs(expected)
                    assert abs(derivatives[entry] - expected) <= room, (argument, entry)


def exact_entry(x_bar, entry):
    return x_bar[entry] if np.ndim(x_bar) else x_bar

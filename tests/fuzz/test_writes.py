"""Random programs that write into arrays: the derivative is that of the function (200 of them)."""

import numpy as np
import pytest

import autodiff
from tests.fuzz.writes import OVERLAP, Program, Step, check, draw

CHUNK = 40


@pytest.mark.sampled(5)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(0, 200, CHUNK))
def test_the_derivative_of_what_is_written_is_right(start):
    for seed in range(start, start + CHUNK):
        program = draw(seed)
        if program is not None:
            # A plan for every fourth: it takes most of the time.
            verdict = check(program, compiled=seed % 4 == 0)
            told = verdict.startswith("refused") and OVERLAP in verdict
            assert told or verdict.startswith(("right", "invalid")), (program, verdict)


def test_a_wrong_derivative_is_found(monkeypatch):
    program = Program(1, (3,), (Step("x[i] = v", (0, 0), 0),))
    assert check(program, compiled=False) == "right"
    right = autodiff.value_and_grad

    def off(f):
        both = right(f)
        return lambda x: (both(x)[0], both(x)[1] + 1e-5)

    monkeypatch.setattr(autodiff, "value_and_grad", off)
    assert check(program, compiled=False).startswith("wrong: value_and_grad")


def test_the_argument_stays_as_it_was():
    def f(x):
        x[0] = 2.0 * x[1]
        x *= 3.0
        return np.sum(x)

    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(autodiff.grad(f)(x), [0.0, 9.0])
    np.testing.assert_array_equal(x, [1.0, 2.0])


def _slope(y):
    return autodiff.grad(lambda t: np.sum(t**3))(y)


@pytest.mark.each(
    "within",
    [
        _slope,
        lambda y: autodiff.value_and_grad(lambda p: np.sum(p["w"] ** 3))({"w": y})[1]["w"],
        lambda y: autodiff.hvp(lambda t: np.sum(t**3), (y,), (y,)),
        lambda y: autodiff.jvp(lambda t: t**3, (np.ones(2),), (y,))[1],
        lambda y: autodiff.vjp(lambda t: t**3, y)[1](y),
        lambda y: np.sum(autodiff.jacobian(_slope)(y), axis=0),
    ],
)
def test_derivatives_within_are_at_what_was_written(within, differences):
    def f(x):
        y = np.zeros(3)
        z = y[1:]
        y[1] = 2.0 * x[0]
        y[2:] = x[1:]
        return np.sum(np.sin(within(z)))

    x = np.array([0.3, 0.5])
    expected = autodiff.grad(f)(x)
    differences(f, {"x": expected}, {"x": x})
    np.testing.assert_allclose(autodiff.compile(autodiff.grad(f))(x), expected, rtol=1e-12)

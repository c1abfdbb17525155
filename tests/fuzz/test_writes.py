"""Random programs that write into arrays: the derivative is that of the function (200 of them)."""

import numpy as np
import pytest

import autodiff
from tests.fuzz.writes import Program, Step, check, draw

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
            assert verdict.startswith(("right", "invalid")), (program, verdict)


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

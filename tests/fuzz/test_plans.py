"""Random programs: a plan gives what the function gives (300 on NumPy, some on Numba)."""

from importlib.util import find_spec

import numpy as np
import pytest

import autodiff
from tests.fuzz.plans import Program, check, draw

CHUNK = 25


@pytest.mark.sampled(12)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", range(0, 300, CHUNK))
def test_a_plan_gives_what_the_function_gives(start):
    for seed in range(start, start + CHUNK):
        program = draw(seed)
        if program.steps:
            verdict = check(program, ("numpy",))
            assert verdict.startswith(("right", "invalid")), (program, verdict)


@pytest.mark.sampled(4)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(find_spec("numba") is None, reason="Numba is not installed")
@pytest.mark.parametrize("seed", range(1000, 1004))
def test_numbas_plan_gives_what_the_function_gives(seed):
    program = draw(seed)
    if program.steps:
        verdict = check(program, ("numba",))
        assert verdict.startswith(("right", "invalid")), (program, verdict)


def test_a_wrong_plan_is_found(monkeypatch):
    program = Program(1, (((4,), "float64", "C", "array"),), (("sum", (0,)),), "grad")
    assert check(program, ("numpy",)) == "right"
    right = autodiff.compile

    def off(f, **options):
        step = right(f, **options)
        return lambda *args: tuple(np.asarray(x) * (1 + 1e-6) for x in step(*args))

    monkeypatch.setattr(autodiff, "compile", off)
    assert check(program, ("numpy",)).startswith("wrong: numpy, call 1")

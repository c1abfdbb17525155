"""Random programs: the four strategies give one gradient (100 in every run)."""

import pytest

import symdiff
from tests.fuzz.formulas import check, draw

CHUNK = 25
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.sampled(2)
@pytest.mark.parametrize("start", range(0, 100, CHUNK))
def test_strategies_give_one_gradient(start):
    for seed in range(start, start + CHUNK):
        program = draw(seed)
        verdict = check(program, seed)
        assert not verdict.startswith("wrong"), f"seed {seed}\n{program}\n{verdict}"


def test_a_wrong_strategy_is_found(monkeypatch):
    program = draw(2)
    assert check(program) == "right"
    right = symdiff.Gradient.value_and_gradient

    def off(self, **inputs):
        value, found = right(self, **inputs)
        return value, {**found, "x": found["x"] + 1e-3 * (self.strategy == "adjoint")}

    monkeypatch.setattr(symdiff.Gradient, "value_and_gradient", off)
    assert check(program).startswith("wrong: ")

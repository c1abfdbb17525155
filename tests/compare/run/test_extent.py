"""The plans of runs: what each extent times."""

from pathlib import Path

from compare.engines import ENGINES
from compare.problems import PROBLEMS
from compare.process.executor import Budget
from compare.run.extent import Extent
from compare.run.settings import Settings


def cells(extent, problems=PROBLEMS, **more):
    engines = [ENGINES[name] for name in extent.engines or ENGINES]
    chosen, budget = [PROBLEMS[name] for name in problems], Budget(extent.budget_s, 2**32)
    settings = Settings(Path(), chosen, engines, engines, budget, extent, 0, 1, "", **more)
    return [[(c.problem.name, c.size, e.name) for c, e in p.cells()] for p in settings.plans]


def test_the_extents_grow_and_the_finding_comes_first():
    quick, usual, full = (cells(extent) for extent in Extent)
    flat = [{cell for plan in plans for cell in plan} for plans in (quick, usual, full)]
    assert flat[0] < flat[1] < flat[2]
    for plans in (usual, full):
        assert {problem for problem, _, _ in plans[0]} == {"mlp-width"}
        assert "mlp-width" not in {problem for problem, _, _ in plans[1]}
    assert len(flat[0]) < 10
    assert len(flat[1]) < 100
    assert {engine for _, _, engine in flat[0]} == set(Extent.QUICK.engines)
    # All meet their end without waiting: one symbolic cell does, and the graphs reach the top.
    largest = [engine for _, size, engine in quick[0] if size == 3200]
    assert largest == ["expanded", "graph", "graph-compiled"]


def test_what_is_named_is_timed():
    for extent in Extent:
        [plan] = cells(extent, ["circuit", "two-layer-relu"], problems_named=True)
        assert {problem for problem, _, _ in plan} == {"circuit", "two-layer-relu"}
    [plan] = cells(Extent.QUICK, ["mlp-width"], problems_named=True, engines_named=True)
    assert len(plan) == 2 * len(Extent.QUICK.engines), "whoever names engines wants all of them"

import pytest

import compare
from compare.engines import get_engine
from compare.engines.engine import Engine
from compare.measure.sweep import Plan, sweep
from compare.measure.timing import SAMPLE_S
from compare.problems import PROBLEMS
from compare.process.executor import Budget
from compare.results.schema import RESULT_COLUMNS

BUDGET = Budget(5.0, 2 * 1024**3)


def failing_from(size):
    """Return an engine that is right below a size and raises from there on."""

    def prepare(case):
        if case.size >= size:
            raise OverflowError("too large for me")
        return get_engine("graph").prepare(case)

    return Engine(name="failing", meaning="", imports=("autodiff",), prepare=prepare)


@pytest.fixture
def ladder(unmeasured):
    """The plan of a sweep in which one of two engines fails at the second of three sizes."""
    engines = (failing_from(4), get_engine("hand-written"))
    return Plan((PROBLEMS["mlp-width"],), engines, BUDGET, lambda p: (2, 4, 8))


def test_an_engine_stops_at_its_first_failure_and_the_others_go_on(ladder):
    totals = []
    ended = sweep(ladder, lambda case, engine, done, total: totals.append((done, total)))
    rows = [cell.row for cell in ended]
    # Cells end with their second process, two batches later; one that fails ends at once.
    assert [(r["size"], r["engine"], r["status"]) for r in rows] == [
        (4, "failing", "error"),
        (2, "failing", "ok"),
        (2, "hand-written", "ok"),
        (4, "hand-written", "ok"),
        (8, "hand-written", "ok"),
    ]
    assert rows[0]["message"] == "OverflowError: too large for me"
    assert totals == [(0, 6), (1, 6), (2, 6), (3, 5), (4, 5)]


def swept(plan, done=None):
    return [(r["problem"], r["size"], r["engine"]) for r in (e.row for e in sweep(plan, done=done))]


def test_cells_that_a_previous_run_ended_are_not_measured_again(ladder):
    whole = swept(ladder)
    for cut in range(len(whole) + 1):
        done = {cell: "error" if cell[1:] == (4, "failing") else "ok" for cell in whole[:cut]}
        assert whole[:cut] + swept(ladder, done) == whole


def test_small_sizes_of_all_problems_come_first():
    problems = (PROBLEMS["mlp-width"], PROBLEMS["circuit"])
    plan = Plan(problems, (get_engine("graph"),), BUDGET, lambda p: p.sizes[:2])
    cells = [(case.problem.name, case.size) for case, _ in plan.cells()]
    assert cells == [("mlp-width", 2), ("circuit", 1), ("mlp-width", 8)]


def test_an_engine_that_refuses_is_unsupported_with_its_reason():
    frame = compare.benchmark("gates", engines=["complex-step"])
    assert frame["status"].tolist() == ["unsupported"]
    assert "analytic" in frame["message"][0]


def test_benchmark_of_a_function_has_every_column():
    frame = compare.benchmark(
        lambda x, y: x * y + x, 2.0, 3.0, engines=["graph", "shared"], budget_s=3.0
    )
    assert list(frame.columns) == [c.name for c in RESULT_COLUMNS]
    assert frame["status"].tolist() == ["ok", "ok"], frame.to_string()
    # It shows those that one reads, with their rows selected too; what is selected is shown.
    for text in (repr(frame), frame.head(1)._repr_html_()):
        assert "run_s" in text
        assert "governor" not in text
    assert "governor" in repr(frame[["engine", "governor"]])
    # The ratio is taken round by round, the columns are medians of all rounds: under load
    # they differ by more than digits.
    of_medians = frame["run_s"] / frame["primal_s"]
    assert (frame["ratio"] / of_medians).between(0.3, 3.0).all(), frame.to_string()
    assert (frame["ratio_low"] <= frame["ratio"]).all()
    assert (frame["ratio"] <= frame["ratio_high"]).all()
    assert (frame["run_low_s"] <= frame["run_s"]).all()
    assert (frame["run_min_s"] <= frame["run_s"]).all()
    assert frame["parameters"].tolist() == [2, 2]
    assert frame["threads"].tolist() == [1, 1]
    assert (frame["samples"] >= 3).all()
    assert (frame["run_min_s"] * frame["loops"] > 0.3 * SAMPLE_S).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare.benchmark("mlp-widht"), "did you mean 'mlp-width'"),
        (lambda: compare.benchmark("circuit", engines=["hand"]), "hand-written"),
        (lambda: compare.benchmark("circuit", budget_s=-1.0), "positive"),
        (lambda: compare.benchmark("mlp-width", sizes=[0]), "at least 1"),
    ],
)
def test_wrong_input_is_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()

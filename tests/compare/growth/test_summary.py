"""The summary: how far each engine came, and how its costs grow."""

import math

import numpy as np
import pandas as pd
import pytest

from compare.growth.summary import QUANTITIES, crossovers_of, growths_of, summarise, summary_of
from compare.results.reading import as_frame, read_table
from compare.results.schema import RESULT_COLUMNS, SUMMARY_COLUMNS
from compare.results.store import write_table


def cell(n, **values):
    """A cell that ended as ok, unless `values` say otherwise."""
    return {
        "family": "mlp width",
        "problem": "mlp-width",
        "size": n,
        "label": f"width {n}",
        "engine": "graph",
        "parameters": (n + 1) ** 2,
        "status": "ok",
        "budget_s": 10.0,
        "build_s": 1e-3 * (n + 1) ** 2,
        "run_s": 1e-6 * (n + 1) ** 2,
        "first_run_s": 1e-6 * (n + 1) ** 2,
        "compile_s": 1e-3 * (n + 1) ** 2,
        "peak_bytes": 8 * (n + 1) ** 2,
        "operations": 3 * (n + 1) ** 2,
        "ratio": 3.0,
    } | values


def late(n, stage, **values):
    return cell(n, status="timeout", stage=stage, run_s=None, first_run_s=None, ratio=None) | values


def only(rows, quantity):
    """Return the cells as a frame with one quantity, and what bounds it: each fit takes time."""
    others = {"compile_s", "peak_bytes", "operations"} - {quantity}
    return as_frame([row | dict.fromkeys(others) for row in rows], RESULT_COLUMNS)


def summary(rows, quantity="run_s"):
    frame = summarise(only(rows, quantity))
    assert list(frame.columns) == [column.name for column in SUMMARY_COLUMNS]
    return frame[frame["quantity"] == quantity].iloc[0]


def test_one_row_for_each_family_engine_and_quantity():
    rows = [
        cell(n, family=family, engine=engine)
        for n in (2, 4, 8)
        for family in ("mlp width", "notes", "mlp depth")
        for engine in ("graph", "hand")
    ]
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    keys = list(frame[["family", "engine", "quantity"]].itertuples(index=False, name=None))
    assert keys == [
        (family, engine, quantity)
        for family in ("mlp width", "mlp depth")
        for engine in ("graph", "hand")
        for quantity in QUANTITIES
    ]


def test_a_summary_is_written_and_read(tmp_path):
    rows = [cell(n) for n in (2, 4, 8, 16, 32)] + [late(64, "build", build_s=None)]
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    write_table(tmp_path / "summary.csv", frame, SUMMARY_COLUMNS)
    pd.testing.assert_frame_equal(read_table(tmp_path / "summary.csv", SUMMARY_COLUMNS), frame)


def test_costs_that_follow_the_parameters_have_exponent_one():
    frame = summarise(as_frame([cell(n) for n in (2, 4, 8, 16, 32)], RESULT_COLUMNS))
    assert frame["quantity"].tolist() == list(QUANTITIES)
    for _, row in frame.iterrows():
        assert (row["law"], row["against"]) == ("power", "parameters"), row
        assert row["exponent"] == pytest.approx(1.0), row
        largest = row["largest"], row["largest_label"], row["largest_ratio"]
        assert largest == (33**2, "width 32", 3.0), row
        assert row["stopped_at"] is pd.NA, row
        assert row["stopped_by"] == "", row


def test_the_size_counts_where_parameters_do_not_grow():
    rows = [cell(n, family="logistic map", parameters=1, run_s=2.0**n) for n in range(1, 9)]
    row = summary(rows)
    assert (row["law"], row["against"]) == ("exponential", "size")
    assert row["rate"] == pytest.approx(math.log(2.0))
    assert row["largest"] == 8


def test_a_timeout_of_the_build_bounds_the_build_by_the_budget():
    rows = [cell(n) for n in (2, 4, 8, 16)] + [late(128, "build", build_s=None, operations=None)]
    build, run = summary(rows, "build_s"), summary(rows, "run_s")
    assert (build["points"], build["censored"]) == (5, 1)
    assert (run["points"], run["censored"]) == (4, 0)
    assert (run["stopped_at"], run["stopped_by"]) == (129**2, "timeout")


def test_a_timeout_of_the_first_run_bounds_the_run_and_keeps_the_build():
    slow = [cell(n, run_s=1e-3 * n**3, first_run_s=1e-3 * n**3) for n in (2, 4, 8, 16, 20)]
    rows = [*slow, late(40, "first run", build_s=1.7)]
    build, run = summary(rows, "build_s"), summary(rows, "run_s")
    assert (build["points"], build["censored"]) == (6, 0)
    assert (run["points"], run["censored"]) == (6, 1)
    assert run["exponent"] == pytest.approx(1.5, abs=0.3)


def test_a_first_run_that_compiles_bounds_the_run_by_its_share_only():
    """The warm run is linear; the first run compiles for a thousand times as long."""
    rows = [cell(n, first_run_s=1e-3 * (n + 1) ** 2) for n in (2, 4, 8, 16, 32)]
    row = summary([*rows, late(127, "first run", build_s=0.0)])
    assert row["censored"] == 1
    assert row["exponent"] == pytest.approx(1.0, abs=1e-3)


def test_other_failures_count_for_the_stop_only():
    rows = [cell(n) for n in (2, 4, 8)]
    alone = summarise(as_frame(rows, RESULT_COLUMNS))
    for status in ("crashed", "error", "unsupported", "mismatch"):
        failed = cell(16, status=status, run_s=1e3, build_s=1e3, operations=1)
        frame = summarise(as_frame([*rows, failed], RESULT_COLUMNS))
        for name in ("quantity", "points", "exponent"):
            assert frame[name].tolist() == alone[name].tolist(), status
        assert set(zip(frame["stopped_at"], frame["stopped_by"], strict=True)) == {(17**2, status)}
        assert set(frame["largest"]) == {81}


@pytest.mark.parametrize("stage", ["", "import", "inputs", "check", "sampling"])
def test_a_timeout_elsewhere_bounds_nothing(stage):
    row = summary([*(cell(n) for n in (2, 4, 8)), late(16, stage, build_s=None)])
    assert (row["points"], row["censored"], row["stopped_by"]) == (3, 0, "timeout")


def test_a_cell_without_parameters_takes_them_from_another_engine():
    rows = [cell(n) for n in (2, 4)]
    rows += [cell(4, engine="other", status="error", parameters=None)]
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    assert set(frame.loc[frame["engine"] == "other", "stopped_at"]) == {25}
    lonely = summary([cell(4, status="error", parameters=None)])
    assert (lonely["stopped_at"], lonely["stopped_by"]) == (pd.NA, "error")


def test_overhead_does_not_hide_the_exponent():
    widths = (2, 4, 8, 16, 32, 64, 128, 256)
    row = summary([cell(n, run_s=2e-4 + 1e-6 * (n + 1) ** 2) for n in widths])
    assert (row["law"], row["points"]) == ("power", 8)
    assert row["exponent"] == pytest.approx(1.0, abs=1e-3)


def test_nothing_gives_an_empty_summary():
    for results in (as_frame([], RESULT_COLUMNS), pd.DataFrame()):
        frame = summarise(results)
        assert list(frame.columns) == [column.name for column in SUMMARY_COLUMNS]
        assert len(frame) == 0


@pytest.mark.parametrize(
    "rows",
    [
        [cell(2)],
        [cell(2), cell(2), cell(2)],
        [late(n, "build", build_s=None) for n in (2, 4, 8, 16)],
        [cell(n, run_s=None, build_s=math.nan, operations=0) for n in (2, 4, 8)],
        [cell(n, budget_s=None, status="timeout", stage="build", build_s=None) for n in (2, 4, 8)],
        [cell(n, run_s=math.inf, build_s=-1.0, operations=None) for n in (2, 4, 8)],
        [cell(n, parameters=None, size=None) for n in (2, 4, 8)],
    ],
)
def test_degenerate_cells_give_no_law(rows):
    frame = summarise(as_frame(rows, RESULT_COLUMNS))
    assert len(frame) == len(QUANTITIES)
    assert "power" not in frame.loc[frame["quantity"] == "run_s", "law"].tolist()
    assert "exponential" not in set(frame["law"])


def test_a_bend_at_the_last_point_is_no_exponential():
    n = [9, 45, 225, 1105, 5313, 25025, 526593, 10_000_000]
    run_s = [20e-6, 22e-6, 21e-6, 23e-6, 22e-6, 24e-6, 40e-6, 60e-3]
    results = pd.DataFrame(
        {
            "family": "mlp width and depth",
            "engine": "graph",
            "status": "ok",
            "parameters": n,
            "run_s": run_s,
        }
    )
    assert summarise(results).query("quantity == 'run_s'")["law"].tolist() == ["power"]


def test_the_interval_of_the_exponent_is_that_of_the_profile_likelihood():
    rng = np.random.default_rng(31)
    rows = [cell(n, run_s=1e-6 * n * math.exp(0.1 * rng.standard_normal())) for n in (2, 4, 8, 16)]
    (growth,) = (g for g in growths_of(as_frame(rows, RESULT_COLUMNS)) if g.quantity == "run_s")
    row, law = summary(rows), growth.laws["power"]
    assert (row["exponent_low"], row["exponent_high"]) == (law.slope_low, law.slope_high)
    assert row["exponent_low"] < row["exponent"] < row["exponent_high"]


@pytest.mark.exhaustive
def test_the_interval_of_a_meeting_holds_a_planted_one():
    """With the same noise drawn for both engines it would hold it in few of the repetitions."""
    rng = np.random.default_rng(30)
    n, at = 4 ** np.arange(1, 8), 100.0
    hits = []
    for _ in range(20):
        rows = [
            {
                "family": "mlp width",
                "engine": engine,
                "status": "ok",
                "parameters": int(size),
                "run_s": 1e-6 * cost * math.exp(0.1 * rng.standard_normal()),
            }
            for size in n
            for engine, cost in (("graph", at**0.5 * size**0.5), ("matrix", float(size)))
        ]
        met = crossovers_of(growths_of(pd.DataFrame(rows)))
        assert len(met) <= 1
        if len(met):
            row = met.iloc[0]
            assert (row["below"], row["above"]) == ("matrix", "graph")
            hits.append(row["n_low"] <= at <= row["n_high"])
    assert len(hits) >= 18
    assert np.mean(hits) >= 0.9


def test_a_cell_that_memory_ended_bounds_the_memory_by_the_budget():
    rows = [cell(n) for n in (2, 4, 8, 16)]
    ended = cell(64, status="memory", stage="run", peak_bytes=None, budget_bytes=30_000)
    memory, run = summary([*rows, ended], "peak_bytes"), summary([*rows, ended])
    assert (memory["points"], memory["censored"]) == (5, 1)
    assert memory["exponent"] == pytest.approx(1.0, abs=1e-3)
    assert (run["points"], run["censored"]) == (4, 0)


def test_laws_and_crossovers_stay_within_a_class_of_machines():
    def rows(kind, factor):
        return [
            cell(n, machine_class=kind, engine=engine, run_s=factor * 1e-6 * (n + 1) ** power)
            for n in (2, 4, 8, 16, 32)
            for engine, power in (("graph", 2), ("hand", 3))
        ]

    growths = growths_of(only(rows("slow", 10.0) + rows("fast", 1.0), "run_s"))
    frame = summary_of(growths)
    found = frame[(frame["quantity"] == "run_s") & (frame["engine"] == "graph")]
    assert found["machine_class"].tolist() == ["slow", "fast"]
    assert found["exponent"].round(3).tolist() == [1.0, 1.0]
    met = crossovers_of(growths)
    assert set(met["machine_class"]) <= {"slow", "fast"}
    assert not met.duplicated(["family", "quantity", "machine_class"]).any()

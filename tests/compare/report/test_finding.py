"""The finding and the tables, in every situation a run can end in."""

import numpy as np
import pandas as pd
import pytest

from compare.report.content import report_of
from compare.report.finding import finding
from compare.report.reach import reach
from compare.report.record import RunRecord
from compare.report.tables import (
    conditions,
    failures,
    growth_text,
    notes_table,
    summary_table,
    versions_text,
)


def found(results, run=None, **more):
    return report_of(RunRecord(results, metadata=run or {}, **more)).finding


def only(results, *engines):
    return results[results["engine"].isin(engines)]


def test_the_finding_names_the_limits_of_formula_and_graph_and_the_ratio(results, run):
    graph = results[(results["engine"] == "graph") & (results["status"] == "ok")]
    ratio = graph.loc[graph["parameters"].idxmax(), "ratio"]
    assert found(results, run) == (
        "Within 12 s and 4 GiB, a closed formula could be derived for a network of at most 105 "
        "parameters, and of 520 with its common subexpressions named; the graph differentiated a "
        f"network of 10.2 million, at {ratio:.1f} × the cost of one evaluation of the loss."
    )


def test_budgets_come_from_the_cells_where_the_run_does_not_say(results):
    assert found(results).startswith("Within 12 s and 4 GiB,")


def test_no_budget_at_all_leaves_the_clause_out(results):
    text = found(results.drop(columns=["budget_s", "budget_bytes"]))
    assert text.startswith("A closed formula could be derived")


def test_a_formula_that_was_not_stopped_is_not_called_limited(results):
    text = found(results[results["status"] == "ok"])
    assert "was derived for a network of up to 105 parameters (the largest tried)" in text
    assert "at most" not in text


def test_a_formula_that_failed_everywhere(results):
    cells = results[(results["engine"] == "graph") | (results["status"] == "timeout")]
    text = found(cells)
    assert "could not be derived, not even for a network of 289 parameters (timeout)" in text
    assert "the graph differentiated" in text


def test_an_error_is_not_called_a_limit(results):
    cells = results[(results["engine"] == "shared") & (results["family"] == "mlp depth")]
    text = found(cells)
    assert "was derived for a network of up to 105 parameters (error ended it)" in text


def test_the_graph_alone(results):
    text = found(only(results, "graph"))
    assert text.startswith("Within 12 s and 4 GiB, the graph differentiated a network of 10.2")
    assert "million parameters, at" in text
    assert "formula" not in text


def test_the_formula_alone(results):
    text = found(only(results, "expanded"))
    assert text.endswith(
        "a closed formula could be derived for a network of at most 105 parameters."
    )


def test_engines_that_are_not_ours(results):
    text = found(only(results, "complex-step"))
    assert "complex-step differentiated a network of up to 10,201 parameters, at 20," in text


def test_the_logistic_map_alone_counts_iterations(results):
    text = found(results[results["family"] == "logistic map"])
    assert "the logistic map of at most 8 iterations, and of 12 with" in text


def test_the_notes_alone(results):
    text = found(results[results["family"] == "notes"])
    assert text == (
        "No growing network was timed; on the single problems of the notes, 32 of 36 cells ended "
        "with a gradient that agreed."
    )


def test_only_failures(results):
    bad = results[results["status"].isin(["timeout", "memory"])]
    text = found(bad)
    assert text.startswith("No gradient was timed: ")
    assert "as timeout and 1 as memory" in text


def test_nothing_at_all():
    assert found(pd.DataFrame()) == "No cell was finished, so there is nothing to compare yet."


@pytest.mark.parametrize("count", [1, 2, 7, 40, 90, 150])
def test_any_part_of_a_run_can_be_reported(results, summary, run, count):
    report = report_of(
        RunRecord(results.head(count), summary, metadata=run | {"interrupted": True})
    )
    assert report.finding.endswith(".")
    assert f"{count} of 240 cells are finished" in report.remarks[0]
    assert "nan" not in repr(report).lower().replace("unanal", "")


def test_missing_ratios_and_sizes_do_not_become_nan(results):
    without = results.assign(ratio=np.nan, peak_bytes=np.nan, operations=np.nan, build_s=np.nan)
    report = report_of(RunRecord(without))
    assert "nan" not in repr(report).lower()


def test_a_wrong_gradient_is_remarked(results):
    remarks = report_of(RunRecord(results)).remarks
    assert any("computed a wrong gradient and was not timed (" in text for text in remarks)


def test_reach_stops_at_the_family_where_it_came_farthest(results):
    cells = results.assign(n=results["parameters"].astype(float))
    cells = cells[cells["family"] == "mlp width"]
    far = reach(cells, "expanded")
    assert far is not None
    assert (far.n, far.stopped_by) == (81, "timeout")
    assert reach(cells, "no such engine") is None


def test_every_failed_cell_has_its_row_with_its_reason(results):
    rows = failures(RunRecord(results).results).rows
    bad = results[results["status"] != "ok"]
    assert len(rows) == len(bad)
    assert {row[3] for row in rows} == set(bad["engine"])
    assert not any("\n" in text for row in rows for text in row)


def test_the_summary_has_one_row_an_engine_and_family(results, summary):
    record = RunRecord(results, summary)
    table = summary_table(record.results, record.summary)
    grown = results[results["family"] != "notes"]
    assert len(table.rows) == grown.groupby(["family", "engine"]).ngroups
    rows = {row[:2]: row for row in table.rows}
    graph = rows["mlp width, by parameters", "graph"]
    assert graph[2] == "10.2 million"
    assert graph[6] == "–"
    assert rows["mlp width, by parameters", "expanded"][6] == "timeout at 289"
    assert rows["logistic map, by iterations", "expanded"][4] == "exponential, × 2 every 0.99"
    assert rows["mlp width, by parameters", "wrong on purpose"][2:6] == ("none", "–", "–", "–")


def test_growth_without_a_law_is_a_dash(summary):
    empty = RunRecord().summary
    assert growth_text(empty, "mlp width", "graph") == "–"
    none = RunRecord(summary=summary.assign(law="none")).summary
    assert growth_text(none, "mlp width", "graph") == "–"
    without = RunRecord(summary=summary.assign(law="exponential", rate=np.nan)).summary
    assert growth_text(without, "mlp width", "graph") == "exponential"


def test_the_notes_have_one_row_a_problem(results):
    table = notes_table(RunRecord(results).results)
    assert [row[0] for row in table.rows][:2] == ["(x+y)z", "sigmoid neuron"]
    assert "unsupported" in table.rows[-1]


@pytest.mark.parametrize(
    ("given", "text"),
    [(None, ""), ("numpy 2", "numpy 2"), ({"a": 1}, "a 1"), (["a 1", "b 2"], "a 1, b 2")],
)
def test_versions_may_come_in_any_form(given, text):
    assert versions_text(given) == text


def test_finding_takes_a_complete_frame(results):
    assert finding(RunRecord(results).results, {"budget_s": "x"}).startswith("Within 12 s")


def test_conditions_say_why_cells_are_missing(results):
    complete = RunRecord(results).results
    cells = [
        dict(conditions(complete, {"planned_cells": planned, "interrupted": interrupted}).rows)[
            "cells"
        ]
        for planned, interrupted in ((None, False), (211, True), (240, True), (240, False))
    ]
    assert cells == [
        "211",
        "211",
        "211 of 240; the run was interrupted",
        "211; 29 larger ones were not begun once an engine had stopped",
    ]


def test_sizes_are_set_side_by_side_on_the_largest_network_both_did(results):
    report = report_of(RunRecord(results))
    text = next(s for s in report.sections if s.name == "operations").sentences[0]
    assert text.startswith("On the network 2-16×2-1 (105 parameters), the closed formula has 95,6")
    assert text.endswith("the formula with common subexpressions 945 and the graph 35 nodes.")


def ladder(results):
    """The strategies on one family: each goes a step further, the last to the end."""
    shared = only(results, "shared").query("family == 'mlp width'")
    graph = only(results, "graph").query("family == 'mlp width'")
    adjoint = graph.assign(engine="adjoint")
    adjoint.loc[adjoint["parameters"] > 20_000, "status"] = "timeout"
    expanded = only(results, "expanded").query("family == 'mlp width'")
    expanded = expanded.assign(status=expanded["status"].replace({"timeout": "unsupported"}))
    return pd.concat([expanded, shared, adjoint, graph.assign(engine="matrix"), graph])


def test_the_finding_tells_how_far_each_strategy_comes(results, run):
    text = found(ladder(results), run)
    assert text.startswith(
        "Within 12 s and 4 GiB, a closed formula could be derived for a network of at most 81 "
        "parameters, of 289 with its common subexpressions named, of 10,201 with every "
        "intermediate named in reverse and of 10.2 million in whole matrices (the largest tried); "
        "the graph differentiated a network of 10.2 million, at"
    )


def test_functions_that_grow_are_no_networks(results, run):
    cells = ladder(results)
    function = cells.assign(family="Helmholtz energy", parameters=cells["parameters"] * 10)
    assert found(pd.concat([cells, function]), run) == found(cells, run)


def test_all_that_is_derived_is_set_side_by_side(results):
    report = report_of(RunRecord(ladder(results)))
    text = next(s for s in report.sections if s.name == "operations").sentences[0]
    assert "the formula in reverse" in text
    assert "on whole matrices" in text


def test_the_swell_is_said_in_numbers(swell):
    report = report_of(RunRecord(swell=swell))
    section = next(s for s in report.sections if s.name == "swell")
    text = " ".join(section.sentences)
    assert text.startswith("The swell is a property of the representation")
    assert "tree × 2.1 with each further layer" in text
    assert "adjoint 1.0 and matrix 0.0." in text
    table = section.tables["Operations of the gradient"]
    rows = {row[1]: row for row in table.rows}
    assert rows["mlp depth 256"][3:] == ("1 × 10⁸⁶", "–", "–", "8,704", "2,054")
    assert report_of(RunRecord()).sections[3].name == "build"


def test_published_formulas_that_differ_are_called_a_bug(run):
    rows = [{**row, "equal": False} for row in run["logistic"]]
    report = report_of(RunRecord(metadata={"logistic": rows}))
    section = next(s for s in report.sections if s.name == "published")
    assert "Ours differ from those published: l_1 and l_2" in section.sentences[1]


def test_the_largest_tried_is_that_of_all_families(results, run):
    cells = ladder(results)
    other = cells.query("engine == 'shared' and parameters == 289").assign(
        family="mlp width and depth", size=3, parameters=300, status="ok"
    )
    text = found(pd.concat([cells, other]), run)
    assert "of 300 with its common subexpressions named, of 10,201" in text

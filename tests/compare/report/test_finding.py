"""The finding and the tables, in every situation a run can end in."""

import re

import numpy as np
import pandas as pd
import pytest

from compare.report.content import report_of
from compare.report.format import ratio_text, seconds_text
from compare.report.headline import headline_figures
from compare.report.reach import reach
from compare.report.record import RunRecord
from compare.report.tables import (
    conditions,
    failures,
    growth_text,
    single_table,
    summary_table,
    versions_text,
)


def found(results, run=None, **more):
    return report_of(RunRecord(results, metadata=run or {}, **more)).finding


def only(results, *engines):
    return results[results["engine"].isin(engines)]


def numbers(text):
    return re.findall(r"\d[\d,.]*(?: million)?(?: [nµm]?s\b)?", text.rstrip("."))


#: Parts of the run, with the sentence that each has.
PARTS = {
    "all": "Written as a closed formula, the gradient ended at 81 parameters; as a graph it "
    "reached 10.2 million.",
    "ok": "Written as a closed formula, the gradient reached 81 parameters; as a graph it reached "
    "10.2 million.",
    "equal": "Formula and graph both reached 81 parameters, the largest tried; there a closed "
    "formula took {ratio} the graph's time.",
    "failed": "A closed formula of the gradient failed already at 289 parameters (timeout); the "
    "graph reached 10.2 million.",
    "graph": "The graph reached 10.2 million parameters, at {cost} the cost of one evaluation.",
    "expanded": "A closed formula ended at 81 parameters, at {cost} the cost of one evaluation.",
    "complex-step": "complex-step ended at 10,201 parameters, at {cost} the cost of one "
    "evaluation.",
    "logistic map": "Written as a closed formula, the gradient ended at 8 iterations; as a graph "
    "it reached 256.",
    "notes": "32 of 36 cells gave a gradient that was found right.",
    "error": "Written as a formula with names, the gradient ended at 105 parameters (error); as a "
    "graph it reached 6,153.",
    "timeouts": "0 of {count} cells gave a gradient: timeout and memory.",
    "nothing": "No cell was finished, so there is nothing to compare yet.",
}


def part(results, name):
    """Return a part of the run, with what stands in the braces of its sentence."""
    width = results[results["family"] == "mlp width"]
    ok = results[results["status"] == "ok"]
    if name == "equal":
        both = only(width, "expanded", "graph").query("parameters <= 81")
        last = both.query("parameters == 81").set_index("engine")["run_s"]
        return both, {"ratio": ratio_text(last["expanded"] / last["graph"])}
    if name in ("graph", "expanded", "complex-step"):
        cells = only(width, name)
        good = cells[cells["status"] == "ok"]
        return cells, {"cost": ratio_text(good.loc[good["parameters"].idxmax(), "ratio"])}
    bad = results[results["status"].isin(["timeout", "memory"])]
    return {
        "all": results,
        "ok": ok,
        "failed": pd.concat([only(width, "graph"), bad[bad["family"] == "mlp width"]]),
        "logistic map": results[results["family"] == "logistic map"],
        "notes": results[results["family"] == "notes"],
        "error": only(results, "shared", "graph").query("family == 'mlp depth'"),
        "timeouts": bad,
        "nothing": pd.DataFrame(),
    }[name], {"count": len(bad)}


@pytest.mark.parametrize("name", PARTS)
def test_the_finding_of_any_part_of_a_run(results, run, name):
    cells, filled = part(results, name)
    text = found(cells, run)
    assert text == PARTS[name].format(**filled)
    assert len(text.split()) <= 25
    assert len(numbers(text)) == (0 if name == "nothing" else 2)


def test_the_sentence_and_the_chart_end_at_the_same_sizes(results, run):
    text = found(results, run)
    figure = headline_figures(RunRecord(results).results, run)[0]
    for number in numbers(text):
        assert number in figure.title
    assert "closed formula ends at 81, formula with names ends at" in figure.title
    assert "and graph 10.2 million" in figure.title
    assert "△ stopped by the time budget" in figure.caption


def test_a_single_function_is_told_by_its_times(results):
    cells = results[results["problem"] == "|Wx|^2"].assign(problem="loss", family="own")
    times = cells.set_index("engine")["run_s"].map(seconds_text)
    assert found(cells) == (
        f"One gradient of loss takes {times['expanded']} as a closed formula and "
        f"{times['graph']} on the graph."
    )
    # At the other size it was slower, and half of the engines failed: that is not compared.
    larger = cells.assign(size=9, label="9", run_s=cells["run_s"] * 100)
    larger = larger.assign(status=larger["status"].mask(larger["engine"] == "expanded", "timeout"))
    both = pd.concat([larger, cells]).assign(family="notes")
    assert found(both) == found(cells)
    formulas = cells["engine"].isin(["expanded", "shared"])
    cells = cells.assign(status=cells["status"].mask(formulas, "unsupported"))
    cost = ratio_text(cells.loc[cells["engine"] == "graph", "ratio"].iloc[0])
    assert found(cells) == (
        f"One gradient of loss takes {times['graph']} on the graph, {cost} one evaluation; no "
        "formula came out (unsupported)."
    )


def test_agreement_counts_what_could_be_compared(agreement):
    truth = pd.DataFrame(
        {
            "engine": ["graph", "shared", "finite-differences"],
            "status": "ok",
            "ulp_max": [3.0, 12.4, 1e9],
        }
    )
    record = RunRecord(agreement=agreement, truth=truth)
    able = agreement[agreement["status"] != "unsupported"]
    good = (able["status"] == "ok").sum()
    report = report_of(record)
    assert report.agreement == (
        f"{good:,} of {len(able):,} comparisons agree, worst error 12 ULPs (finite differences "
        "aside)"
    )
    assert not report.sound
    assert report_of(RunRecord(agreement=able[able["status"] == "ok"])).sound
    assert report_of(RunRecord()).agreement == ""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("count", [1, 2, 7, 40, 90, 150])
def test_any_part_of_a_run_can_be_reported(results, summary, run, count):
    report = report_of(
        RunRecord(results.head(count), summary, metadata=run | {"interrupted": True})
    )
    assert report.finding.endswith(".")
    assert report.remarks[0] == f"Interrupted: {count} of 240 cells are finished."
    assert len(report.finding.split()) <= 25
    assert "nan" not in repr(report).lower().replace("unanal", "")


def test_missing_ratios_and_sizes_do_not_become_nan(results):
    without = results.assign(ratio=np.nan, peak_bytes=np.nan, operations=np.nan, build_s=np.nan)
    report = report_of(RunRecord(without))
    assert "nan" not in repr(report).lower()


def test_a_wrong_gradient_is_remarked(results):
    remarks = report_of(RunRecord(results)).remarks
    assert any("1 cell with a wrong gradient, not timed: wrong on purpose" in t for t in remarks)


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
    graph = rows["mlp width", "graph"]
    assert graph[2] == "10.2 million parameters"
    assert graph[2].value > 10_190_000
    assert graph[6] == "–"
    assert rows["mlp width", "expanded"][6] == "timeout at 289"
    assert rows["logistic map", "expanded"][4] == "exponential, × 2 every 0.99"
    assert rows["mlp width", "wrong on purpose"][2:6] == ("none", "–", "–", "–")


def test_growth_without_a_law_is_a_dash(summary):
    empty = RunRecord().summary
    assert growth_text(empty, "mlp width", "graph") == "–"
    none = RunRecord(summary=summary.assign(law="none")).summary
    assert growth_text(none, "mlp width", "graph") == "–"
    without = RunRecord(summary=summary.assign(law="exponential", rate=np.nan)).summary
    assert growth_text(without, "mlp width", "graph") == "exponential"


def test_the_notes_have_one_row_a_problem(results):
    table = single_table(RunRecord(results).results)
    assert [row[0] for row in table.rows][:2] == ["(x+y)z", "sigmoid neuron"]
    assert "unsupported" in table.rows[-1]


@pytest.mark.parametrize(
    ("given", "text"),
    [(None, ""), ("numpy 2", "numpy 2"), ({"a": 1}, "a 1"), (["a 1", "b 2"], "a 1, b 2")],
)
def test_versions_may_come_in_any_form(given, text):
    assert versions_text(given) == text


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
    text = next(s for s in report.sections if s.name == "size").sentences[0]
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


def test_functions_that_grow_are_no_networks(results, run):
    cells = ladder(results)
    function = cells.assign(family="Helmholtz energy", parameters=cells["parameters"] * 10)
    assert found(pd.concat([cells, function]), run) == found(cells, run)


def test_a_function_whose_parameters_stay_reaches_a_size(results):
    cells = only(results, "graph").query("family == 'mlp width'")
    same = cells.assign(family="loss", problem="loss", parameters=22, status="ok")
    assert found(same).startswith(f"The graph reached size {int(same['size'].max()):,}, at ")


def test_all_that_is_derived_is_set_side_by_side(results):
    report = report_of(RunRecord(ladder(results)))
    text = next(s for s in report.sections if s.name == "size").sentences[0]
    assert "the formula in reverse" in text
    assert "on whole matrices" in text


def test_the_swell_is_said_in_numbers(swell):
    report = report_of(RunRecord(swell=swell))
    section = next(s for s in report.sections if s.name == "size")
    text = " ".join(section.sentences)
    assert text.startswith("What swells is the closed form, which has no names")
    assert "34 in reverse" not in text
    table = section.tables["Operations of the gradient"]
    rows = {row[1]: row for row in table.rows}
    assert rows["mlp depth 256"][3:] == ("1 × 10⁸⁶", "–", "–", "8,704", "2,054")
    assert rows["mlp depth 256"][3].value > 1e85


def test_published_formulas_that_differ_are_called_a_bug(run):
    rows = [{**row, "equal": False} for row in run["logistic"]]
    report = report_of(RunRecord(metadata={"logistic": rows}))
    section = next(s for s in report.sections if s.name == "size")
    assert "Ours differ from those published: l_1 and l_2" in " ".join(section.sentences)

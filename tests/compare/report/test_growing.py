import math

import pandas as pd

from compare.report.cells import complete
from compare.report.growing import growing_sentences, growing_tables
from compare.results.schema import CROSSOVER_COLUMNS, SUMMARY_COLUMNS

LAW = {
    "family": "mlp width",
    "engine": "expanded",
    "quantity": "operations",
    "against": "parameters",
    "law": "power",
    "exponent": 2.0,
    "exponent_low": 1.9,
    "exponent_high": 2.1,
    "predicted_at": 1e6,
    "predicted_log10": 12.4,
    "predicted_log10_low": 11.6,
    "predicted_log10_high": 13.4,
}
MET = {
    "family": "mlp width",
    "quantity": "run_s",
    "against": "parameters",
    "below": "expanded",
    "above": "graph-compiled",
    "n": 31.2,
    "n_low": 24.1,
    "n_high": 39.8,
    "extrapolated": 0,
}


def frames(laws=(LAW,), met=(MET,)):
    return (
        complete(pd.DataFrame(list(laws)), SUMMARY_COLUMNS),
        complete(pd.DataFrame(list(met)), CROSSOVER_COLUMNS),
    )


def test_a_meeting_is_told_with_its_interval():
    said = " ".join(growing_sentences(*frames()))
    assert (
        "`graph-compiled` overtakes `expanded` at 31 parameters (95 % 24 to 40) in the time of a "
        "gradient (mlp width)" in said
    )


def test_an_extrapolation_is_marked_as_such():
    said = " ".join(growing_sentences(*frames()))
    assert (
        "Extrapolated, beyond all that was measured: the closed form of mlp width with 1 million "
        "parameters would need about 10¹² operations (95 % 10¹² to 10¹³)" in said
    )


def test_a_meeting_outside_the_measured_sizes_is_in_the_table_only():
    summary, crossovers = frames(met=[MET | {"extrapolated": 1}])
    assert "overtakes" not in " ".join(growing_sentences(summary, crossovers))
    rows = growing_tables(summary, crossovers)["Where engines meet"].rows
    assert rows[0][-1].endswith("(95 % 24 to 40), extrapolated")


def test_what_formulas_would_need_has_its_unit():
    summary, crossovers = frames([LAW, LAW | {"quantity": "build_s"}])
    rows = growing_tables(summary, crossovers)["Extrapolated, beyond all that was measured"].rows
    assert [row[-1] for row in rows] == ["10¹² (10¹² to 10¹³)", "10¹² s (10¹² to 10¹³)"]


def test_no_law_no_sentence():
    summary, crossovers = frames([LAW | {"law": "none", "predicted_log10": math.nan}], [])
    assert len(growing_sentences(summary, crossovers)) == 1
    assert growing_tables(summary, crossovers) == {}


def test_a_prediction_that_says_nothing_is_not_told():
    wide = LAW | {"predicted_log10": 27.0, "predicted_log10_low": 1.0, "predicted_log10_high": 66.0}
    assert "Extrapolated" not in " ".join(growing_sentences(*frames([wide])))

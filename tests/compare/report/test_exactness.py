import math

import pandas as pd
import pytest

from compare.report.cells import complete
from compare.report.content import report_of
from compare.report.exactness import exactness_sentences, exactness_tables, ulp_text
from compare.report.record import RunRecord
from compare.results.schema import TRUTH_COLUMNS

ROW = {
    "problem": "mlp",
    "label": "2-2-1",
    "engine": "graph",
    "parameters": 9,
    "entries": 9,
    "ulp_median": 1.0,
    "ulp_max": 16.0,
    "ulp_max_at": "w1[0, 1]",
    "ulp_of_largest": 15.0,
    "status": "ok",
    "message": "",
}


def frame(*changes):
    return complete(pd.DataFrame([{**ROW, **change} for change in changes]), TRUTH_COLUMNS)


def said(*changes):
    return "\n".join(exactness_sentences(frame(*changes)))


def test_the_worst_entry_and_what_it_means():
    text = said({}, {"engine": "finite-differences", "ulp_max": 2.0**26, "ulp_max_at": "b1[0]"})
    assert "the largest error is 16 ULPs (graph, `w1[0, 1]` of mlp 2-2-1)" in text
    assert "about 4 of the 53 bits are lost there" in text
    assert "cancel" not in text
    assert "Finite differences are off by up to 7e7 ULPs: about 26 bits are lost" in text


def test_cancellation_is_told_from_carelessness():
    assert "because terms cancel" in said({"ulp_of_largest": 1.0})


def test_a_sample_and_a_missing_truth_are_said():
    assert "A random sample of the entries was compared on mlp 2-2-1" in said({"entries": 5})
    none = {"entries": 0, "ulp_max": math.nan, "message": "no truth: numpy.linalg.det does not"}
    text = said(none)
    assert "mlp 2-2-1 has no truth (numpy.linalg.det does not)" in text
    assert exactness_tables(frame(none)).popitem()[1].rows == [("mlp 2-2-1", "no truth")]


def test_who_is_wrong_is_named():
    wrong = {"status": "mismatch", "message": "w1[0, 1] is 2.0, the truth 1.0", "ulp_max": 1e15}
    assert "graph is wrong on mlp 2-2-1: w1[0, 1] is 2.0, the truth 1.0." in said(wrong)
    rows = exactness_tables(frame(wrong)).popitem()[1].rows
    assert rows == [("mlp 2-2-1", "mismatch: 1e15 (1)")]


@pytest.mark.parametrize(
    ("ulps", "text"), [(math.inf, "∞"), (9.96, "10"), (99_999.0, "99,999"), (1.0, "1")]
)
def test_ulps_are_written_as_people_read_them(ulps, text):
    assert ulp_text(ulps) == text


def test_the_section_stands_in_the_report_if_there_is_a_truth():
    def sections(truth):
        return [s.name for s in report_of(RunRecord(truth=truth)).sections]

    assert "agreement" in sections(frame({}))
    assert "agreement" not in sections(pd.DataFrame())

"""The tables of the terminal fit into 80 columns and say the same as the report."""

import io

import pandas as pd
from rich.console import Console

from compare.report.record import RunRecord
from compare.report.terminal import print_agreement, print_summary


def printed(function, shown):
    stream = io.StringIO()
    function(shown, Console(file=stream, width=80, color_system=None))
    return stream.getvalue()


def test_the_summary_answers_in_one_look(summary, results):
    text = printed(print_summary, RunRecord(results, summary))
    assert max(map(len, text.splitlines())) <= 80
    assert "mlp width: the largest within 12 s and 4 GiB" in text
    line = next(line for line in text.splitlines() if line.startswith("graph"))
    for word in ("10.2 million", "ms", "0.44 (0.40, 0.49)", "×"):
        assert word in line
    assert "timeout" in next(line for line in text.splitlines() if line.startswith("expanded"))
    assert "…" not in text


def test_every_status_has_room_beside_a_law_with_a_logarithm(summary, results):
    logs = summary.assign(law=summary["law"].replace({"power": "power-log"}))
    stopped = results.replace({"status": {"timeout": "unsupported"}})
    stopped = stopped[stopped["engine"].isin(["graph", "expanded", "shared", "hand-written"])]
    text = printed(print_summary, RunRecord(stopped, logs))
    assert "× log" in text
    assert "refused" in next(line for line in text.splitlines() if line.startswith("expanded"))
    assert "…" not in text


def test_families_that_do_not_grow_in_parameters_stand_in(summary, results):
    sized = RunRecord(results[results["family"] == "logistic map"], summary)
    text = printed(print_summary, sized)
    assert "256" in text


def test_an_empty_run_says_so():
    assert "Nothing was measured" in printed(print_summary, RunRecord())


def test_a_name_in_brackets_is_not_markup(summary, results):
    odd = results.replace({"engine": {"graph": "[red]x[/red]"}})
    assert "[red]x[/red]" in printed(print_summary, RunRecord(odd, summary))


def test_agreement_is_a_matrix(agreement):
    text = printed(print_agreement, agreement)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("mismatch") == 9
    assert "timeout" in text


def test_no_agreement_says_so():
    assert "No engines were compared." in printed(print_agreement, pd.DataFrame())

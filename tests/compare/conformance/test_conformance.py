"""The suite: planted mistakes are caught, what is right passes, and every row can be repeated."""

import io
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import autodiff
from compare.cli.conformance import _counts
from compare.conformance import conformance, run
from compare.conformance.case import Case, digits, exact, nearest
from compare.conformance.judge import VERDICTS, verdict_of
from compare.conformance.libraries import LIBRARIES, OURS
from compare.conformance.page import write_page
from compare.conformance.program import program
from compare.conformance.run import answer
from compare.conformance.suite import FAMILIES, cases_of
from compare.process.executor import Budget

CASES = [case for family in FAMILIES for case in cases_of(family)]


def test_there_are_enough_cases_and_each_has_a_name_of_its_own():
    assert len(CASES) >= 400
    assert len({(case.family, case.name) for case in CASES}) == len(CASES)


SLOPE = Case("x²", lambda x: x**2, (3.0,), (6.0,))
ARRAY = Case("sum of squares", lambda x: np.sum(x**2), (np.ones(2),), (np.full(2, 2.0),))
KINK = Case("abs at 0", np.abs, (0.0,), None, {"a subgradient": (0.0,)})
SATURATED = Case("tanh(15)", np.tanh, (15.0,), (3.7430491875353694e-13,), atol=2.3e-16)
MEANT = Case("x twice", abs, (2.0,), (4.0,), documented={"mine": ("its page", (2.0,))})


@pytest.mark.each(
    ("case", "answer", "verdict"),
    [
        (SLOPE, [6.0], "right"),
        (SLOPE, [np.float32(6.0)], "right"),
        (SLOPE, [6.0 * (1 + 1e-8)], "wrong"),
        (SLOPE, [0.0], "wrong"),
        (SLOPE, [np.nan], "nan"),
        (SLOPE, [np.inf], "nan"),
        (SLOPE, None, "refused"),
        (SLOPE, [None], "wrong"),
        (SLOPE, [np.array(6.0 + 1.0j)], "wrong"),
        (SLOPE, [np.array(6.0 + 0.0j)], "right"),
        (SLOPE, [np.array([6.0])], "wrong"),
        (ARRAY, [np.full(2, 2.0)], "right"),
        (ARRAY, [4.0], "wrong"),
        (ARRAY, [np.array([2.0, 2.0 + 1e-7])], "wrong"),
        (KINK, [0.0], "convention"),
        (KINK, [0.3], "wrong"),
        (KINK, [np.nan], "right"),
        (KINK, None, "right"),
        (SATURATED, [3.7430491875353e-13], "right"),
        (SATURATED, [3.743e-13], "inexact"),
        (SATURATED, [0.0], "wrong"),
        (MEANT, [2.0], "convention"),
        (MEANT, [3.0], "wrong"),
        (MEANT, None, "refused"),
    ],
)
def test_a_verdict(case, answer, verdict):
    message = "a sentence" if answer is None else ""
    assert verdict_of(case, answer, message, "mine").verdict == verdict


def test_what_one_library_documents_is_wrong_for_another():
    assert verdict_of(MEANT, [2.0], module="another").verdict == "wrong"


def test_a_wrong_number_with_a_warning_is_not_silent():
    verdict = verdict_of(SLOPE, [0.0], "UserWarning: seems independent")
    assert (verdict.verdict, verdict.message) == ("warned", "UserWarning: seems independent")
    assert verdict_of(SLOPE, [6.0], "UserWarning: seems independent").verdict == "right"


def test_a_library_that_exits_is_refused():
    def exits(case):
        sys.exit(3)

    assert answer(exits, CASES[0].family, CASES[0].name) == (None, "SystemExit: 3")


def without_the_second_order(f, wrt):
    """A library whose conventions at kinks are constants."""
    gradient = autodiff.grad(f, wrt)
    return lambda *args: autodiff.stop_gradient(gradient(*args))


def test_a_library_that_is_wrong_is_caught_and_named():
    frame = conformance(families=["kinks"], gradient=("mine", without_the_second_order))
    second = frame[frame["case"].str.contains("second order")]
    assert set(frame["library"]) == {"mine"}
    assert (second["verdict"] != "right").sum() > 15
    assert (frame[~frame["case"].str.contains("second order")]["verdict"] != "wrong").all()


def test_none_of_ours_is_wrong_in_silence_at_kinks():
    frame = conformance(["autodiff", "symdiff-shared"], ["kinks"])
    assert not frame["verdict"].isin(["wrong", "crashed", "timeout"]).any()
    assert frame[frame["library"] == "autodiff"]["verdict"].isin(["right", "convention"]).all()


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    # Shared and expanded are the derivatives of adjoint's nodes, written otherwise.
    "library",
    [name for name in OURS if name not in ("symdiff-shared", "symdiff-expanded")],
)
def test_none_of_ours_is_wrong_in_silence_anywhere(library, monkeypatch):
    if library.startswith("symdiff"):
        # Formulas of large arrays take longer than anybody waits for them, which is not asked here.
        monkeypatch.setattr(run, "_BUDGET", Budget(15.0, 2**32))
    frame = conformance([library])
    wrong = frame[frame["verdict"].isin(["wrong", "crashed"])]
    assert wrong.empty, wrong[["case", "value", "truth"]].to_string()
    if library.startswith("autodiff"):
        other = frame[~frame["verdict"].isin(["right", "convention"])]
        known = {
            "elementwise: tanh(15)",  # 1 - tanh² is inexact there
            "elementwise: tanh(-15)",
            "elementwise: tanh(350)",
            "numbers: cast to an integer and back",  # refused, as what would lose a derivative is
            "numbers: text and back",
            "numbers: np.float64 of it",
        }
        assert set(other["family"] + ": " + other["case"]) == known


def test_every_case_has_a_program_that_compiles():
    for case in CASES:
        for name in ("autodiff", "symdiff-adjoint", "mygrad"):
            compile(program(case, LIBRARIES[name]), case.name, "exec")


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("tanh(0.7)", "autodiff"),
        ("write into zeros", "autodiff"),
        ("abs² at 0, second order", "autodiff"),
        ("a property that makes an object", "autodiff"),
        ("a quartic with cross terms, second order", "symdiff-adjoint"),
        ("abs squared at 0", "mygrad"),
    ],
)
def test_a_program_repeats_the_answer(name, library):
    pytest.importorskip(LIBRARIES[library].module)
    case = next(case for case in CASES if case.name == name)
    ended = subprocess.run(
        [sys.executable, "-c", program(case, LIBRARIES[library])],
        capture_output=True,
        text=True,
        check=True,
    )
    printed = np.array(re.findall(r"-?\d+\.?\d*(?:e[+-]\d+)?", ended.stdout), float)
    np.testing.assert_allclose(printed, np.ravel(nearest(case.truth[0])), rtol=1e-7)


def test_a_truth_has_fifty_digits():
    assert digits(exact(lambda x: 1 / x, 3.0)) == "0." + "3" * 50


def test_the_page_is_one_file_and_escapes_what_libraries_say(tmp_path):
    frame = conformance(["autodiff"], ["masks"])
    frame.loc[0, ["verdict", "message"]] = ["wrong", "<script>alert(1)</script>"]
    text = write_page(frame, tmp_path / "page.html").read_text()
    assert "<script>" not in text
    assert "http" not in text
    assert "26/27" in text


def test_the_terminal_shows_every_verdict_of_every_library_in_80_columns():
    rows = [
        {"library": library, "verdict": verdict} for library in LIBRARIES for verdict in VERDICTS
    ]
    stream = io.StringIO()
    Console(file=stream, width=80).print(_counts(pd.DataFrame(rows * 150), list(VERDICTS)))
    text = stream.getvalue()
    assert "…" not in text
    assert all(library in text for library in LIBRARIES)
    assert text.count(" 150") == len(rows)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conformance(["autodif"]), "no library is called 'autodif'"),
        (lambda: conformance(["autodiff"], ["mask"]), "no family is called 'mask'"),
    ],
)
def test_a_wrong_name_is_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()

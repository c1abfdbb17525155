"""CSV files that survive a kill, a full disk, a spreadsheet and a reader of another version."""

import errno
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare.results.reading import ResultsError, as_frame, read_results, read_table
from compare.results.schema import RESULT_COLUMNS, SCHEMA_VERSION, SUMMARY_COLUMNS, Column
from compare.results.store import append_row, create_results, prepare_folder, write_table

COLUMNS = (
    Column("count", "int", "", "whole numbers"),
    Column("time_s", "float", "", "floats"),
    Column("words", "str", "", "text"),
)
ROW = {"problem": "circuit", "size": 1, "engine": "hand", "status": "ok", "run_s": 2.5e-7}


@pytest.fixture
def results(tmp_path):
    return create_results(tmp_path / "results.csv")


def test_a_new_file_has_the_header_and_no_rows(results):
    names = [column.name for column in RESULT_COLUMNS]
    assert results.read_bytes() == (",".join(names) + "\n").encode()
    frame = read_results(results)
    assert list(frame.columns) == names
    assert len(frame) == 0
    assert list(results.parent.iterdir()) == [results]


def test_an_existing_file_is_not_overwritten(results):
    append_row(results, ROW)
    with pytest.raises(ResultsError, match="exists already"):
        create_results(results)
    assert len(read_results(results)) == 1


def test_types_come_from_the_schema(results):
    append_row(results, ROW)
    append_row(results, {"problem": "gates", "engine": "x", "status": "timeout", "message": "late"})
    frame = read_results(results)
    pd.testing.assert_frame_equal(read_results(results.parent), frame)
    for column in RESULT_COLUMNS:
        kind = {"int": "Int64", "float": "float64", "str": pd.Series([""], dtype="str").dtype}
        assert frame[column.name].dtype == kind[column.dtype]
    assert frame["schema_version"].tolist() == [SCHEMA_VERSION, SCHEMA_VERSION]
    assert frame["size"].isna().tolist() == [False, True]
    assert math.isnan(frame["run_s"][1])
    assert frame["message"].tolist() == ["", "late"]


ONE_LINE = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40
).filter(lambda text: len(text.splitlines()) <= 1 and text == "".join(text.splitlines()))


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "count": st.none() | st.integers(-(2**63), 2**63 - 1),
                "time_s": st.none() | st.floats(),
                "words": ONE_LINE | st.sampled_from(["=1+1", "'=1", "''", " @x", "-3", "a,\"b'"]),
            }
        ),
        max_size=5,
    )
)
@settings(max_examples=200, deadline=None)
def test_what_is_written_reads_back_equal(rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        frame = as_frame(rows, COLUMNS)
        write_table(path, frame, COLUMNS)
        pd.testing.assert_frame_equal(read_table(path, COLUMNS), frame, check_exact=True)


@pytest.mark.parametrize(
    "text",
    [
        "=SUM(A1:A9)",
        "+1",
        "-1+1",
        "-1; =1",
        "@cmd",
        "\t=1",
        "  =1",
        "'=1",
        "'x",
        "＝1",
        "＋1",
        "\xa0－1",
        "＠x",
    ],
)
def test_a_spreadsheet_runs_no_text(results, text):
    append_row(results, ROW | {"message": text})
    assert f",'{text}," in results.read_text()
    assert read_results(results)["message"][0] == text


@pytest.mark.parametrize("text", ["-1", "-0.25; 2e-17", "3; -1; 0"])
def test_numbers_as_text_stay_numbers(results, text):
    append_row(results, ROW | {"message": text})
    assert f",{text}," in results.read_text()
    assert read_results(results)["message"][0] == text


NUMBER = re.compile(r"-\d+(; -?\d+)*", re.ASCII)
NASTY = st.text(max_size=20) | st.builds(
    lambda space, sign, rest: space + sign + rest,
    st.text("\t\r\n \v\f\xa0\u3000\u2028", max_size=3),
    st.sampled_from("=+-@'＝＋－＠\""),
    st.text("=1,;\"'\r\n\tA", max_size=5),
)


@given(words=NASTY)
@settings(max_examples=100, deadline=None)
def test_no_text_becomes_a_formula_or_a_second_row_and_all_read_back_as_one_line(words):
    with tempfile.TemporaryDirectory() as folder:
        path = create_results(Path(folder) / "results.csv")
        append_row(path, ROW | {"label": words, "message": words})
        (row,) = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
        for name in ("label", "message"):
            first = row[name].lstrip()[:1]
            assert first not in tuple("=+-@＝＋－＠") or NUMBER.fullmatch(row[name])
        line = " ".join(words.replace("\0", " ").splitlines())
        line = line.encode("utf-8", "backslashreplace").decode()
        frame = read_results(path)
        assert frame.loc[0, ["label", "message"]].tolist() == [line, line]
        assert [str(frame[c.name].dtype) for c in RESULT_COLUMNS] == [
            {"int": "Int64", "float": "float64", "str": str(pd.Series(["a"]).dtype)}[c.dtype]
            for c in RESULT_COLUMNS
        ]


def test_negative_numbers_are_no_formulas(results):
    append_row(results, ROW | {"max_error": -1.5, "seed": -3})
    assert ",-1.5," in results.read_text()
    assert read_results(results).loc[0, ["max_error", "seed"]].tolist() == [-1.5, -3]


def test_lines_become_one(results):
    append_row(results, ROW | {"message": 'a\nb\r\nc\rd\u2028e\0f, "g"'})
    assert results.read_bytes().count(b"\n") == 2
    assert read_results(results)["message"][0] == 'a b c d e f, "g"'


def test_odd_texts_are_written(results):
    append_row(results, ROW | {"message": "name \udc80 µ 日"})
    append_row(results, ROW | {"message": "x" * 1_000_000})
    messages = read_results(results)["message"]
    assert messages[0] == "name \\udc80 µ 日"
    assert messages[1].endswith("x...")
    assert len(messages[1]) < 32_768


@pytest.mark.parametrize(
    "number", [0.1 + 0.2, 5e-324, 1e308, math.inf, -math.inf, 3, np.float32(1)]
)
def test_floats_round_trip(results, number):
    append_row(results, ROW | {"max_error": number})
    assert read_results(results)["max_error"][0] == float(number)


@pytest.mark.parametrize("missing", [None, math.nan, pd.NA, np.float64("nan")])
def test_missing_values_are_empty(results, missing):
    append_row(results, ROW | {"run_s": missing, "size": missing, "message": missing})
    row = read_results(results).iloc[0]
    assert math.isnan(row["run_s"])
    assert row["size"] is pd.NA
    assert row["message"] == ""


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("size", "3", r"column size: '3' \(str\) is not a whole number"),
        ("size", 2.5, "is not a whole number"),
        ("size", math.inf, "is not a whole number"),
        ("size", True, "is not a whole number"),
        ("size", 2**63, "is not a whole number of 64 bits"),
        ("run_s", "fast", r"column run_s: 'fast' \(str\) is not a number"),
        ("run_s", 1j, "is not a number"),
        ("run_s", False, "is not a number"),
        ("run_s", 10**400, "is not a number"),
        ("engine", 3, r"column engine: 3 \(int\) is not text"),
        ("engine", ["a"], "is not text"),
    ],
)
def test_a_value_of_another_type_is_refused(results, column, value, words):
    before = results.read_bytes()
    with pytest.raises(ValueError, match=words):
        append_row(results, ROW | {column: value})
    assert results.read_bytes() == before


def test_an_unknown_column_is_refused(results):
    with pytest.raises(ValueError, match="unexpected columns runs, expected only schema_version"):
        append_row(results, ROW | {"runs": 3})


def test_whole_floats_and_numpy_numbers_are_whole_numbers(results):
    append_row(results, ROW | {"size": np.int32(4), "seed": 3.0, "parameters": np.float64(9)})
    assert read_results(results).loc[0, ["size", "seed", "parameters"]].tolist() == [4, 3, 9]


def test_appending_needs_a_file_that_ends_with_a_whole_row(results, tmp_path):
    with pytest.raises(ResultsError, match=r"does not exist\. Create it"):
        append_row(tmp_path / "none.csv", ROW)
    assert not (tmp_path / "none.csv").exists()
    with results.open("ab") as file:
        file.write(b"1,notes,cir")
    with pytest.raises(ResultsError, match="does not end with a whole row"):
        append_row(results, ROW)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(ResultsError, match="does not end with a whole row"):
        append_row(tmp_path / "empty.csv", ROW)


def test_a_row_is_one_write(results, monkeypatch):
    calls = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, line: calls.append(line) or write(fd, line))
    append_row(results, ROW)
    assert len(calls) == 1
    assert results.read_bytes().endswith(calls[0])


def test_a_short_write_is_undone(results, monkeypatch):
    append_row(results, ROW)
    before = results.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, line: write(fd, line[:10]))
    with pytest.raises(OSError, match=r"only 10 of .* bytes fitted.*Free some space") as error:
        append_row(results, ROW)
    assert error.value.errno == errno.ENOSPC
    assert results.read_bytes() == before


def test_a_full_disk_is_said_and_leaves_the_file(results, monkeypatch):
    before = results.read_bytes()

    def full(fd, line):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match=r"not written \(No space left on device\)"):
        append_row(results, ROW)
    assert results.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_kill_leaves_whole_rows(results):
    program = (
        "import sys\n"
        "from compare.results.store import append_row\n"
        "row = {'problem': 'p', 'engine': 'e', 'message': 'm' * 3000, 'run_s': 0.1}\n"
        "print('begin', flush=True)\n"
        "while True:\n"
        "    append_row(sys.argv[1], row)\n"
    )
    root = str(Path(__file__).parents[3])
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(results)], cwd=root, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        before = results.stat().st_size
        while results.stat().st_size < before + 50_000:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert len(read_results(results)) > 10


# Reading what is wrong.


def write(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("count,time_s\n1,2\n", "lacks the columns words"),
        ("count,time_s,words,x,y\n", "has the unexpected columns x, y"),
        ("a,b\n", "lacks the columns count, time_s, words and has the unexpected columns a, b"),
        ("count,words,time_s\n", "has its columns in another order"),
        ("count,time_s,words,words\n", "repeats the columns words"),
        ("<html>", "lacks the columns"),
        ("count,time_s,words\n1,2.0,a\n2,3.", "line 3: the file is cut off in the middle"),
        ("count,time_s,words\n1,2.0,a\n2,3.0,b", "line 3: the file is cut off in the middle"),
        ("count,time_s,words\n1,2.0\n2,3.0,b\n", "line 2: 2 fields, expected 3"),
        ("count,time_s,words\n1,2.0,a,b\n", "line 2: 4 fields, expected 3"),
        ("count,time_s,words\n\n", "line 2: 0 fields, expected 3"),
        ("count,time_s,words\nx,2.0,a\n", "line 2: 'x' in column count is not a whole number"),
        ("count,time_s,words\n1.0,2.0,a\n", "line 2: '1.0' in column count is not a whole"),
        ("count,time_s,words\n1_0,2.0,a\n", "'1_0' in column count is not a whole number"),
        ("count,time_s,words\n9223372036854775808,,\n", "in column count is not a whole number"),
        ("count,time_s,words\n1,1,a\n1,2.0 s,a\n", "line 3: '2.0 s' in column time_s is not a"),
        ("count,time_s,words\n1,1_0,a\n", "'1_0' in column time_s is not a number"),
        ('count,time_s,words\n1,2,"a\n', "line 2: unexpected end of data"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, words):
    with pytest.raises(ResultsError, match=words):
        read_table(write(tmp_path, text), COLUMNS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"run_s": -1e-9}, "'-1e-09' in column run_s is not a number that is finite and not neg"),
        ({"run_high_s": math.inf}, "'inf' in column run_high_s is not a number that is finite"),
        ({"ratio": -2.0}, "'-2.0' in column ratio"),
        ({"cores_busy": math.inf}, "'inf' in column cores_busy"),
        ({"samples": -1}, "'-1' in column samples is not a whole number that is finite"),
        ({"peak_bytes": -4096}, "'-4096' in column peak_bytes"),
        ({"size": -3}, "'-3' in column size"),
        ({"engine": ""}, "column engine is empty"),
        ({"problem": "  "}, "column problem is empty"),
    ],
)
def test_what_cannot_be_is_refused_with_row_and_column(results, change, words):
    append_row(results, ROW)
    append_row(results, ROW | change)
    with pytest.raises(ResultsError, match="line 3: ") as refused:
        read_results(results)
    assert words in str(refused.value)


@pytest.mark.parametrize("name", ["engine", "message", "run_s"])
def test_a_nul_is_refused_with_row_and_column(results, name):
    append_row(results, ROW | {name: 1.25 if name == "run_s" else "word"})
    word = "1.25" if name == "run_s" else "word"
    results.write_text(results.read_text().replace(word, "\0" + word))
    with pytest.raises(ResultsError, match=f"line 2: column {name} holds a NUL"):
        read_results(results)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(ResultsError, match="does not exist"):
        read_results(tmp_path / "none.csv")
    with pytest.raises(ResultsError, match="csv does not exist"):
        read_results(tmp_path)
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ResultsError, match="is not a CSV in UTF-8"):
        read_results(tmp_path / "image.png")


def test_a_newer_version_is_named_before_its_columns(tmp_path):
    names = [column.name for column in RESULT_COLUMNS]
    newer = SCHEMA_VERSION + 1
    same = f"{','.join(names)}\n{newer}{',' * (len(names) - 1)}\n"
    other = f"schema_version,energy_j\n{newer},3.5\n"
    for text in (same, other):
        with pytest.raises(ResultsError, match=f"has schema version {newer}, this gradscale reads"):
            read_results(write(tmp_path, text))


def test_a_file_that_a_spreadsheet_saved_again_is_read(results):
    append_row(results, ROW | {"message": "=1"})
    saved = b"\xef\xbb\xbf" + results.read_bytes().replace(b"\n", b"\r\n")
    results.write_bytes(saved)
    assert read_results(results)["message"].tolist() == ["=1"]


def test_tables_are_replaced_in_one_step(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    frame = as_frame([{"count": 1, "time_s": 0.5, "words": "a"}], COLUMNS)
    write_table(path, frame, COLUMNS)
    before = path.read_bytes()

    def fails(*arguments):
        raise OSError("power cut")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="power cut"):
        write_table(path, as_frame([], COLUMNS), COLUMNS)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_columns_may_come_in_any_order_but_all_of_them(tmp_path):
    path = tmp_path / "table.csv"
    frame = as_frame([{"count": 1, "time_s": 0.5, "words": "a"}], COLUMNS)
    write_table(path, frame[["words", "time_s", "count"]], COLUMNS)
    pd.testing.assert_frame_equal(read_table(path, COLUMNS), frame)
    with pytest.raises(ValueError, match=r"table.csv: the table lacks the columns words\."):
        write_table(path, frame.drop(columns="words"), COLUMNS)
    with pytest.raises(ValueError, match="has the unexpected columns extra"):
        write_table(path, frame.assign(extra=1), COLUMNS)
    with pytest.raises(ValueError, match="column count: 'x'"):
        write_table(path, frame.assign(count="x"), COLUMNS)
    with pytest.raises(ResultsError, match="is no folder"):
        write_table(tmp_path / "none" / "table.csv", frame, COLUMNS)


def test_an_empty_summary_round_trips(tmp_path):
    path = tmp_path / "summary.csv"
    write_table(path, as_frame([], SUMMARY_COLUMNS), SUMMARY_COLUMNS)
    pd.testing.assert_frame_equal(read_table(path, SUMMARY_COLUMNS), as_frame([], SUMMARY_COLUMNS))


# The output folder.


def test_a_folder_is_made_and_left_empty(tmp_path):
    folder = prepare_folder(tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    assert prepare_folder(str(folder)) == folder
    assert list(folder.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below" / "it"):
        with pytest.raises(ResultsError, match="cannot be the output folder") as error:
            prepare_folder(path)
        assert f"{file} is a file" in str(error.value)


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    def refuse(*arguments, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(ResultsError, match=r"output folder: Permission denied\. Choose"):
        prepare_folder(tmp_path)


def test_a_file_of_version_1_is_read(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(
        "schema_version,problem,size,engine,status,run_s,samples_s,loops,threads\n"
        "1,circuit,1,graph,ok,2.5e-07,2e-07 3e-07,4,1\n"
    )
    frame = read_results(path)
    assert list(frame.columns) == [column.name for column in RESULT_COLUMNS]
    row = frame.iloc[0]
    assert (row["schema_version"], row["engine"], row["run_s"], row["loops"]) == (
        1,
        "graph",
        2.5e-07,
        4,
    )
    # What version 1 called threads is what a library reported.
    assert row["threads_read"] == 1
    assert pd.isna(row["threads"])
    assert row["fingerprint"] == ""


def test_a_file_of_version_2_is_read(tmp_path):
    names = [column.name for column in RESULT_COLUMNS]
    values = {"schema_version": "2", "definition": "819795b5bdff10ac"}
    values |= {"problem": "circuit", "engine": "graph"}
    header = ["definition" if name == "fingerprint" else name for name in names]
    text = ",".join(header) + "\n" + ",".join(values.get(name, "") for name in header) + "\n"
    frame = read_results(write(tmp_path, text))
    assert list(frame.columns) == names
    assert frame["fingerprint"].tolist() == ["819795b5bdff10ac"]


def test_a_file_of_version_1_with_a_foreign_column_is_refused(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("schema_version,colour\n1,red\n")
    with pytest.raises(ResultsError, match="unexpected columns colour"):
        read_results(path)

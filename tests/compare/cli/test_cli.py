import json
import os
import shutil
import signal
import subprocess
import sys
import time

import click
import pytest

import compare
from compare.cli import main


def gradscale(capsys, *arguments):
    """Return exit code, output and errors of a command."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    captured = capsys.readouterr()
    return exit_.value.code, captured.out, captured.err


@pytest.mark.each(
    "error",
    [
        MemoryError(),
        ImportError("x.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        OSError(24, "Too many open files"),
        ValueError("caf\udce9"),
    ],
)
def test_what_a_system_has_no_more_of_is_one_sentence(error, capsys):
    @click.command()
    def failing():
        raise error

    with pytest.raises(SystemExit) as exit_:
        main([], failing)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("gradscale: ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that a small run has written: one function, and what stands in every report."""
    top = tmp_path_factory.mktemp("report")
    model, out = top / "model.py", top / "small"
    model.write_text("def loss(x=2.0, y=3.0):\n    return x * y + y\n")
    with pytest.raises(SystemExit) as exit_:
        main(
            ["run", "--out", str(out), "--quick", "--problem", f"{model}:loss", "--engine", "graph"]
        )
    assert exit_.value.code == 0
    return out


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode elsewhere")
def test_a_report_of_names_that_are_no_unicode(folder, tmp_path, capsys):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(folder, odd)
    metadata = json.loads((odd / "run.json").read_text())
    (odd / "run.json").write_text(json.dumps(metadata | {"command": "gradscale run caf\udce9"}))
    assert gradscale(capsys, "report", str(odd), "--title", "caf\udce9")[0] == 0
    assert "caf\\udce9" in (odd / "report.html").read_text(encoding="utf-8")
    code, _, text = gradscale(capsys, "compare", str(odd), str(folder))
    assert code == 0, text


@pytest.mark.exhaustive
def test_run_writes_everything(tmp_path, capsys):
    folder = tmp_path / "small"
    chosen = ("--problem", "circuit", "--problem", "mlp-width", "--engine", "graph")
    arguments = ("run", "--out", str(folder), "--quick", "--sizes=2,8", *chosen, "--engine=shared")
    assert gradscale(capsys, *arguments)[0] == 0
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    wanted = {"results.csv", "summary.csv", "agreement.csv", "truth.csv", "run.json"}
    wanted |= {"swell.csv", "training.csv"}
    wanted |= {"report.html", "report.md", "charts/cost.svg", "charts/swell.png"}
    assert wanted <= names
    assert not [n for n in names if n.endswith((".new", ".tmp"))]
    results = compare.read_results(folder / "results.csv")
    assert set(results["engine"]) == {"graph", "shared"}
    assert set(results["problem"]) == {"circuit", "mlp-width"}, "one that is named is timed"


def test_a_folder_that_holds_a_run_is_left_alone(folder, capsys):
    before = {p: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    code, out, err = gradscale(capsys, "run", "--out", str(folder), "--quick")
    assert code == 2
    assert not out
    assert "--resume" in err
    assert {p: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_a_run_of_its_own_folder_shows_why_an_engine_failed(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(
        "def loss(p={'w': 2.0, 'n': 3}):\n    return p['w'] ** p['n']\n"
        "def engine(f, inputs, wrt):\n    raise KeyError('boom')\n"
    )
    (tmp_path / "other.py").write_text("def loss(x=2.0):\n    return x\n")
    both = ("--problem", "model.py:loss", "--problem", "other.py:loss")
    code, _, err = gradscale(capsys, "run", *both)
    assert code == 2
    assert "two problems are called loss: rename one" in err
    assert not (tmp_path / "reports").exists()
    own = ("--problem", "model.py:loss", "--engine", "model.py:engine")
    code, out, _ = gradscale(capsys, "run", "--quick", "--title", "Mine & yours", *own)
    assert code == 1
    assert "loss: 1 parameter in p.w" in out
    assert "engine on loss, as given: KeyError: 'boom'" in out
    assert "Nothing was measured" in out
    page = (tmp_path / "reports" / "latest" / "report.html").read_text(encoding="utf-8")
    assert "<title>Mine &amp; yours</title>" in page
    code, out, _ = gradscale(capsys, "verify", *own)
    assert code == 1
    assert "KeyError: 'boom'" in out


def test_report_is_made_again_from_the_csv(folder, capsys):
    (folder / "report.html").unlink()
    code, out, _ = gradscale(capsys, "report", str(folder))
    assert code == 0
    assert "graph" in out
    assert (folder / "report.html").stat().st_size > 10_000


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_leaves_a_report_of_what_is_finished(tmp_path):
    out = tmp_path / "interrupted"
    arguments = ["--quick", "--problem=mlp-depth", "--sizes=2,3,4,5", "--engine=graph"]
    process = subprocess.Popen(
        [sys.executable, "-m", "compare", "run", "--out", str(out), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    results = out / "results.csv"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (
        results.exists() and results.read_text().count("\n") > 1
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert b"Traceback" not in errors
    assert b"report:" in printed
    assert (out / "report.html").exists()
    assert len(compare.read_results(results)) >= 1


BAD_INPUT = {
    "unknown problem": (("run", "--problem", "circus"), "did you mean 'circuit'"),
    "unknown engine": (("verify", "--engine", "grpah"), "did you mean 'graph'"),
    "unknown command": (("rum",), "No such command 'rum'"),
    "budget of zero": (("run", "--budget-s", "0"), "positive number"),
    "negative budget": (("run", "--budget-s", "-3"), "positive number"),
    "budget in words": (("run", "--budget-s", "soon"), "soon arrived"),
    "memory of nothing": (("run", "--budget-gb", "nan"), "positive number"),
    "no folder": (("report", "no/such/folder"), "no/such/folder"),
    "negative seed": (("run", "--seed", "-1"), "seed"),
    "both extents": (("run", "--quick", "--full"), "exclude each other"),
    "nothing to overwrite": (("run", "--overwrite"), "name it with --out"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_sentence_and_code_2(case, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, message = BAD_INPUT[case]
    code, out, err = gradscale(capsys, *arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
    assert not out
    assert list(tmp_path.iterdir()) == []


def test_the_output_folder_is_a_file(capsys, tmp_path):
    out = tmp_path / "file"
    out.write_text("mine")
    code, _, err = gradscale(capsys, "run", "--out", str(out))
    assert code == 2
    assert str(out) in err
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "results.csv"), ("", "results.csv"), (None, "line 2")],
)
def test_report_of_a_csv_that_is_not_ours_or_cut_off(folder, capsys, tmp_path, text, message):
    if text is None:
        text = (folder / "results.csv").read_text()
        text = "\n".join(text.splitlines()[:2])[:-40]
    (tmp_path / "results.csv").write_text(text)
    code, _, err = gradscale(capsys, "report", str(tmp_path))
    assert code == 2
    assert message in err
    assert [p.name for p in tmp_path.iterdir()] == ["results.csv"]


def test_verify_prints_a_table_and_ends_with_code_0(capsys):
    code, out, _ = gradscale(capsys, "verify", "--problem", "circuit", "--problem", "gates")
    assert code == 0
    assert [line.split()[:1] for line in out.splitlines()].count(["circuit"]) == 4
    assert max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split())
    assert "17 of 18 gradients agree with their references: hand-written (8 engines), graph" in said
    assert "17 of 18 gradients agree with the true gradient (1 unsupported)" in said


def test_verify_ends_with_code_1_on_a_mismatch(capsys, monkeypatch):
    import dataclasses

    from compare.problems import PROBLEMS

    circuit = PROBLEMS["circuit"]

    def doubled(**inputs):
        value, gradients = circuit.gradient(**inputs)
        return value, {name: 2 * x_bar for name, x_bar in gradients.items()}

    monkeypatch.setitem(PROBLEMS, "circuit", dataclasses.replace(circuit, gradient=doubled))
    chosen = ("--problem", "circuit", "--engine", "hand-written")
    code, out, _ = gradscale(capsys, "verify", *chosen)
    assert code == 1
    assert "mismatch" in out


def test_list_names_every_problem_and_engine(capsys):
    code, out, _ = gradscale(capsys, "list")
    assert code == 0
    for name in (*compare.PROBLEMS, *compare.ENGINES):
        assert name in out


def test_version(capsys):
    code, out, _ = gradscale(capsys, "--version")
    assert (code or 0) == 0
    assert out.startswith("gradscale, version")

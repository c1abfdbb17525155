import dataclasses
import json

import pytest

from benchmarks.command import benchmarks
from benchmarks.workloads import WORKLOADS
from compare.cli import main

TINY = ("--rounds", "1", "--sample-ms", "0.001")

pytestmark = pytest.mark.usefixtures("undisturbed")


def ran(capsys, *arguments):
    """Return exit code, output and errors of a command."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments, benchmarks, "python -m benchmarks")
    captured = capsys.readouterr()
    return exit_.value.code, captured.out, captured.err


def test_a_table_and_a_file(capsys, tmp_path):
    path = tmp_path / "bench.json"
    choice = ("--workload", "mlp", "--candidate", "autodiff")
    code, out, _ = ran(capsys, "eager", *choice, *TINY, "--json", str(path))
    assert code == 0
    assert "mlp: tanh network" in out
    assert "≤ 1.5" in out
    (result,) = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert [entry["candidate"] for entry in result["entries"]] == ["by-hand", "autodiff"]


def test_a_wrong_gradient_is_exit_code_1(capsys, monkeypatch):
    mlp = WORKLOADS["mlp"]

    def doubled(*inputs):
        value, gradients = mlp.hand(*inputs)
        return value, {name: 2 * x_bar for name, x_bar in gradients.items()}

    monkeypatch.setitem(WORKLOADS, "mlp", dataclasses.replace(mlp, hand=doubled))
    choice = ("--workload", "mlp", "--candidate", "autodiff")
    code, out, _ = ran(capsys, "eager", *choice, *TINY)
    assert code == 1
    assert "not timed: autodiff on mlp" in out


def test_the_compiled_table_takes_short_names(capsys, tmp_path):
    path = tmp_path / "bench.json"
    choice = ("--workload", "W5a", "--workload", "mlp", "--candidate", "by-hand-out")
    code, out, _ = ran(capsys, "compiled", *choice, *TINY, "--json", str(path))
    assert code == 0
    assert "W5a circuit: (x + y) z" in out
    assert "left out: by-hand-out (nothing is faster" in out
    circuit, mlp = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert (circuit["label"], mlp["workload"]) == ("W5a", "mlp")
    assert [entry["status"] for entry in circuit["entries"]] == ["ok", "unsupported"]
    assert [entry["status"] for entry in mlp["entries"]] == ["ok", "ok"]


def test_fresh_processes_from_the_command_line(capsys, tmp_path):
    path = tmp_path / "bench.json"
    choice = ("--workload", "W2", "--candidate", "by-hand-out", "--fresh")
    code, out, _ = ran(capsys, "compiled", *choice, *TINY, "--json", str(path))
    assert code == 0
    assert "each sample in a process of its own" in " ".join(out.split())
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["fresh"] is True
    assert set(document["threads"].values()) == {1}
    hand, best = document["results"][0]["entries"]
    assert hand["ratio"] == 1.0
    assert len(best["samples_s"]) == document["rounds"] == 1
    assert best["prepare_s"] > 0


@pytest.mark.parametrize("command", ["eager", "compiled"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--workload", "chian"), "did you mean 'chain'"),
        (("--candidate", "autograb"), "did you mean 'autograd'"),
        (("--rounds", "0"), "rounds"),
        (("--sample-ms", "-1"), "positive number"),
        (("--json", "no/such/folder/bench.json"), "no folder"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(
    capsys, tmp_path, monkeypatch, command, arguments, expected
):
    monkeypatch.chdir(tmp_path)
    code, out, err = ran(capsys, command, *arguments)
    assert code == 2
    assert expected in err
    assert len(err.strip().splitlines()) == 1
    assert not out


@pytest.mark.parametrize("rounds", [None, 3])
def test_the_symbolic_bench_has_rounds_of_its_own(capsys, monkeypatch, rounds):
    from benchmarks.symbolic import run as symbolic

    def run(*, rounds, sample_s, on_stage):
        raise ValueError(f"rounds: {rounds}")

    monkeypatch.setattr(symbolic, "run_symbolic", run)
    given = () if rounds is None else ("--rounds", str(rounds))
    code, _, errors = ran(capsys, "symbolic", *given)
    assert code == 2
    assert f"rounds: {rounds or 21}" in errors

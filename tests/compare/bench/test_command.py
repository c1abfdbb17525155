import dataclasses
import json

import pytest

from compare.bench.workloads import WORKLOADS
from compare.cli import main

TINY = ("--rounds", "1", "--sample-ms", "0.001")


def gradscale(capsys, *arguments):
    """Return exit code, output and errors of a command."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    captured = capsys.readouterr()
    return exit_.value.code, captured.out, captured.err


def test_a_table_and_a_file(capsys, tmp_path):
    path = tmp_path / "bench.json"
    choice = ("--workload", "mlp", "--contender", "autodiff")
    code, out, _ = gradscale(capsys, "bench", "eager", *choice, *TINY, "--json", str(path))
    assert code == 0
    assert "mlp: tanh network" in out
    assert "≤ 1.5" in out
    (result,) = json.loads(path.read_text(encoding="utf-8"))["results"]
    assert [entry["contender"] for entry in result["entries"]] == ["by-hand", "autodiff"]


def test_a_wrong_gradient_is_exit_code_1(capsys, monkeypatch):
    mlp = WORKLOADS["mlp"]

    def doubled(**inputs):
        value, gradients = mlp.hand(**inputs)
        return value, {name: 2 * x_bar for name, x_bar in gradients.items()}

    monkeypatch.setitem(WORKLOADS, "mlp", dataclasses.replace(mlp, hand=doubled))
    choice = ("--workload", "mlp", "--contender", "autodiff")
    code, out, _ = gradscale(capsys, "bench", "eager", *choice, *TINY)
    assert code == 1
    assert "not timed: autodiff on mlp" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--workload", "chian"), "did you mean 'chain'"),
        (("--contender", "autograb"), "did you mean 'autograd'"),
        (("--rounds", "0"), "rounds"),
        (("--sample-ms", "-1"), "positive number"),
        (("--json", "no/such/folder/bench.json"), "no folder"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(capsys, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    code, out, err = gradscale(capsys, "bench", "eager", *arguments)
    assert code == 2
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert not out

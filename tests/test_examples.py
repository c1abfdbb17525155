import contextlib
import importlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autodiff

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples"
SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py") if not p.stem.startswith("_"))
EXAMPLES = [name for name in SCRIPTS if name != "differences"]


@pytest.fixture(autouse=True)
def _examples_can_be_imported(monkeypatch):
    """The examples are not installed: they lie beside the packages."""
    monkeypatch.syspath_prepend(ROOT)


def module(name):
    return importlib.import_module(f"examples.{name}")


def test_all_ten_are_run():
    assert len(EXAMPLES) == 10
    assert sorted(module("__main__").NAMES) == EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_its_gradient_is_right(name, capsys):
    example = module(name)
    example.main()
    assert len(capsys.readouterr().out.splitlines()) >= 1
    error = module("differences").largest_error(*example.case())
    assert error < module("__main__").TOLERANCE


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_what_it_computes_and_from_where(name):
    text = module(name).__doc__
    assert any(str(year) in text for year in range(1900, 2030)), "its source, with the year"
    assert f"[{name}.py]({name}.py)" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_an_example_is_a_script():
    done = subprocess.run(
        [sys.executable, str(FOLDER / "k_means.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )
    assert done.returncode == 0, done.stderr
    assert "Lloyd" in done.stdout


def planted(function, factor):
    """Return a function whose derivative is wrong by a factor."""

    def rule(number):
        def vjp(out, *args):
            _, pullback = autodiff.vjp(function, *args)
            return lambda g: factor * pullback(g)[number]

        def jvp(tangent, out, *args):
            tangents = [np.zeros_like(x) for x in args]
            tangents[number] = tangent
            return factor * autodiff.jvp(function, args, tangents)[1]

        return vjp, jvp

    return autodiff.custom(function, vjps={0: rule(0)[0]}, jvps={0: rule(0)[1]})


#: Which function of an example is given a wrong rule.
MISTAKES = {
    "black_scholes": "ndtr",
    "lstm": "sigmoid",
    "attention": "softmax",
    "spring_network": "energy",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_caught(name, monkeypatch):
    """By the check in the example, and by the entries of the Jacobian."""
    example = module(name)
    right = getattr(example, MISTAKES[name])
    monkeypatch.setattr(example, MISTAKES[name], planted(right, 1.001))
    with contextlib.redirect_stdout(io.StringIO()), pytest.raises(autodiff.WrongGradient):
        example.main()
    error = module("differences").largest_error(*example.case())
    assert error > 100 * module("__main__").TOLERANCE


def test_running_them_all_names_those_that_fail(monkeypatch, capsys):
    everything = module("__main__")
    springs = module("spring_network")
    monkeypatch.setattr(springs, "energy", planted(springs.energy, 1.001))
    monkeypatch.setattr(module("k_means"), "main", lambda: None)
    monkeypatch.setattr(everything, "largest_error", lambda f, args: 1e-3)
    failed = everything.run_all(["spring_network", "k_means"])
    assert failed == ["spring_network", "k_means"]
    first, second = capsys.readouterr().out.splitlines()
    assert "failed: WrongGradient" in first
    assert "WRONG" in second


def test_every_entry_is_compared():
    """One entry of one part that is wrong is found, wherever it is."""
    largest_error = module("differences").largest_error
    arguments = (2.0, {"w": np.array([1.0, -2.0])}, np.ones((2, 2)))

    def function(x, p, m):
        return x**2 * np.sum(p["w"] * m)

    assert largest_error(function, arguments) < 1e-8
    for place in range(4):

        def wrong(x, p, m, place=place):
            weights = np.ones(4)
            weights[place] = 1.01
            bent = autodiff.custom(np.sum, vjps={0: lambda out, a: lambda g: g * weights})
            flat = np.ravel(p["w"] * m)
            return x**2 * bent(flat)

        assert largest_error(wrong, arguments) > 1e-4

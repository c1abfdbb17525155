"""Files beside a user's model that are called like modules that a worker needs."""

import sys

import numpy as np
import pytest

from compare.engines.by_file import engine_in_file
from compare.problems.by_file import problem_in_file
from compare.process.executor import Budget, Executor
from compare.process.jobs import import_modules

NEIGHBOURS = ("compare", "autodiff", "symdiff", "numpy", "code", "random", "struct", "psutil")
MODEL = """
import json_of_mine
import numpy as np

def loss(params, x):
    return np.sum(json_of_mine.squashed(x @ params["w"]))

def zeros(f, inputs, wrt):
    return f(**inputs), {name: 0.0 * inputs[name] for name in wrt}

inputs = {"w": np.ones((2, 2))}, np.ones(2)
"""


def run(report, case):
    import code
    import random
    import struct

    import compare

    assert not hasattr(compare, "MINE")
    assert all(not hasattr(module, "MINE") for module in (code, random, struct, np))
    return case.problem.function(**case.inputs)


def test_neighbours_hide_nothing_that_a_worker_needs(tmp_path, monkeypatch):
    for name in NEIGHBOURS:
        (tmp_path / f"{name}.py").write_text("MINE = True\n")
    (tmp_path / "json_of_mine.py").write_text("import numpy as np\nsquashed = np.tanh\n")
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    # As of a script that was started in its folder: all modules that it needs are loaded by now.
    monkeypatch.setattr(sys, "path", [str(tmp_path), "", *sys.path])
    problem = problem_in_file("model.py:loss", example="model.py:inputs", wrt=["params"])
    engine = engine_in_file("model.py:zeros")
    with Executor() as executor:
        outcome = executor.run(run, problem.case(1, 0), budget=Budget(20.0, 2**31))
        assert outcome.status == "ok", outcome.message
        assert outcome.result == 4 * np.tanh(2.0) / 2
        loaded = executor.run(import_modules, ("autodiff", "symdiff"), budget=Budget(20.0, 2**31))
        assert loaded.status == "ok", loaded.message
        ran = executor.run(_gradient, problem.case(1, 0), engine, budget=Budget(20.0, 2**31))
        assert ran.status == "ok", ran.message


def _gradient(report, case, engine):
    return engine.prepare(case).run(case.inputs)[1]["params.w"].sum()


def test_a_module_that_a_worker_would_find_elsewhere_goes_by_value(tmp_path, monkeypatch):
    # Python's own `colorsys` stands before a user's in a worker.
    (tmp_path / "colorsys.py").write_text("def loss(report):\n    return 'mine'\n")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    import colorsys

    try:
        with Executor() as executor:
            outcome = executor.run(colorsys.loss, budget=Budget(20.0, 2**31))
    finally:
        del sys.modules["colorsys"]
    assert outcome.result == "mine", outcome.message


def test_a_neighbour_that_is_hidden_is_named(tmp_path):
    (tmp_path / "code.py").write_text("def helper(x):\n    return x\n")
    (tmp_path / "model.py").write_text("from code import helper\n")
    with pytest.raises(ValueError, match=r"code\.py beside it is hidden by an installed module"):
        problem_in_file(str(tmp_path / "model.py:loss"))

"""Engines and problems of files, with no registration."""

import textwrap

import numpy as np
import pytest

import compare
from compare.engines.by_file import engine_in_file
from compare.problems.by_file import problem_in_file

MODEL = '''
"""A model of somebody's own."""
import dataclasses
import numpy as np
import neighbour
import compare

SCALE = 2.0

@dataclasses.dataclass
class Settings:
    power: float = 2.0

def loss(w, x):
    """Sum of scaled squares."""
    return SCALE * np.sum(neighbour.twice(w) * x) ** Settings().power

def defaults(w=np.ones(2)):
    return np.sum(w)

def vector(w):
    return w

def nothing(w):
    return None

example = {"w": np.ones(3), "x": np.arange(3.0)}
in_order = (np.ones(3), np.arange(3.0))
def drawn():
    return example

whole = {"w": np.ones(3, int), "x": np.arange(3)}

def inputs(size, rng):
    return {"w": rng.standard_normal(size), "x": rng.standard_normal(size)}

def by_size(size):
    return np.ones(size), np.ones(size)

def three(a, b, c):
    return a

def zeros(f, inputs, wrt):
    return f(**inputs), {name: np.zeros_like(inputs[name]) for name in wrt}

GRAPH = compare.get_engine("graph")
ENGINE = compare.Engine("of-a-file", "graph again", ("autodiff",), GRAPH.prepare)

if __name__ == "__main__":
    raise SystemExit("this block must not run")
'''


@pytest.fixture
def model(tmp_path):
    """A file with a neighbour that it imports."""
    (tmp_path / "neighbour.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "model.py").write_text(textwrap.dedent(MODEL))
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "raising.py").write_text("1 / 0\n")
    return str(tmp_path / "model.py")


@pytest.mark.parametrize("example", ["example", "in_order", "drawn"])
def test_a_function_of_a_file_is_verified(model, example):
    problem = problem_in_file(f"{model}:loss", example=f"{model}:{example}", wrt=["w"])
    assert (problem.name, problem.meaning, problem.family) == (
        "loss",
        "Sum of scaled squares.",
        "own",
    )
    case = problem.case(1, 0)
    value, gradients = compare.get_engine("graph").prepare(case).run(case.inputs)
    # 2 (2 (0 + 1 + 2))^2 = 72, and its derivative 2 · 2 · 6 · 2 x.
    assert float(value) == 72.0
    np.testing.assert_allclose(gradients["w"], 48.0 * np.arange(3.0))


@pytest.mark.parametrize("example", ["inputs", "by_size"])
def test_a_growing_function_has_inputs_of_each_size(model, example):
    problem = problem_in_file(f"{model}:loss", example=f"{model}:{example}", sizes=(2, 4))
    assert (problem.sizes, problem.family) == ((2, 4), "loss")
    for size in problem.sizes:
        case = problem.case(size, 0)
        assert case.parameters == 2 * size
        gradients = compare.get_engine("graph").prepare(case).run(case.inputs)[1]
        assert {name: np.shape(g) for name, g in gradients.items()} == {"w": (size,), "x": (size,)}


@pytest.mark.exhaustive
def test_a_growing_function_goes_through_a_sweep(model):
    from compare.measure.sweep import Plan, sweep
    from compare.process.executor import Budget

    problem = problem_in_file(f"{model}:loss", example=f"{model}:inputs", sizes=(2, 4))
    engines = (compare.get_engine("graph"), engine_in_file(f"{model}:ENGINE"))
    plan = Plan((problem,), engines, Budget(3.0, 2 * 1024**3), lambda p: p.sizes)
    rows = [ended.row for ended in sweep(plan)]
    assert [(row["size"], row["engine"], row["status"]) for row in rows] == [
        (2, "graph", "ok"),
        (2, "of-a-file", "ok"),
        (4, "graph", "ok"),
        (4, "of-a-file", "ok"),
    ], [row["message"] for row in rows]
    assert {row["family"] for row in rows} == {"loss"}
    assert [row["parameters"] for row in rows] == [4, 4, 8, 8]


def test_a_wrong_engine_of_a_file_is_caught(model):
    engine = engine_in_file(f"{model}:zeros")
    frame = compare.verify(lambda x: np.sum(x * x), np.ones(3), engines=[engine])
    assert frame["status"].tolist() == ["mismatch"]


def test_defaults_stand_in_for_an_example(model):
    assert problem_in_file(f"{model}:defaults").case(1, 0).parameters == 2


@pytest.mark.parametrize(
    ("name", "example", "text"),
    [
        ("los", "", "did you mean 'loss'"),
        ("loss", "", "needs the arguments w, x"),
        ("SCALE", "", "is a float; expected a function"),
        ("vector", "in_order", "too many positional"),
        ("loss", "whole", "of dtype int64; expected a float"),
        ("loss", "three", "expected inputs"),
        ("loss", "SCALE", "missing a required argument"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(model, name, example, text):
    with pytest.raises((ValueError, TypeError), match=text) as caught:
        problem_in_file(f"{model}:{name}", example=f"{model}:{example}" if example else "")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("absent.py:f", "there is no such file"),
        ("broken.py:f", "cannot be run at line 1: SyntaxError"),
        ("raising.py:f", "cannot be run: ZeroDivisionError"),
        ("model.py", "names no function"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(model, tmp_path, file, text):
    for load in (problem_in_file, engine_in_file):
        with pytest.raises(ValueError, match=text):
            load(str(tmp_path / file))


def test_an_engine_needs_the_right_arguments(model):
    with pytest.raises(ValueError, match=r"value_and_gradient\(f, inputs, wrt\)"):
        engine_in_file(f"{model}:loss")

"""One gradient three ways: of an own function too, and why a part is missing."""

import numpy as np

from compare.problems.own import own_problem
from compare.studies.example import example_of, saved_example


def square(w):
    return np.sum(np.tanh(w) ** 2)


def no_graph(w):
    return int(w[0]) * w[1]


def test_an_own_function_is_shown_or_the_reason_why_not():
    shown = example_of(own_problem(square, (np.array([0.5, -1.0]),)))
    assert shown.title == "square, as given"
    assert shown.formula.lines[0].startswith("∂f/∂w[0] = ")
    assert shown.matrix.lines[-1].startswith("∂L/∂w = ")
    assert "tanh" in shown.circuit.lines[0]
    assert not any(part.why for part in (shown.formula, shown.matrix, shown.circuit))
    problem = own_problem(no_graph, (np.array([0.5, -1.0]),))
    apart, here = example_of(problem), example_of(problem, trusted=True)
    for example in (apart, here):
        for part in (example.formula, example.matrix, example.circuit):
            assert part.lines == ()
            assert "int" in part.why
            assert "\n" not in part.why
    assert (
        saved_example({"title": "t", "formula": {"lines": ["a"], "note": "n"}}).formula.note == "n"
    )


def test_a_model_in_a_dict_has_formulas_with_short_names():
    def model(params, other, x):
        return np.sum(np.tanh(x @ params["w"]) * other["lambda"] + params["b"] * other["b"])

    params = {"w": np.ones((2, 2)), "b": 1.0}
    problem = own_problem(model, (params, {"lambda": 2.0, "b": 1.0}, np.ones(2)))
    for example in (example_of(problem), example_of(problem, trusted=True)):
        assert not any(part.why for part in (example.formula, example.matrix, example.circuit))
        assert example.formula.lines[0].startswith("∂f/∂w[0,0] = ")
        assert any(line.startswith("∂L/∂params_b = ") for line in example.matrix.lines)
        assert any("∂other_lambda" in line for line in example.matrix.lines)
        assert "params.w" in example.circuit.lines[0]


def test_a_large_graph_shows_its_top():
    def chain(w):
        for _ in range(60):
            w = np.sin(w)
        return w

    example = example_of(own_problem(chain, (0.5,)), trusted=True)
    assert example.circuit.note == "Its top: 40 of 61 nodes."
    assert example.circuit.lines[0].count('class="gate"') == 40
